"""Where does the object end?"""
