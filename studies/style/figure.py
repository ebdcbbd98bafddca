"""Draws the sheet of presets, the sheet of pairs, and how the losses fell."""

from collections.abc import Sequence

import numpy as np

from drawing.curves import draw_curves
from drawing.grid import CELL, Panel, draw_grid, draw_pictures, framed, stack
from studies.style.results import Cell, PresetPainting
from visualizers.style_transfer import StyleStep

CELL_PIXELS, MOST_INCHES = 320, 40  # of a sheet of pairs: a cell's width, the whole
TERMS = {"content": "content", "style": "style", "total variation": "total_variation"}


def draw_presets(paintings: Sequence[PresetPainting], footer: str) -> np.ndarray:
    """Content, style and result, a row a preset -> uint8 (H, W, 3)."""
    rows = [
        draw_pictures([each.content, each.style, each.picture], (*each.titles, "the one in the style of the other"))
        for each in paintings
    ]
    return stack([*rows, draw_pictures([], [], footer=footer)])


def draw_pairs(rows: Sequence[Sequence[Cell]], shape: tuple[int, int], footer: str) -> np.ndarray:
    """Contents down, styles across, the originals in the margins -> uint8 (H, W, 3).

    shape: (width, height) whose proportions all cells have; pictures of other shapes have white beside them.
    """
    size = (CELL_PIXELS, round(CELL_PIXELS * shape[1] / shape[0]))
    panels = [[Panel(framed(cell.pictures, size), cell.title, cell.note) for cell in row] for row in rows]
    width = min(CELL, MOST_INCHES / len(rows[0]), MOST_INCHES / len(rows))
    return draw_grid(panels, cell=width, title="Contents down, styles across", footer=footer)


def draw_losses(steps: Sequence[StyleStep], title: str) -> np.ndarray:
    """The three weighted losses and their sum over the steps -> uint8 (H, W, 3)."""
    curves = {words: [getattr(step, term) for step in steps] for words, term in TERMS.items()}
    curves = {"total": [sum(values) for values in zip(*curves.values(), strict=True)], **curves}
    marks = {at: f"size {step.scale}" for at, step in enumerate(steps) if step.iteration == 1}
    return draw_curves(curves, title=title, across="step", up="weighted loss", marks=marks)
