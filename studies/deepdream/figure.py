"""Draws each picture beside its dreams."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from core.images import deprocess
from drawing.grid import Panel, draw_grid, draw_pictures, stack
from drawing.lettering import DOTS_PER_INCH

COLUMNS, WIDEST = 3, 480  # of the sheet, and of its panels in pixels
TITLE = "DeepDream: what each layer sees in the picture, made stronger"


class Start(NamedTuple):
    """A picture before its dreams."""

    name: str
    image: Tensor  # (1, 3, H, W), in the network's units


class Dream(NamedTuple):
    """A dream of one of the pictures."""

    at: int  # the picture's number
    image: Tensor  # (1, 3, H, W)
    title: str
    note: str = ""  # why there is nothing to see


def draw(starts: Sequence[Start], dreams: Sequence[Dream], *, footer: str) -> np.ndarray:
    """A block for each picture that has dreams, itself first -> uint8 (H, W, 3)."""
    blocks = []
    for at in dict.fromkeys(dream.at for dream in dreams):
        panels = [Panel(reduced(starts[at].image), starts[at].name)]
        panels += [Panel(reduced(dream.image), dream.title, dream.note) for dream in dreams if dream.at == at]
        cell = panels[0].pixels.shape[1] / DOTS_PER_INCH  # a pixel of the panel is one of the sheet
        blocks.append(draw_grid([panels], columns=COLUMNS, cell=cell, title="" if blocks else TITLE))
    blocks.append(draw_pictures([], [], footer=footer))
    return stack(blocks)


def reduced(image: Tensor) -> np.ndarray:
    """(1, 3, H, W) -> uint8 (H, W, 3), no wider than a panel."""
    picture = Image.fromarray(deprocess(image)[0])
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)
