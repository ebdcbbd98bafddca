"""What the page computes, one module a kind of question: settings in, pictures and words out. No Gradio here."""
