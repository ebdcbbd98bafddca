"""What does each setting of style transfer do?"""
