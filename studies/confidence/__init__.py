"""Does the network know that it does not know?"""
