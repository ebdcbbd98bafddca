"""A table of short texts as a picture."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of


def draw_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    note: str = "",
    styles: dict[tuple[int, int], dict] | None = None,
) -> np.ndarray:
    """Draw a table of short texts -> RGB (H, W, 3), uint8. styles: (row, column) -> how to write a cell, e.g. bold."""
    first, other, line = 1.8, 1.25, 0.3  # inches: width of the first column and of the others, height of a row
    width = first + other * (len(header) - 1)
    notes = textwrap.wrap(note, int(width * 16.5))
    top = 0.9 if title else 0.5
    height = top + 0.25 + line * len(rows) + 0.15 * len(notes) + 0.2
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")

    def words(x: float, y: float, text: str, **style) -> None:
        figure.text(x / width, 1 - y / height, text, parse_math=False, **({"va": "center"} | style))

    def row_of(y: float, texts: Sequence[str], index: int = -1, **style) -> None:
        for column, text in enumerate(texts):
            place = {"ha": "center"} if column else {"ha": "left"}
            x = first + other * (column - 0.5) if column else 0.12
            words(x, y, text, **(place | style | (styles or {}).get((index, column), {})))

    words(0.12, 0.26, title, fontsize=13, fontweight="bold")
    row_of(top - 0.12, ["\n".join(textwrap.wrap(text, 15)) for text in header], fontsize=9, fontweight="bold")
    for index, row in enumerate(rows):
        row_of(top + 0.35 + line * index, row, index, fontsize=10)
    for y, weight in ((top + 0.17, 1.2), (top + 0.2 + line * len(rows), 0.8)):
        figure.add_artist(
            Line2D((0.1 / width, 1 - 0.1 / width), (1 - y / height,) * 2, color="black", linewidth=weight)
        )
    words(0.12, top + 0.3 + line * len(rows), "\n".join(notes), fontsize=7.5, color="0.4", va="top")
    return pixels_of(figure)
