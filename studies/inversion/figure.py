"""Draws each image beside what every layer remembers of it."""

import math
import textwrap
from collections.abc import Sequence

import numpy as np

from core.images import deprocess
from drawing.grid import Panel, draw_grid
from studies.inversion.flags import LAYERS
from studies.inversion.table import Inverted
from studies.shared.network import probability_text
from studies.shared.pictures import Batch

CELL = 1.45  # inches: a dozen pictures side by side


def draw(batch: Batch, results: Sequence[Inverted], *, footer: str) -> np.ndarray:
    """One row an image, the original first, then one picture a layer -> uint8 (H, W, 3)."""
    titles = [textwrap.fill(title, 21) for title in batch.titles]
    rows = [[Panel(pixels, title)] for pixels, title in zip(batch.pixels, titles, strict=True)]
    for one in results:
        for index, row in enumerate(rows):
            error = one.picture_errors[index]
            lines = [f"error {'–' if math.isnan(error) else f'{error:.2f}'} ({one.layer_errors[index]:.2f})"]
            lines.append(f"SSIM {one.similarities[index]:.2f}")
            lines.append(f"class {probability_text(one.probabilities[index])}")
            if index == 0:
                lines[:0] = [one.layer, LAYERS.get(one.layer, "")]
            row.append(Panel(deprocess(one.pictures[index : index + 1])[0], "\n".join(lines)))
    words = "error: of the picture (of the layer's features); class: probability of the class at the left; "
    return draw_grid(rows, cell=CELL, title="What does each layer still remember?", footer=words + footer)
