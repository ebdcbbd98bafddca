"""What would this picture look like in that style, at once?"""
