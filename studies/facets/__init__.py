"""Which looks does the network see in one class?"""
