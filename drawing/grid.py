"""Panels in rows, with their words -> one picture. Nothing is plotted here, so it needs no plotting library."""

import textwrap
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from drawing.letterbox import letterbox
from drawing.lettering import BLACK, CYAN, DARK, DOTS_PER_INCH, GREY, WHITE, lettered, pixels, write, write_boxed
from drawing.words import drawable, room

CELL = 2.3  # inches
Box = tuple[int, int, int, int]  # left, top, right, bottom, in pixels of the figure


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
    board = _board(total_width, total_height)
    size = _dots(cell), _dots(cell_height)
    if title:
        _write_line(board, title, name_width + 0.08, 0.26, points=13, bold=True)
    top, boxes = head, []
    for index, row in enumerate(rows):
        top += gaps[index]
        if row_names[index]:
            name = lettered(row_names[index], 9.5, upwards=True)
            write(board, name, _dots(name_width) - name.ink.width, _dots(top + cell_height / 2) - name.ink.height / 2)
        for column, panel in enumerate(row):
            left = _dots(name_width + 0.08 + column * (cell + 0.08))
            boxes.append((panel, (left, _dots(top), left + size[0], _dots(top) + size[1])))
        top += cell_height + below[index]
    for panel, box in boxes:
        board.paste(_panel_picture(panel, size), box[:2])
        _write_above(board, panel.title, box)
        _write_below(board, panel.caption, box)
    for panel, box in boxes:  # after all pictures, over whose edges these may reach
        for mark in panel.marks:
            _write_mark(board, mark, panel.pixels.shape, box)
        _write_note(board, panel.note, box, cell)
    if footer:
        _write_line(board, footer, name_width + 0.08, total_height - 0.14, points=7.5, colour=GREY)
    return np.array(board)


def cut_panels(figure: np.ndarray, count: int) -> list[np.ndarray]:
    """The panels, (h, w, 3) each, of a figure that `draw_grid` drew of one row of squares, with titles of one line."""
    side, top = _dots(CELL), _dots(0.04 + 0.1 + 0.17)
    lefts = (_dots(0.04 + 0.08 + column * (CELL + 0.08)) for column in range(count))
    return [figure[top : top + side, left : left + side] for left in lefts]


def draw_pictures(pictures: Sequence[np.ndarray | Image.Image], titles: Sequence[str], footer: str = "") -> np.ndarray:
    """Draw whole pictures of any shape side by side, all equally high -> RGB (H, W, 3), uint8."""
    height = 2.6  # inches
    images = [_as_image(picture) for picture in pictures]
    widths = [height * image.width / image.height for image in images]
    total_width = max(sum(widths) + 0.1 * (len(widths) + 1), 6)
    total_height = (height + 0.32 if images else 0) + (0.28 if footer else 0)
    board = _board(total_width, total_height)
    left, top = 0.1, _dots(0.28)
    for image, title, width in zip(images, titles, widths, strict=True):
        box = (_dots(left), top, _dots(left) + max(1, _dots(width)), top + _dots(height))
        board.paste(_fitted(image, (box[2] - box[0], box[3] - box[1]), Image.Resampling.LANCZOS), box[:2])
        _write_above(board, title, box)
        left += width + 0.1
    if footer:
        _write_line(board, footer, 0.1, total_height - 0.14, points=7.5, colour=GREY)
    return np.array(board)


def framed(pictures: Sequence[Image.Image], size: tuple[int, int]) -> np.ndarray:
    """Pictures of any shape side by side on white, `size` (width, height) -> uint8 (H, W, 3), for a grid's cells."""
    width, height = size[0] // max(1, len(pictures)), size[1]
    small = [ImageOps.contain(picture, (width, height), Image.Resampling.LANCZOS) for picture in pictures]
    rest = np.full((height, size[0] - width * len(pictures), 3), 255, np.uint8)
    return np.concatenate([*(letterbox(np.asarray(picture), width, height) for picture in small), rest], axis=1)


def stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Put pictures (H, W, 3) under each other on white, left edges aligned."""
    width = max(picture.shape[1] for picture in pictures)
    padded = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures]
    return np.concatenate(padded)


def _dots(inches: float) -> int:
    return round(inches * DOTS_PER_INCH)


def _board(width: float, height: float) -> Image.Image:
    """White, so many inches large."""
    return Image.new("RGB", (int(width * DOTS_PER_INCH), int(height * DOTS_PER_INCH)), WHITE)


def _as_image(picture: np.ndarray | Image.Image) -> Image.Image:
    if isinstance(picture, Image.Image):
        return picture.convert("RGB")
    if picture.dtype != np.uint8:
        picture = np.rint(255 * picture.clip(0, 1)).astype(np.uint8)
    return Image.fromarray(picture)


def _fitted(image: Image.Image, size: tuple[int, int], enlarged: Image.Resampling) -> Image.Image:
    """A picture of this size: enlarged as told, made smaller so that each of its pixels counts."""
    smaller = size[0] < image.width or size[1] < image.height
    return image.resize(size, Image.Resampling.LANCZOS if smaller else enlarged)


def _panel_picture(panel: Panel, size: tuple[int, int]) -> Image.Image:
    """The picture of a panel, its pixels as squares where it is enlarged, and the frames of its marks."""
    picture = _fitted(_as_image(panel.pixels), size, Image.Resampling.NEAREST)
    if panel.marks:
        draw = ImageDraw.Draw(picture)
        for mark in panel.marks:
            draw.rectangle(_place(mark, panel.pixels.shape, size), outline=CYAN, width=round(pixels(1.3)))
    return picture


def _place(mark: Mark, shape: tuple[int, ...], size: tuple[int, int]) -> Box:
    """Where a frame is on a panel's picture of this size."""
    across, down = size[0] / shape[1], size[1] / shape[0]
    half = pixels(1.3) / 2  # of the line lies outside
    left, top = round(mark.left * across - half), round(mark.top * down - half)
    right = round((mark.left + mark.width) * across + half) - 1
    return left, top, max(left, right), max(top, round((mark.top + mark.height) * down + half) - 1)


def _write_line(board: Image.Image, text: str, left: float, middle: float, *, points: float, **style) -> None:
    """A line of words, in its middle so many inches below the top."""
    colour, words = style.pop("colour", BLACK), lettered(text, points, align=0.0, **style)
    write(board, words, _dots(left), middle * DOTS_PER_INCH - words.ink.height / 2, colour)


def _write_above(board: Image.Image, title: str, box: Box) -> None:
    if title:
        words = lettered(title, 9, spacing=1.0)
        write(board, words, (box[0] + box[2] - words.ink.width) / 2, box[1] - round(pixels(3)) - words.last)


def _write_below(board: Image.Image, caption: str, box: Box) -> None:
    if caption:
        words = lettered(caption, 7, spacing=1.0)
        write(board, words, (box[0] + box[2] - words.ink.width) / 2, box[3] + pixels(1), DARK)


def _write_note(board: Image.Image, note: str, box: Box, cell: float) -> None:
    """Why there is nothing to see, in the middle, on a pale ground."""
    if note:
        points = 9 if cell >= CELL else 6.5
        words = lettered(textwrap.fill(note, int(26 * cell / CELL * 9 / points)), points)
        left, top = (box[0] + box[2] - words.ink.width) // 2, (box[1] + box[3] - words.ink.height) // 2
        write_boxed(board, words, left, top, colour=BLACK, ground=WHITE, strength=0.85, edge=round(pixels(4)))


def _write_mark(board: Image.Image, mark: Mark, shape: tuple[int, ...], box: Box) -> None:
    """The letters of a mark in the corner of its frame, on a dark ground."""
    if mark.text:
        place, edge = _place(mark, shape, (box[2] - box[0], box[3] - box[1])), round(pixels(1))
        words = lettered(mark.text, 8)
        left, top = box[0] + place[0] + 2 * edge, box[1] + place[1] + 2 * edge
        write_boxed(board, words, left, top, colour=CYAN, ground=BLACK, strength=0.75, edge=edge)
