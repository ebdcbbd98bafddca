"""The course's names for preparing and showing pictures; `courses.pictures` says what each does."""

import numpy as np  # scripts of the course that import everything from here rely on these three, too
import torch
from PIL import Image

from courses import pictures
from courses.pictures import *  # noqa: F403

__all__ = [*pictures.__all__, "Image", "np", "torch"]
