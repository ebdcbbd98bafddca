"""The course's names for its pictures; `courses.photographs` says where they come from."""

import numpy as np  # scripts of the course that import everything from here rely on it, too

from courses.photographs import load_imagenet_val, load_images

__all__ = ["load_imagenet_val", "load_images", "np"]
