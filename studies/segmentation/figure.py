"""Draws each image with its map, the seeds, the mask and what was cut out."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from drawing.colours import heat, outline, overlay
from drawing.grid import Panel, draw_grid
from studies.segmentation.flags import MAPS
from studies.shared.pictures import Batch

COLUMNS = 5  # pictures side by side; more go on below
SEED_COLOURS = ((0.05, 0.1, 0.35), (1.0, 0.8, 0.1), (0.35, 0.55, 0.85), (0.95, 0.95, 0.75))


class Cut(NamedTuple):
    """What came of one image."""

    values: np.ndarray  # the map, (H, W), zero and up
    seeds: np.ndarray | None = None  # (H, W): one of four kinds
    mask: np.ndarray | None = None  # bool (H, W)
    overlap: float | None = None  # with the true mask
    reason: str = ""  # why there is no mask


def draw(batch: Batch, cuts: Sequence[Cut], *, technique: str, footer: str) -> np.ndarray:
    """Images across, what was done with them down -> uint8 (H, W, 3)."""
    columns = [
        column_of(image, title, truth, cut)
        for image, title, truth, cut in zip(batch.pixels, batch.titles, batch.masks, cuts, strict=True)
    ]
    names = ("image", MAPS[technique], "seeds: yellow object,\nblue background", "mask", "cut-out")
    return draw_grid(
        list(zip(*columns, strict=True)),
        row_names=names,
        columns=COLUMNS,
        title="Cut out where the network looked",
        footer=footer,
    )


def column_of(image: np.ndarray, title: str, truth: np.ndarray | None, cut: Cut) -> list[Panel]:
    """The five panels of an image."""
    seen = overlay(image, cut.values) if cut.values.any() else heat(cut.values)
    first = [Panel(image, title), Panel(outline(seen, truth))]
    if cut.mask is None:
        return [*first, Panel(image, note=cut.reason), Panel(image), Panel(image)]
    cover = Panel(dim(image, cut.mask))
    if truth is not None:
        cover = Panel(outline(cover.pixels, truth), f"IoU {cut.overlap:.2f}")
    return [*first, Panel(paint_seeds(image, cut.seeds)), cover, Panel(cut_out(image, cut.mask))]


def paint_seeds(image: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The four kinds of seed in their colours, the image faintly below; RGB (H, W, 3)."""
    return 0.7 * np.array(SEED_COLOURS)[seeds] + 0.3 * image.mean(axis=2, keepdims=True) / 255


def dim(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image, dark and grey where the mask is not; RGB (H, W, 3)."""
    grey = np.broadcast_to(image.mean(axis=2, keepdims=True), image.shape)
    return np.where(mask[..., None], image, 0.35 * grey) / 255


def cut_out(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The object on white; RGB (H, W, 3)."""
    return np.where(mask[..., None], image, 255) / 255
