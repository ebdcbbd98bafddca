"""Draws each class three ways, and what the generator knows."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drawing.colours import stretch
from drawing.grid import Panel, draw_grid, stack

ROW_NAMES = {"generator": "code of a\ngenerator", "pixels": "single\npixels", "Fourier form": "Fourier\nform"}


class Climbed(NamedTuple):
    """A picture and its objective at the start and at the end."""

    picture: np.ndarray  # uint8 (H, W, 3)
    title: str  # what it is to be, and what the networks say of it
    first: float
    last: float
    right: bool = False  # the judge names it as asked


class Known(NamedTuple):
    """A scene that the generator was not trained on, and what it draws of the scene's code; uint8 (H, W, 3)."""

    name: str
    scene: np.ndarray
    redrawn: np.ndarray


def draw(climbs: dict[str, Sequence[Climbed]], known: Sequence[Known], *, footer: str) -> np.ndarray:
    """climbs: for each way to climb, in ROW_NAMES, the pictures -> uint8 (H, W, 3)."""
    count = len(next(iter(climbs.values())))
    climbed = draw_grid(
        [[panel(way, each) for each in row] for way, row in climbs.items()],
        row_names=[ROW_NAMES[way] for way in climbs],
        columns=5 if count <= 10 else 9,
        title="What excites the network most, drawn by a generator of scenes, and without one",
    )
    redrawn = draw_grid(
        [[Panel(each.scene, each.name) for each in known], [Panel(each.redrawn) for each in known]],
        row_names=("a new scene", "drawn from\nits code"),
        title="What the generator knows",
        footer=f"{footer}; the generator knows rendered scenes only; single pixels: contrast stretched",
    )
    return stack([climbed, redrawn])


def panel(way: str, climbed: Climbed) -> Panel:
    """Pictures climbed pixel by pixel are faint, so their contrast is stretched."""
    return Panel(stretch(climbed.picture) if way == "pixels" else climbed.picture, climbed.title)
