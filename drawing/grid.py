"""Panels in rows, with their words -> one picture."""

import textwrap
import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image, ImageOps

from drawing.letterbox import letterbox
from drawing.words import drawable, fit_words, room

CELL = 2.3  # inches
DOTS_PER_INCH = 110


class Mark(NamedTuple):
    """A frame within a panel, with a few letters in its corner; in pixels of the panel, from its top left corner."""

    left: float
    top: float
    width: float
    height: float
    text: str = ""


class Panel(NamedTuple):
    """One cell of a grid: RGB pixels, uint8 or [0, 1] floats (H, W, 3), and the words around them."""

    pixels: np.ndarray
    title: str = ""
    note: str = ""  # written over the picture: why there is nothing to see
    marks: Sequence[Mark] = ()
    caption: str = ""  # below the picture, small


def draw_grid(
    rows: Sequence[Sequence[Panel]],
    *,
    row_names: Sequence[str] = (),
    columns: int | None = None,
    cell: float = CELL,
    title: str = "",
    footer: str = "",
    tower: bool = False,
) -> np.ndarray:
    """Draw panels in rows of equal cells -> RGB (H, W, 3), uint8. Past `columns`, all rows go on below.

    cell: width of a panel in inches; small ones keep a wide grid readable on one page.
    Rows of a single picture are laid side by side instead, their names as titles, unless a `tower` is wanted, which
    is hard to read by itself.
    """
    if not tower and len(rows) > 1 and all(len(row) == 1 for row in rows):
        named = zip(rows, row_names or [""] * len(rows), strict=True)
        rows, row_names = [[row[0]._replace(title=row[0].title or name) for row, name in named]], ()
    longest = max(len(row) for row in rows)
    columns = min(columns or longest, longest)
    blocks = range(0, longest, columns)
    row_names = row_names or [""] * len(rows)
    row_names = [name for start in blocks for name, row in zip(row_names, rows, strict=True) if row[start:]]
    rows = [row[start : start + columns] for start in blocks for row in rows if row[start:]]
    height, width = rows[0][0].pixels.shape[:2]
    cell_height = cell * height / width
    name_width = 0.04 + 0.24 * max((1 + name.count("\n") for name in row_names if name), default=0)
    lines = [max((panel.title.count("\n") + 1 for panel in row if panel.title), default=0) for row in rows]
    gaps = [0.1 + 0.17 * count for count in lines]  # room above each row for its titles
    lines = [max((panel.caption.count("\n") + 1 for panel in row if panel.caption), default=0) for row in rows]
    below = [0.13 * count for count in lines]  # and for captions
    head, foot = (0.42 if title else 0.04), (0.3 if footer else 0.1)
    # Wide enough for the words, too: inches a character at their font sizes.
    title, footer = drawable(title), drawable(footer)
    words_width = name_width + 0.16 + max(0.125 * room(title), 0.066 * room(footer))
    total_width = max(name_width + columns * cell + (columns + 1) * 0.08, words_width)
    total_height = head + sum(gaps) + sum(below) + len(rows) * cell_height + foot
    figure = Figure(figsize=(total_width, total_height), dpi=DOTS_PER_INCH, facecolor="white")

    def words(x: float, y: float, text: str, **style) -> None:
        figure.text(x / total_width, 1 - y / total_height, text, parse_math=False, **style)

    if title:
        words(name_width + 0.08, 0.26, title, fontsize=13, fontweight="bold", va="center")
    top = head
    for index, row in enumerate(rows):
        top += gaps[index]
        place = {"rotation": 90, "va": "center", "ha": "right", "multialignment": "center"}
        words(name_width, top + cell_height / 2, row_names[index], fontsize=9.5, **place)
        for column, panel in enumerate(row):
            left = name_width + 0.08 + column * (cell + 0.08)
            box = (
                left / total_width,
                1 - (top + cell_height) / total_height,
                cell / total_width,
                cell_height / total_height,
            )
            axes = figure.add_axes(box)
            axes.imshow(panel.pixels, aspect="auto", interpolation="nearest")
            axes.set_axis_off()
            axes.set_title(panel.title, fontsize=9, pad=3, linespacing=1.1, parse_math=False)
            if panel.caption:
                place = {"textcoords": "offset points", "ha": "center", "va": "top", "annotation_clip": False}
                axes.annotate(
                    panel.caption,
                    (0.5, 0),
                    (0, -2),
                    "axes fraction",
                    fontsize=7,
                    color="0.3",
                    parse_math=False,
                    **place,
                )
            for mark in panel.marks:
                _draw_mark(axes, mark)
            if panel.note:
                size = 9 if cell >= CELL else 6.5  # points
                note = textwrap.fill(panel.note, int(26 * cell / CELL * 9 / size))
                box_style = {"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 4}
                axes.text(
                    0.5, 0.5, note, transform=axes.transAxes, ha="center", va="center", fontsize=size, bbox=box_style
                )
        top += cell_height + below[index]
    if footer:
        words(name_width + 0.08, total_height - 0.14, footer, fontsize=7.5, color="0.4", va="center")
    return pixels_of(figure)


def _draw_mark(axes, mark: Mark) -> None:
    corner = (mark.left - 0.5, mark.top - 0.5)  # a pixel's centre has whole coordinates
    axes.add_patch(Rectangle(corner, mark.width, mark.height, fill=False, edgecolor="cyan", linewidth=1.3))
    box = {"facecolor": "black", "edgecolor": "none", "alpha": 0.75, "pad": 1}
    place = {"xy": corner, "xytext": (1.5, -1.5), "textcoords": "offset points", "ha": "left", "va": "top"}
    axes.annotate(mark.text, **place, fontsize=8, color="cyan", bbox=box, parse_math=False, annotation_clip=False)


def draw_pictures(pictures: Sequence[np.ndarray | Image.Image], titles: Sequence[str], footer: str = "") -> np.ndarray:
    """Draw whole pictures of any shape side by side, all equally high -> RGB (H, W, 3), uint8."""
    height = 2.6  # inches
    shapes = [picture.size if isinstance(picture, Image.Image) else picture.shape[1::-1] for picture in pictures]
    widths = [height * width / tall for width, tall in shapes]
    total_width = max(sum(widths) + 0.1 * (len(widths) + 1), 6)
    total_height = (height + 0.32 if pictures else 0) + (0.28 if footer else 0)
    figure = Figure(figsize=(total_width, total_height), dpi=DOTS_PER_INCH, facecolor="white")
    left = 0.1
    for picture, title, width in zip(pictures, titles, widths, strict=True):
        axes = figure.add_axes((left / total_width, 0.04 / total_height, width / total_width, height / total_height))
        axes.imshow(picture, aspect="auto", interpolation="antialiased")
        axes.set_axis_off()
        axes.set_title(title, fontsize=9, pad=3, parse_math=False)
        left += width + 0.1
    if footer:
        y = 0.02 if pictures else 0.5
        figure.text(0.1 / total_width, y, footer, fontsize=7.5, color="0.4", va="center", parse_math=False)
    return pixels_of(figure)


def framed(pictures: Sequence[Image.Image], size: tuple[int, int]) -> np.ndarray:
    """Pictures of any shape side by side on white, `size` (width, height) -> uint8 (H, W, 3), for a grid's cells."""
    width, height = size[0] // max(1, len(pictures)), size[1]
    small = [ImageOps.contain(picture, (width, height), Image.Resampling.LANCZOS) for picture in pictures]
    rest = np.full((height, size[0] - width * len(pictures), 3), 255, np.uint8)
    return np.concatenate([*(letterbox(np.asarray(picture), width, height) for picture in small), rest], axis=1)


def pixels_of(figure: Figure) -> np.ndarray:
    """Draw a matplotlib figure -> RGB (H, W, 3), uint8. Its words are drawn as `drawing.words` says."""
    fit_words(figure)
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is still to be said of fonts is no matter of the picture
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Put pictures (H, W, 3) under each other on white, left edges aligned."""
    width = max(picture.shape[1] for picture in pictures)
    padded = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures]
    return np.concatenate(padded)
