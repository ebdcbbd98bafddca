"""Draws pictures down and networks across."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from drawing.colours import overlay, signed
from drawing.grid import Panel, draw_grid
from studies.shared.maps import MapRow, map_panels
from studies.shared.network import short_name
from studies.shared.pictures import Batch

LETTERS = 30  # of a line over a panel


class Column(NamedTuple):
    """What one network makes of the pictures."""

    title: str  # the network's
    layer: str  # that is looked at, or nothing
    weights: str
    batch: Batch
    maps: MapRow
    alike: Tensor | None  # rank correlation with the first network's maps, (N,); none: it is the first


def draw(columns: Sequence[Column], *, title: str) -> np.ndarray:
    """Pictures down, networks across -> uint8 (H, W, 3)."""
    first = columns[0].batch
    across = [[Panel(pixels, "picture" if index == 0 else "") for index, pixels in enumerate(first.pixels)]]
    across += [panels_of(column) for column in columns]
    words = "below a map: its rank correlation with the first network's" if len(columns) > 1 else ""
    return draw_grid([*zip(*across, strict=True)], title=title, footer=words, tower=True)


def panels_of(column: Column) -> list[Panel]:
    """The maps of one network, the first below its name, its layer and its weights."""
    row = column.maps
    picture = row.technique.picture
    panels = map_panels(
        column.batch,
        row,
        (lambda _picture, values: signed(values)) if picture else overlay,
        otherwise="nothing speaks for the class here",
        titles=column.batch.titles,
    )
    head = "\n".join(short_name(each, LETTERS) for each in (column.title, column.layer, column.weights) if each)
    alike = [None] * len(panels) if column.alike is None else column.alike.tolist()
    return [
        Panel(panel.pixels, panel.title if index else f"{head}\n\n{panel.title}", panel.note, caption=caption(value))
        for index, (panel, value) in enumerate(zip(panels, alike, strict=True))
    ]


def caption(alike: float | None) -> str:
    """Of one map, nothing for those of the first network."""
    if alike is None:
        return ""
    return f"{alike:.2f}" if math.isfinite(alike) else "no correlation: a map is blank"
