"""One folder a question: flags.py says what can be asked, study.py does the work, figure.py draws it."""
