"""Where is the evidence for a class?"""
