"""Which images look alike to the network?"""
