"""A sheet: the pictures down, the styles across, above them the styles' own pictures where these are at hand."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from core.defaults import ROOT
from core.images import load_image
from drawing.grid import Panel, draw_grid
from drawing.letterbox import on_board

CELL = 3.0  # inches: width of a panel


class Row(NamedTuple):
    """A picture, and the same in each style, uint8 (H, W, 3) each."""

    picture: np.ndarray
    painted: Sequence[np.ndarray]


def draw(results: Sequence[Row], titles: Sequence[str], *, footer: str) -> np.ndarray:
    """-> uint8 (H, W, 3). titles: of the columns; of a single style its name in images/styles."""
    rows = [[on_board(pixels) for pixels in (row.picture, *row.painted)] for row in results]
    paths = [ROOT / "images" / "styles" / f"{title}.jpg" for title in titles]
    first = "the picture"
    if all(path.exists() for path in paths):
        header = [on_board(load_image(path)) for path in paths]
        rows.insert(0, [np.full_like(header[0], 255), *header])
        first = ""
    names = [first, *(title.replace("_", " ").replace(", ", "\n") for title in titles)]
    panels = [[Panel(pixels, name) for pixels, name in zip(rows[0], names, strict=True)]]
    panels += [[Panel(pixels) for pixels in row] for row in rows[1:]]
    return draw_grid(panels, cell=CELL, title="Painted in one forward pass", footer=footer)
