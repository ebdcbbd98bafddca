"""Pictures of any shape in the middle of a white board, so that all panels of a sheet are of one shape."""

import math

import numpy as np


def letterbox(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture (h, w, 3), uint8 or [0, 1] floats, in the middle of a white board (height, width, 3), as it is.

    The board must be at least as large as the picture. Where the rest is odd, the larger half lies right and below.
    """
    (down, across) = (side - length for side, length in zip((height, width), pixels.shape[:2], strict=True))
    margins = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    return np.pad(pixels, margins, constant_values=255 if pixels.dtype == np.uint8 else 1)


def board(pixels: np.ndarray, shape: float = 4 / 3) -> tuple[int, int]:
    """(width, height) of the smallest board of a shape, width over height, that holds the picture (h, w, 3)."""
    high, wide = pixels.shape[:2]
    width = max(wide, math.ceil(high * shape))
    return width, max(high, math.ceil(width / shape))
