"""What is painted like what, and what came of it."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL.Image import Image
from torch import Tensor

from core.picture_files import shown
from visualizers.style_transfer import StyleStep

SHEET = "style_transfer.png"  # all pictures at one glance


class Pair(NamedTuple):
    """What is painted like what: files, or names that `find_picture` knows."""

    content: str
    styles: tuple[str, ...]  # several are blended

    @property
    def title(self) -> str:
        return f"{shown(Path(self.content).stem)} as {self.style_title}"

    @property
    def style_title(self) -> str:
        return " + ".join(shown(Path(style).stem) for style in self.styles)

    @property
    def file_name(self) -> str:
        names = "+".join(shown(Path(style).stem) for style in self.styles)
        return f"style_transfer_{shown(Path(self.content).stem)}_{names}.png"


class Painting(NamedTuple):
    """A picture painted from coarse to fine, and how it came about."""

    picture: Tensor  # (1, 3, H, W), in the network's units
    losses: str  # of the picture, in words
    steps: list[StyleStep]  # one for each iteration, its image left out
    frames: list[np.ndarray]  # uint8 (h, w, 3) each, for an animation
    stopped: str  # where Ctrl-C stopped it


class Cell(NamedTuple):
    """A place on the sheet of pairs: pictures side by side, or why there are none."""

    pictures: list[Image]
    title: str = ""
    note: str = ""


class PresetPainting(NamedTuple):
    """A picture painted by the course's loop, beside its content and its style."""

    content: Image
    style: Image
    titles: tuple[str, str]
    picture: np.ndarray  # uint8 (H, W, 3)
    losses: str  # of the picture, in words
    settings: dict  # what decided the picture
