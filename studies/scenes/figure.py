"""A sheet of many small pictures, a strip for each class."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONT_SIZE = 18
GAP = 6
TITLE = 28  # pixels above a row for its name
ACROSS = 3  # classes side by side


class Strip(NamedTuple):
    """The pictures of a class, uint8 (S, S, 3) each, all of one size."""

    title: str
    pictures: Sequence[np.ndarray]


def contact_sheet(strips: Sequence[Strip], *, across: int = ACROSS) -> np.ndarray:
    """The strips, `across` of them side by side, each below its title -> uint8 (H, W, 3)."""
    size = len(strips[0].pictures[0])
    block = len(strips[0].pictures) * (size + GAP) + 2 * GAP
    rows = -(-len(strips) // across)
    sheet = Image.new("RGB", (across * block, rows * (size + TITLE + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=FONT_SIZE)
    for place, strip in enumerate(strips):
        left, top = place % across * block + GAP, place // across * (size + TITLE + GAP)
        pen.text((left, top + 3), strip.title, fill="black", font=font)
        for index, picture in enumerate(strip.pictures):
            sheet.paste(Image.fromarray(picture), (left + index * (size + GAP), top + TITLE))
    return np.asarray(sheet)
