"""What do the 36 classes of the embedded world look like?"""
