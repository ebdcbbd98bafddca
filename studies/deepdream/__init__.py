"""What does a layer see in a picture?"""
