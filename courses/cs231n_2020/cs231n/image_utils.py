"""CS231n's helpers for arrays of pictures."""

import numpy as np
from scipy.ndimage import convolve

from core.errors import UsageError
from courses.pictures import (
    SQUEEZENET_MEAN,
    SQUEEZENET_STD,
    deprocess_image,
    image_from_url,
    load_image,
    preprocess_image,
)

__all__ = [
    "SQUEEZENET_MEAN",
    "SQUEEZENET_STD",
    "blur_image",
    "deprocess_image",
    "image_from_url",
    "load_image",
    "preprocess_image",
]

BLUR = np.array([[1, 2, 1], [2, 188, 2], [1, 2, 1]]) / 200  # the course's; it adds up to 1


def blur_image(X: np.ndarray) -> np.ndarray:
    """X (N, 3, H, W) of floats -> the same, each pixel mixed a little with its neighbours, 0 beyond the border."""
    if X.ndim != 4 or X.shape[1] != 3:
        raise UsageError(f"X: an array of shape (N, 3, H, W) is needed, got {X.shape}")
    return convolve(X, BLUR[None, None], mode="constant")
