"""Does it look at the thing, or at what is behind it?"""
