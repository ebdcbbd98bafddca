"""Many small pictures as one square."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from skimage.transform import resize

from drawing.grid import Mark
from drawing.letterbox import letterbox

MOSAIC_GAP = 2  # pixels between tiles


class Mosaic(NamedTuple):
    """Many small pictures as one square, row by row, and where each of them is."""

    pixels: np.ndarray  # (S, S, 3), [0, 1]
    columns: int
    side: int  # of a tile, in pixels

    def mark(self, index: int, text: str = "") -> Mark:
        """A frame around tile `index`."""
        row, column = divmod(index, self.columns)
        step = self.side + MOSAIC_GAP
        return Mark(column * step, row * step, self.side, self.side, text)


def mosaic(tiles: Sequence[np.ndarray], *, side: int = 520) -> Mosaic:
    """Put small pictures (h, w, 3) in [0, 1], all of one size, into a square of about `side` pixels, on white.

    A tile larger than its place is averaged down; the pixels of a smaller one are drawn as squares, all of one size.
    One that is not square lies in the middle of a square place.
    """
    longest = max(tiles[0].shape[:2])
    tiles = [letterbox(tile, longest, longest) for tile in tiles]
    columns = math.ceil(math.sqrt(len(tiles)))
    there, place = len(tiles[0]), max(4, (side + MOSAIC_GAP) // columns - MOSAIC_GAP)
    place = place // there * there or place
    step = place + MOSAIC_GAP
    pixels = np.ones((columns * step - MOSAIC_GAP, columns * step - MOSAIC_GAP, 3))
    for index, tile in enumerate(tiles):
        top, left = (step * number for number in divmod(index, columns))
        repeated = np.repeat(np.repeat(tile, max(1, place // there), axis=0), max(1, place // there), axis=1)
        fitted = repeated if len(repeated) == place else resize(repeated, (place, place), anti_aliasing=True)
        pixels[top : top + place, left : left + place] = fitted
    return Mosaic(pixels, columns, place)
