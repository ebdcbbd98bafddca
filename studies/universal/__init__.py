"""Does one change fool the network on every image?"""
