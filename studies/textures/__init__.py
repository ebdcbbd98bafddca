"""How much of a texture do Gram matrices hold?"""
