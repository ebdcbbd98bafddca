"""Draws each facet: its nearest images, their mean, and the picture climbed from it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drawing.colours import stretch
from drawing.grid import Panel, draw_grid
from drawing.mosaic import MOSAIC_GAP, fit_lanczos, mosaic

SHOWN = 3  # images a side in the square of those nearest to a facet's centre
TILE = 82  # pixels a side of each


class Facet(NamedTuple):
    """What came of one facet. All pictures are uint8 (H, W, 3)."""

    heading: str  # class and number, share of the images, the commonest kind
    nearest: list[np.ndarray]  # to the facet's centre, the nearest first
    mean: np.ndarray
    climbed: np.ndarray
    title: str  # what the network sees in the climbed picture


def draw(facets: Sequence[Facet], *, nearest: int, footer: str) -> np.ndarray:
    """Facets across -> uint8 (H, W, 3). nearest: images in the mean."""
    rows = (
        [Panel(nearest_images(facet), facet.heading) for facet in facets],
        [Panel(stretch(facet.mean)) for facet in facets],
        [Panel(stretch(facet.climbed), facet.title) for facet in facets],
    )
    row_names = ("nearest to\nthe facet's centre", f"mean of the\n{nearest} nearest", "climbed\nfrom the mean")
    return draw_grid(rows, row_names=row_names, title="The facets of a class", footer=footer)


def nearest_images(facet: Facet) -> np.ndarray:
    """The nearest images as one square, each with a white edge."""
    side = SHOWN * (TILE + MOSAIC_GAP) - MOSAIC_GAP
    tiles = facet.nearest[: SHOWN**2]
    return mosaic(tiles, side=side, columns=SHOWN, border=MOSAIC_GAP // 2, fit=fit_lanczos).pixels
