"""Pictures of any shape in the middle of a white board, so that all panels of a sheet are of one shape."""

import numpy as np
from PIL import Image


def letterbox(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    """A picture (h, w, 3), uint8 or [0, 1] floats, in the middle of a white board (height, width, 3), as it is.

    The board must be at least as large as the picture. Where the rest is odd, the larger half lies right and below.
    """
    (down, across) = (side - length for side, length in zip((height, width), pixels.shape[:2], strict=True))
    margins = ((down // 2, down - down // 2), (across // 2, across - across // 2), (0, 0))
    return np.pad(pixels, margins, constant_values=255 if pixels.dtype == np.uint8 else 1)


def board(pixels: np.ndarray, shape: tuple[int, int] = (4, 3)) -> tuple[int, int]:
    """(width, height) of the smallest board of a shape, width to height, that holds the picture (h, w, 3)."""
    (high, wide), (across, down) = pixels.shape[:2], shape
    width = max(wide, -(-high * across // down))  # rounded up, in whole numbers
    return width, max(high, -(-width * down // across))


def on_board(picture: Image.Image | np.ndarray) -> np.ndarray:
    """A picture on the smallest white board of 4 to 3 that holds it -> (H, W, 3)."""
    pixels = np.asarray(picture)
    return letterbox(pixels, *board(pixels))
