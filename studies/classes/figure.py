"""Draws the picture of each class, and how the first one grew."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drawing.colours import stretch
from drawing.grid import Panel, draw_grid, stack

COLUMNS = 5  # pictures side by side; more go on below
ROW_NAMES = {"pixels": "pixels", "fourier": "Fourier basis"}


class Climb(NamedTuple):
    """What came of one form. All pictures are uint8 (H, W, 3)."""

    form: str
    pictures: list[np.ndarray]  # one a class
    titles: list[str]  # class and probability
    growth: dict[int, np.ndarray]  # at some iterations, the first class's picture


def draw(climbs: Sequence[Climb], *, name: str, footer: str) -> np.ndarray:
    """Classes across, forms down; below, how the first class `name` grew -> uint8 (H, W, 3)."""
    several = len(climbs) > 1
    row_names = [ROW_NAMES[climb.form] for climb in climbs] if several else ()
    faint = "; contrast of the pixel form stretched" if several else "; contrast stretched where faint"
    note = footer + (faint if any(climb.form == "pixels" for climb in climbs) else "")
    pictures, growth = [], []
    for climb in climbs:
        pictures.append(class_panels(climb, with_form=several))
        growth.append(growth_panels(climb))
    grown = f"{name}: from noise to picture"
    return stack(
        [
            draw_grid(pictures, row_names=row_names, columns=COLUMNS, title="What the network holds most typical"),
            draw_grid(growth, row_names=row_names, columns=COLUMNS, title=grown, footer=note),
        ]
    )


def class_panels(climb: Climb, *, with_form: bool) -> list[Panel]:
    """The picture of each class. A single one's title names the form, since the row's name is not drawn then."""
    titles = climb.titles
    if with_form and len(titles) == 1:
        titles = [f"{climb.form}: {titles[0]}"]
    return [Panel(shown(climb.form, each), title) for each, title in zip(climb.pictures, titles, strict=True)]


def growth_panels(climb: Climb) -> list[Panel]:
    """The first class's picture as it grew."""
    return [Panel(shown(climb.form, each), f"iteration {iteration}") for iteration, each in climb.growth.items()]


def shown(form: str, picture: np.ndarray) -> np.ndarray:
    """As the figure shows it: the pixel form is faint, so its contrast is stretched."""
    return stretch(picture) if form == "pixels" else picture
