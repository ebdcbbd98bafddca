"""Draws maps of a layer: over the pictures, layer by layer, and beside Captum's."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from torch import Tensor

from drawing.colours import blank_note, diverging, diverging_overlay, full_scale, heat, outline, overlay, signed
from drawing.grid import Panel, draw_grid, stack
from studies.shared.maps import WHY_NOT, MapRow, Versus, map_panels
from studies.shared.pictures import Batch
from visualizers.gradcam import upsample

COLUMNS = 5  # pictures side by side; more go on below
WIDEST = 30  # letters over a picture
NOTHING = "nothing speaks for the class here"


def draw_techniques(
    batch: Batch, rows: Mapping[str, MapRow], *, layer: str, versus: Versus | None, shared_scale: bool, footer: str
) -> np.ndarray:
    """Techniques down, images across, scores over the maps where masks are known -> uint8 (H, W, 3)."""
    titles, question = batch.titles, "Where is the evidence?"
    if versus is not None:
        titles = [f"{one}\n{other}" for one, other in zip(titles, versus.titles, strict=True)]
        question = WHY_NOT
    at_layer = any("layer" in row.technique.settings for row in rows.values())
    title = f"{question} At {layer}" if at_layer else question
    panels = [[Panel(pixels, one) for pixels, one in zip(batch.pixels, titles, strict=True)]]
    panels += [row_of_panels(batch, row, versus=versus, shared_scale=shared_scale) for row in rows.values()]
    row_names = ("image", *(row.technique.title for row in rows.values()))
    return draw_grid(panels, row_names=row_names, columns=COLUMNS, title=title, footer=footer)


def draw_bare(
    batch: Batch, rows: Mapping[str, MapRow], strip: Mapping[str, MapRow], *, layer: str, footer: str
) -> np.ndarray:
    """The maps, and below them Grad-CAM of the first image at each layer of the strip -> uint8 (H, W, 3)."""
    above = first_row(batch) | {row.technique.title: unscored(batch, row) for row in rows.values()}
    first = batch._replace(pixels=batch.pixels[:1], masks=batch.masks[:1])
    across = []
    for name, row in strip.items():
        height, width = row.maps[0].shape
        across += unscored(first, row, [in_lines(f"{name}, {height} x {width}")])
    title, layer_title = f"Where is the evidence? Grad-CAM at {layer}", f"{batch.titles[0]}: which layer?"
    upper = draw_grid(list(above.values()), row_names=tuple(above), columns=COLUMNS, title=title)
    lower = draw_grid([across], row_names=("Grad-CAM",), title=layer_title, columns=COLUMNS, footer=footer)
    return stack([upper, lower])


def draw_beside_captum(
    batch: Batch,
    rows: Mapping[str, MapRow],
    captums: Mapping[str, MapRow],
    theirs: Mapping[str, Sequence[Tensor]],
    *,
    layer: str,
    footer: str,
) -> np.ndarray:
    """Our maps and Captum's in turn, then what Captum alone has, coarse maps (h, w) -> uint8 (H, W, 3)."""
    panels = first_row(batch)
    for name, row in captums.items():
        title = row.technique.title
        panels[title] = unscored(batch, rows[name])
        panels[f"{title}\n(Captum)"] = unscored(batch, row)
    for title, maps in theirs.items():
        panels[f"{title}\n(Captum)"] = plain_panels(batch, maps)
    title = f"The same by Captum, at {layer}"
    return draw_grid(list(panels.values()), row_names=tuple(panels), columns=COLUMNS, title=title, footer=footer)


def in_lines(title: str) -> str:
    """A title in one line, or in two where a layer has a long name, broken after a dot."""
    dots = [place + 1 for place, sign in enumerate(title) if sign == "."]
    if len(title) <= WIDEST or not dots:
        return title
    middle = min(dots, key=lambda place: abs(2 * place - len(title)))
    return f"{title[:middle]}\n{title[middle:]}"


def first_row(batch: Batch) -> dict[str, list[Panel]]:
    """The pictures, with class and probability."""
    return {"image": [Panel(pixels, title) for pixels, title in zip(batch.pixels, batch.titles, strict=True)]}


def row_of_panels(batch: Batch, row: MapRow, *, versus: Versus | None, shared_scale: bool) -> list[Panel]:
    """The maps of one technique, each by its own scale or all by one."""
    scale = full_scale(*map(np.asarray, row.values(len(batch.pixels[0]))), quantile=1.0) if shared_scale else None
    return map_panels(batch, row, painter(row, versus, scale), otherwise=NOTHING, versus=versus)


def unscored(batch: Batch, row: MapRow, titles: Sequence[str] | None = None) -> list[Panel]:
    """The maps of one technique with these titles or none, but not with their scores."""
    titles = titles or [""] * len(row.maps)
    return map_panels(batch, row, painter(row, None, None), otherwise=NOTHING, titles=titles)


def painter(row: MapRow, versus: Versus | None, scale: float | None) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """How a map is drawn: in its own colours, or over its picture, of both signs where two classes are compared."""
    if row.technique.picture:
        return lambda _picture, values: signed(values, scale=scale)
    return partial(overlay if versus is None else diverging_overlay, scale=scale)


def plain_panels(batch: Batch, maps: Sequence[Tensor]) -> list[Panel]:
    """Coarse maps (h, w), not over their pictures."""
    panels = []
    for pixels, mask, coarse in zip(batch.pixels, batch.masks, maps, strict=True):
        smooth = upsample(coarse[None], pixels.shape[:2])[0].numpy()
        colours = heat if smooth.min() >= 0 else diverging
        panels.append(Panel(outline(colours(smooth), mask), note=blank_note(smooth, NOTHING)))
    return panels
