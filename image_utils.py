"""The course's names for preparing and showing pictures; `courses.pictures` says what each does."""

import numpy as np  # scripts of the course that import everything from here rely on these three, too
import torch
from PIL import Image

from courses.pictures import (
    SQUEEZENET_MEAN,
    SQUEEZENET_STD,
    blur_image,
    deprocess,
    deprocess_image,
    image_from_url,
    jitter,
    load_image,
    preprocess,
    preprocess_image,
    rescale,
)

__all__ = [
    "SQUEEZENET_MEAN",
    "SQUEEZENET_STD",
    "Image",
    "blur_image",
    "deprocess",
    "deprocess_image",
    "image_from_url",
    "jitter",
    "load_image",
    "np",
    "preprocess",
    "preprocess_image",
    "rescale",
    "torch",
]
