"""May I believe the map?"""
