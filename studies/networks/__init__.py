"""Do other networks look at the same place?"""
