"""Draws the textures: one row a sample, one column a way to make it anew."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drawing.grid import Panel, draw_grid
from drawing.lettering import DOTS_PER_INCH

SHOWN = 224  # pixels: about as wide are panels drawn, each of their pixels as a square
BLOCKS = {1: "conv1", 4: "fire3", 6: "fire4", 7: "fire5"}  # what the layers are called


class Texture(NamedTuple):
    """A texture, and what came of it."""

    method: str
    pixels: np.ndarray  # uint8 (H, W, 3)
    distance: float  # of its Gram matrices from the sample's
    seconds: float


class Row(NamedTuple):
    """A sample, and what each method made of it; the classical one last."""

    name: str
    sample: np.ndarray  # uint8 (S, S, 3)
    made: list[Texture]


def draw(rows: Sequence[Row], *, footer: str) -> np.ndarray:
    """One row a texture, the sample first -> uint8 (H, W, 3)."""
    first = rows[0]
    panels, side = [], max(len(first.made[0].pixels), len(first.sample))
    for index, row in enumerate(rows):
        cells = [Panel(on_white(row.sample, side), "sample\n" if index == 0 else "")]
        for texture in row.made:
            lines = [title_of(texture.method)] if index == 0 else []
            title = "\n".join([*lines, f"distance {rounded(texture.distance)}"])
            cells.append(Panel(on_white(texture.pixels, side), title))
        panels.append(cells)
    words = "distance: of Gram matrices from the sample's, ||G - A||² / ||A||², mean over layers 1, 4, 6, 7; "
    return draw_grid(
        panels,
        row_names=[row.name for row in rows],
        cell=side * max(1, round(SHOWN / side)) / DOTS_PER_INCH,
        title="Textures from Gram matrices, and by sampling pixels",
        footer=words + footer,
    )


def on_white(pixels: np.ndarray, side: int) -> np.ndarray:
    """A square picture in the middle of a white one, so that sample and results are drawn at one scale."""
    room = side - len(pixels)
    ends = (room // 2, room - room // 2)
    return np.pad(pixels, (ends, ends, (0, 0)), constant_values=255)


def title_of(method: str) -> str:
    """ "layers 1, 4" and, below, "conv1, fire3": what stands above a column."""
    kind, _, numbers = method.partition(" ")
    if not kind.startswith("layer"):
        return f"{method}\n(Efros and Leung)"
    return f"{method}\n{', '.join(BLOCKS[int(number)] for number in numbers.split(', '))}"


def rounded(value: float) -> str:
    """Two digits that count, without an exponent."""
    return f"{value:.2f}" if value >= 0.1 else f"{float(f'{value:.2g}'):.6f}".rstrip("0").rstrip(".")
