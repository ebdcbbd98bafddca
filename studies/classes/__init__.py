"""What picture does the network hold most typical of a class?"""
