"""Draws what an attack made of an image, and grids of pictures made into classes."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drawing.grid import Panel, draw_grid

FAINT = 0.03  # a difference that is smaller everywhere is drawn a hundred times, ten would show nothing
CELL = 1.7  # inches, of a grid of classes


class Judged(NamedTuple):
    """An attack on one image, judged by the picture that an 8-bit file holds."""

    attack: str  # its title
    image: np.ndarray  # uint8 (H, W, 3)
    saved: np.ndarray  # uint8 (H, W, 3)
    change: np.ndarray  # float (H, W, 3), RGB where white is 1
    fooled: bool
    before: str  # class and probability
    after: str
    as_jpeg: str  # after a JPEG file
    size: str  # of the change, in words


class Result(NamedTuple):
    """A figure to be written, and how many of its pictures were not fooled."""

    figure: np.ndarray
    failures: int
    count: int


def length_text(length: float, norm: str) -> str:
    """How long a change is, in words: "8/255" or "L2 0.52"."""
    return f"at most {length * 255:.3g}/255" if norm == "linf" else f"L2 {length:.3g}"


def draw_attacks(judged: Sequence[Judged], *, jpeg_quality: int, named: bool, footer: str) -> Result:
    """A row for each attack on each image: image, fooled image, difference, difference magnified."""
    rows = [panels_of(one, jpeg_quality) for one in judged]
    names = [one.attack if named else "" for one in judged]
    failures = sum(not one.fooled for one in judged)
    title = title_of(failures, len(rows), "What we see is not what the network reads")
    note = f"{footer}; pictures as an 8-bit PNG holds them"
    return Result(draw_grid(rows, row_names=names, title=title, footer=note), failures, len(rows))


def panels_of(one: Judged, jpeg_quality: int) -> list[Panel]:
    """The four panels of an attack on one image."""
    lead = "not fooled: " if not one.fooled else "" if one.change.any() else "as it is: "
    times = 10 if abs(one.change).max() > FAINT else 100
    return [
        Panel(one.image, one.before),
        Panel(one.saved, f"{lead}{one.after}\nas JPEG {jpeg_quality}: {one.as_jpeg}"),
        Panel((0.5 + one.change).clip(0, 1), f"difference\n{one.size}"),
        Panel((0.5 + times * one.change).clip(0, 1), f"{times} x difference"),
    ]


def draw_classes(rows: Sequence[Sequence[Panel]], *, failures: int, count: int, title: str, footer: str) -> Result:
    """Rows of pictures made into classes."""
    note = f"{footer}; pictures as an 8-bit PNG holds them"
    return Result(draw_grid(rows, cell=CELL, title=title_of(failures, count, title), footer=note), failures, count)


def title_of(failures: int, count: int, otherwise: str) -> str:
    """What the figure says: the failures, if there are any."""
    return f"{failures} of {count} pictures: not fooled" if failures else otherwise
