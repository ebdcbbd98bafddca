"""How little must change before the network sees something else?"""
