"""What is measured over many scenes or many rounds, each by one command."""
