"""Can a network be trained so that it is not fooled?"""
