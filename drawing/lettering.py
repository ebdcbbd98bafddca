"""Words -> masks of ink, by Pillow's FreeType: the one place that knows how large words are on a picture of panels."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from drawing.fonts import opened_font, own_font
from drawing.words import PLAIN, drawable, fonts_for

DOTS_PER_INCH = 110
RISE, FALL = 0.93, 0.24  # of the height of DejaVu Sans: what its letters take above their line and below
BLACK, DARK, GREY, WHITE, CYAN = (0, 0, 0), (77, 77, 77), (102, 102, 102), (255, 255, 255), (0, 255, 255)
Colour = tuple[int, int, int]  # RGB


class Words(NamedTuple):
    """One or several lines of words, drawn."""

    ink: Image.Image  # "L": 255 where a letter covers a pixel
    last: int  # pixels from the top to the line on which the letters of the last line stand


def pixels(points: float) -> float:
    """Points, of which an inch has 72, in pixels of a figure."""
    return points * DOTS_PER_INCH / 72


@lru_cache(maxsize=512)
def lettered(
    text: str, points: float, *, bold: bool = False, align: float = 0.5, spacing: float = 1.2, upwards: bool = False
) -> Words:
    """Draw words, as `drawing.words` says, `points` high. The picture must not be changed.

    align: where the lines stand in the width of the longest, from 0, left, to 1, right. spacing: from line to line, in
    heights of a line. upwards: turned to be read from below.
    """
    font, size = own_font(bold=bold), pixels(points)
    lines = [list(_runs(line, font, size)) for line in drawable(text, font).split("\n")]
    widths = [sum(run.getlength(part) for run, part in line) for line in lines]
    rise, fall, step = round(RISE * size), round(FALL * size), (RISE + FALL) * size * spacing
    margin = round(size / 4)  # some letters lean out of their own width
    width = int(np.ceil(max(widths))) + 2 * margin
    last = rise + round(step * (len(lines) - 1))
    ink = Image.new("L", (width, last + fall))
    draw = ImageDraw.Draw(ink)
    for index, (line, length) in enumerate(zip(lines, widths, strict=True)):
        x, y = margin + align * (width - 2 * margin - length), rise + round(step * index)
        for run, part in line:
            draw.text((x, y), part, 255, run, anchor="ls")
            x += run.getlength(part)
    inked = ink.getbbox() or (margin, 0, width - margin, 1)
    ink = ink.crop((min(margin, inked[0]), 0, max(width - margin, inked[2]), ink.height))
    return Words(ink.transpose(Image.Transpose.ROTATE_90) if upwards else ink, last)


def write(board: Image.Image, words: Words, left: float, top: float, colour: Colour = BLACK) -> None:
    """Lay words on an RGB picture, their top left corner there."""
    board.paste(colour, (round(left), round(top)), words.ink)


def write_boxed(
    board: Image.Image, words: Words, left: int, top: int, *, colour: Colour, ground: Colour, strength: float, edge: int
) -> None:
    """Lay words on a ground of this colour, so strong that this share of it is seen, `edge` pixels wider all around."""
    right, bottom = left + words.ink.width, top + words.ink.height
    _tint(board, (left - edge, top - edge, right + edge, bottom + edge), ground, strength)
    write(board, words, left, top, colour)


def _tint(board: Image.Image, box: tuple[int, int, int, int], colour: Colour, strength: float) -> None:
    box = (max(0, box[0]), max(0, box[1]), min(board.width, box[2]), min(board.height, box[3]))
    if box[0] < box[2] and box[1] < box[3]:
        part = board.crop(box)
        board.paste(Image.blend(part, Image.new("RGB", part.size, colour), strength), box)


def _runs(line: str, font: str, size: float) -> Iterator[tuple[ImageFont.FreeTypeFont, str]]:
    """A line cut where the font changes: in this one, but for letters that it lacks."""
    others = {} if PLAIN.fullmatch(line) else fonts_for(line, font)
    for path, letters in groupby(line, lambda letter: others.get(letter, font)):
        yield opened_font(path, size), "".join(letters)
