"""What do the four gradient maps say of each picture of a folder?"""
