"""Draws pictures in rows, with the losses of each painted one below it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drawing.grid import Panel, draw_grid
from painting.objective import Terms
from studies.tradeoffs.flags import DEFAULT_LOSS

BELOW = f"relative losses, {DEFAULT_LOSS.title()} style"


class Cell(NamedTuple):
    """A picture of a figure."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    title: str = ""
    losses: Terms | None = None  # of a painted picture, all with weight 1
    gram: float | None = None  # its style loss by Gram matrices, where both losses are compared


class Rows(NamedTuple):
    """What a figure shows, row by row, and what the rows are called."""

    cells: Sequence[Sequence[Cell]]
    names: Sequence[str] = ()


def draw(rows: Rows, *, title: str, footer: str) -> np.ndarray:
    """Cells in rows -> uint8 (H, W, 3)."""
    panels = [[Panel(cell.pixels, cell.title, caption=caption_of(cell)) for cell in row] for row in rows.cells]
    return draw_grid(panels, row_names=rows.names, title=title, footer=f"{footer}; {BELOW}")


def caption_of(cell: Cell) -> str:
    """The losses in words; nothing for a picture that was not painted."""
    if cell.losses is None:
        return ""
    words = "content {:.3f}  style {:.3f}  variation {:.3f}".format(*cell.losses)
    return words if cell.gram is None else f"{words}\nstyle by Gram matrices {cell.gram:.4f}"
