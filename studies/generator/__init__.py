"""What excites the network most, in the world of rendered scenes?"""
