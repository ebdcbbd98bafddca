"""What does one picture look like, painted like another?"""
