"""Pictures of any shape in frames of one shape."""

import math

import numpy as np
from PIL import Image


def letterbox(picture: Image.Image | np.ndarray) -> np.ndarray:
    """A picture on white, 4 to 3, its pixels as they are -> uint8 (H, W, 3): all panels of a grid are of one shape."""
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    wide, high = image.size
    width = max(wide, math.ceil(high * 4 / 3))
    height = max(high, math.ceil(width * 3 / 4))
    board = Image.new("RGB", (width, height), "white")
    board.paste(image, ((width - wide) // 2, (height - high) // 2))
    return np.asarray(board)
