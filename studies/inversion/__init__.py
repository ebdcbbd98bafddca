"""What does each layer still remember of a picture?"""
