"""Checks a hand-in part by part, and says what is wrong in it (course/)."""

import sys

from course.command import main

if __name__ == "__main__":
    sys.exit(main())
