"""Many small pictures as one square."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from skimage.transform import resize

from drawing.grid import Mark
from drawing.letterbox import letterbox

MOSAIC_GAP = 2  # pixels between tiles


class Mosaic(NamedTuple):
    """Many small pictures as one square, row by row, and where each of them is."""

    pixels: np.ndarray  # (S, S, 3), [0, 1] or uint8, as the tiles
    columns: int
    side: int  # of a tile, in pixels
    border: int = 0  # pixels around all tiles

    def mark(self, index: int, text: str = "") -> Mark:
        """A frame around tile `index`."""
        row, column = divmod(index, self.columns)
        step = self.side + MOSAIC_GAP
        return Mark(self.border + column * step, self.border + row * step, self.side, self.side, text)


def mosaic(
    tiles: Sequence[np.ndarray],
    *,
    side: int = 520,
    columns: int | None = None,
    border: int = 0,
    fit: Callable[[np.ndarray, int], np.ndarray] | None = None,
) -> Mosaic:
    """Put small pictures (h, w, 3), uint8 or in [0, 1], of one size, into a square of about `side` pixels, on white.

    columns: of tiles, and as many rows; as few as hold them all if None. border: pixels of white around all tiles.
    fit: makes a tile as large as its place (tile, pixels a side); if None, a tile larger than its place is averaged
    down, and the pixels of a smaller one are drawn as squares, all of one size. A tile that is not square lies in
    the middle of a square place.
    """
    white = 255 if tiles[0].dtype == np.uint8 else 1
    longest = max(tiles[0].shape[:2])
    tiles = [letterbox(tile, longest, longest) for tile in tiles]
    columns = columns or math.ceil(math.sqrt(len(tiles)))
    place = max(4, (side + MOSAIC_GAP) // columns - MOSAIC_GAP)
    if fit is None:
        place, fit = place // longest * longest or place, fit_pixels
    step = place + MOSAIC_GAP
    whole = columns * step - MOSAIC_GAP + 2 * border
    pixels = np.full((whole, whole, 3), white, np.uint8 if white == 255 else float)
    for index, tile in enumerate(tiles):
        top, left = (border + step * number for number in divmod(index, columns))
        pixels[top : top + place, left : left + place] = fit(tile, place)
    return Mosaic(pixels, columns, place, border)


def fit_pixels(tile: np.ndarray, side: int) -> np.ndarray:
    """A square tile in [0, 1]: pixels drawn as squares where `side` is a multiple of it, else averaged down."""
    times = max(1, side // len(tile))
    repeated = np.repeat(np.repeat(tile, times, axis=0), times, axis=1)
    return repeated if len(repeated) == side else resize(repeated, (side, side), anti_aliasing=True)


def fit_lanczos(tile: np.ndarray, side: int) -> np.ndarray:
    """A square tile, uint8, made larger or smaller by Lanczos's filter: for photographs."""
    return np.asarray(Image.fromarray(tile).resize((side, side), Image.Resampling.LANCZOS))
