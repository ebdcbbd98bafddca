"""Draws pixel maps: techniques down, images across."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from drawing.colours import QUANTILE, diverging, full_scale, heat, signed
from drawing.grid import Panel, draw_grid
from studies.shared.maps import WHY_NOT, MapRow, Versus, map_panels
from studies.shared.pictures import Batch

COLUMNS = 5  # pictures side by side; more go on below
SATURATED = 0.98  # the quantile at which maps of both signs have their full colour


def draw(
    batch: Batch, rows: Mapping[str, MapRow], *, versus: Versus | None, shared_scale: bool, footer: str
) -> np.ndarray:
    """Rows by their titles, with scores over the maps where masks are known -> uint8 (H, W, 3)."""
    titles, title = batch.titles, "Which pixels matter for the class?"
    if versus is not None:
        titles = [f"{one}\nnot {other}" for one, other in zip(titles, versus.titles, strict=True)]
        title = WHY_NOT
    panels = [[Panel(pixels, one) for pixels, one in zip(batch.pixels, titles, strict=True)]]
    panels += [row_of_panels(batch, row, versus=versus, shared_scale=shared_scale) for row in rows.values()]
    return draw_grid(panels, row_names=("image", *rows), columns=COLUMNS, title=title, footer=footer)


def row_of_panels(batch: Batch, row: MapRow, *, versus: Versus | None, shared_scale: bool) -> list[Panel]:
    """The maps of one technique, each by its own scale or all by one."""
    drawn = row.drawn(len(batch.pixels[0]))
    both_signs = any(values.min() < 0 for values in drawn)
    colours = signed if row.technique.picture else diverging if both_signs else heat
    # Contributions are few and strong among many weak ones: more of them may be at full strength, to be seen at all.
    scale_of = partial(full_scale, quantile=SATURATED if colours is diverging else QUANTILE)
    together = scale_of(*drawn) if shared_scale else None

    def paint(_picture: np.ndarray, values: np.ndarray) -> np.ndarray:
        return colours(values, scale=scale_of(values) if together is None else together)

    return map_panels(batch, row, paint, otherwise="its class has score 0 here", versus=versus)
