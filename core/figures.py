"""Figures and PNG files. For scripts: the techniques below them return tensors and know no colours."""

import io
import json
import math
import platform
import textwrap
import warnings
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo
from scipy.ndimage import binary_erosion
from skimage.transform import resize

from core.files import write_whole

CELL = 2.3  # inches
DOTS_PER_INCH = 110
QUANTILE = 0.995  # the brightest half per cent of pixels may saturate: one hot pixel must not hide the rest


MOSAIC_GAP = 2  # pixels between tiles
ROUNDING = 1e-12  # what is smaller everywhere was left by rounding, and is not drawn at full strength


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


class Mosaic(NamedTuple):
    """Many small pictures as one square, row by row, and where each of them is."""

    pixels: np.ndarray  # (S, S, 3), [0, 1]
    columns: int
    side: int  # of a tile, in pixels

    def mark(self, index: int, text: str = "") -> Mark:
        """A frame around tile `index`."""
        row, column = divmod(index, self.columns)
        step = self.side + MOSAIC_GAP
        return Mark(column * step, row * step, self.side, self.side, text)


def full_scale(*maps: np.ndarray, quantile: float = QUANTILE) -> float:
    """The size that is drawn at full strength where these maps share one scale: a quantile over all of them."""
    sizes = np.concatenate([np.abs(values).ravel() for values in maps])
    return float(np.quantile(sizes, quantile) or sizes.max())  # a few bright pixels alone have quantile 0


def heat(values: np.ndarray, colours: str = "inferno", *, scale: float | None = None) -> np.ndarray:
    """A map (H, W), zero and up -> RGB (H, W, 3); zero stays zero. scale: `full_scale` of several; its own if None."""
    return matplotlib.colormaps[colours](_scaled(np.maximum(values, 0), scale))[..., :3]


def diverging(values: np.ndarray, *, scale: float | None = None) -> np.ndarray:
    """A map (H, W) of both signs -> RGB: red speaks for, blue against, white is zero. `scale`: as in `heat`."""
    return matplotlib.colormaps["RdBu_r"](0.5 + 0.5 * _scaled(values, scale))[..., :3]


def signed(values: np.ndarray, *, scale: float | None = None) -> np.ndarray:
    """A signed picture (H, W, 3) -> RGB around mid-grey, so that grey means no influence; `scale` as in `heat`."""
    return (0.5 + 0.5 * _scaled(values, scale)).clip(0, 1)


def overlay(image: np.ndarray, values: np.ndarray, strength: float = 0.65, *, scale: float | None = None) -> np.ndarray:
    """Lay a map (H, W) over its picture, uint8 (H, W, 3): colours where it is hot, the greyed picture elsewhere.

    scale: what is drawn at full strength, its own largest value if None.
    """
    scale = max(0.0, values.max()) if scale is None else scale
    share = _scaled(np.maximum(values, 0), scale=scale)[..., None]
    picture = image / 255.0
    grey = 0.35 * picture + 0.65 * picture.mean(axis=2, keepdims=True)
    colours = matplotlib.colormaps["turbo"](share[..., 0])[..., :3]
    weight = strength * (0.4 + 0.6 * share)  # where the map is cold, the picture shows through
    return ((1 - weight) * grey + weight * colours).clip(0, 1)


def diverging_overlay(image: np.ndarray, values: np.ndarray, *, scale: float | None = None) -> np.ndarray:
    """Lay a map (H, W) of both signs over its picture, uint8 (H, W, 3): red speaks for, blue against, grey is zero."""
    share = _scaled(values, scale)
    colours = matplotlib.colormaps["RdBu_r"](0.5 + 0.5 * share)[..., :3]
    pale = 0.35 + 0.5 * image.mean(axis=2, keepdims=True) / 255
    weight = 0.9 * np.abs(share)[..., None] ** 0.7  # middling values must show their colour, too
    return ((1 - weight) * pale + weight * colours).clip(0, 1)


def stretch(image: np.ndarray) -> np.ndarray:
    """Stretch the contrast of a faint picture, uint8 (H, W, 3), about its mean colour; a full one stays as it is.

    Synthesised pictures carry much of their content in small differences.
    """
    values = image / 255.0
    mean = values.mean(axis=(0, 1))
    spread = np.quantile(np.abs(values - mean), 0.998)
    return (mean + (values - mean) * max(1.0, 0.45 / max(spread, 1e-6))).clip(0, 1)


def outline(image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Draw a mask's edge (H, W) on RGB (H, W, 3), one pixel wide, in magenta; no mask, no change."""
    if mask is None:
        return image
    result = image.copy()
    full = 255 if image.dtype == np.uint8 else 1.0
    result[mask & ~binary_erosion(mask, border_value=1)] = (full, 0, full)  # a colour that no map has
    return result


def mosaic(tiles: Sequence[np.ndarray], *, side: int = 520) -> Mosaic:
    """Put small pictures (h, w, 3) in [0, 1], all of one size, into a square of about `side` pixels, on white.

    A tile larger than its place is averaged down; the pixels of a smaller one are drawn as squares, all of one size.
    One that is not square lies in the middle of a square place.
    """
    longest = max(tiles[0].shape[:2])
    margins = [((longest - length) // 2, -((length - longest) // 2)) for length in tiles[0].shape[:2]]
    tiles = [np.pad(tile, (*margins, (0, 0)), constant_values=1) for tile in tiles]
    columns = math.ceil(math.sqrt(len(tiles)))
    there, place = len(tiles[0]), max(4, (side + MOSAIC_GAP) // columns - MOSAIC_GAP)
    place = place // there * there or place
    step = place + MOSAIC_GAP
    pixels = np.ones((columns * step - MOSAIC_GAP, columns * step - MOSAIC_GAP, 3))
    for index, tile in enumerate(tiles):
        top, left = (step * number for number in divmod(index, columns))
        repeated = np.repeat(np.repeat(tile, max(1, place // there), axis=0), max(1, place // there), axis=1)
        fitted = repeated if len(repeated) == place else resize(repeated, (place, place), anti_aliasing=True)
        pixels[top : top + place, left : left + place] = fitted
    return Mosaic(pixels, columns, place)


def blank_note(values: np.ndarray, reason: str = "its class has score 0 here") -> str:
    """The words for a map that is zero everywhere, else nothing."""
    return "" if np.any(np.abs(values) > ROUNDING) else f"blank: {reason or 'nothing speaks for the class here'}"


def _scaled(values: np.ndarray, scale: float | None = None) -> np.ndarray:
    scale = full_scale(values) if scale is None else scale
    return np.zeros_like(values, dtype=float) if not scale else (values / scale).clip(-1, 1)


def draw_grid(
    rows: Sequence[Sequence[Panel]],
    *,
    row_names: Sequence[str] = (),
    columns: int | None = None,
    cell: float = CELL,
    title: str = "",
    footer: str = "",
) -> np.ndarray:
    """Draw panels in rows of equal cells -> RGB (H, W, 3), uint8. Past `columns`, all rows go on below.

    cell: width of a panel in inches; small ones keep a wide grid readable on one page.
    Rows of a single picture are laid side by side instead, their names as titles: a tower is hard to read.
    """
    if len(rows) > 1 and all(len(row) == 1 for row in rows):
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
    words_width = name_width + 0.16 + max(0.125 * len(title), 0.066 * len(footer))
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
    cell = Image.new("RGB", size, "white")
    width = size[0] // max(1, len(pictures))
    for index, picture in enumerate(pictures):
        small = ImageOps.contain(picture, (width, size[1]), Image.Resampling.LANCZOS)
        cell.paste(small, (index * width + (width - small.width) // 2, (size[1] - small.height) // 2))
    return np.asarray(cell)


def draw_curves(
    curves: dict[str, Sequence[float]], *, title: str, across: str, up: str, marks: dict[int, str], footer: str = ""
) -> np.ndarray:
    """Draw how numbers fell, on a logarithmic scale -> RGB (H, W, 3), uint8; the last value of each in the legend.

    Where all are 0 the scale is linear. marks: words at positions along the way, e.g. where a larger size began.
    """
    figure = Figure(figsize=(8, 4.2), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    colours = ("black", "tab:blue", "tab:orange", "tab:green", "tab:purple")
    for (name, values), colour in zip(curves.items(), colours, strict=False):
        steps = np.arange(1, len(values) + 1)
        axes.plot(steps, values, color=colour, linewidth=1.6, label=f"{name}, {values[-1]:.3g} at last")
    for at, words in marks.items():
        axes.axvline(at + 1, color="0.8", linewidth=0.8, zorder=0)
        place = {"xycoords": axes.get_xaxis_transform(), "xytext": (3, -9), "textcoords": "offset points"}
        axes.annotate(words, (at + 1, 1), fontsize=7.5, color="0.4", **place)
    positive = [value for values in curves.values() for value in values[len(values) // 20 :] if value > 0]
    if positive:  # a loss that is 0 at the start would stretch the scale to no end
        axes.set_yscale("log")
        axes.set_ylim(bottom=min(positive) / 2)
    axes.set_title(title, fontsize=12, parse_math=False)
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.legend(fontsize=9, loc="best", bbox_to_anchor=(0, 0, 1, 0.92))  # below the marks' words
    axes.spines[["top", "right"]].set_visible(False)
    if footer:
        figure.supxlabel(footer, fontsize=7.5, color="0.4", x=0.01, ha="left", parse_math=False)
    return pixels_of(figure)


def draw_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    note: str = "",
    styles: dict[tuple[int, int], dict] | None = None,
) -> np.ndarray:
    """Draw a table of short texts -> RGB (H, W, 3), uint8. styles: (row, column) -> how to write a cell, e.g. bold."""
    first, other, line = 1.8, 1.25, 0.3  # inches: width of the first column and of the others, height of a row
    width = first + other * (len(header) - 1)
    notes = textwrap.wrap(note, int(width * 16.5))
    top = 0.9 if title else 0.5
    height = top + 0.25 + line * len(rows) + 0.15 * len(notes) + 0.2
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")

    def words(x: float, y: float, text: str, **style) -> None:
        figure.text(x / width, 1 - y / height, text, parse_math=False, **({"va": "center"} | style))

    def row_of(y: float, texts: Sequence[str], index: int = -1, **style) -> None:
        for column, text in enumerate(texts):
            place = {"ha": "center"} if column else {"ha": "left"}
            x = first + other * (column - 0.5) if column else 0.12
            words(x, y, text, **(place | style | (styles or {}).get((index, column), {})))

    words(0.12, 0.26, title, fontsize=13, fontweight="bold")
    row_of(top - 0.12, ["\n".join(textwrap.wrap(text, 15)) for text in header], fontsize=9, fontweight="bold")
    for index, row in enumerate(rows):
        row_of(top + 0.35 + line * index, row, index, fontsize=10)
    for y, weight in ((top + 0.17, 1.2), (top + 0.2 + line * len(rows), 0.8)):
        figure.add_artist(
            Line2D((0.1 / width, 1 - 0.1 / width), (1 - y / height,) * 2, color="black", linewidth=weight)
        )
    words(0.12, top + 0.3 + line * len(rows), "\n".join(notes), fontsize=7.5, color="0.4", va="top")
    return pixels_of(figure)


def describe(script: str, settings: dict, weights: str) -> dict[str, str]:
    """What a PNG says of itself: enough to make it again. Where it lies and on what device is left out."""
    kept = {key: value for key, value in sorted(settings.items()) if key not in {"output", "device"}}
    packages = ("torch", "torchvision", "matplotlib", "numpy", "pillow")
    versions = [f"python {platform.python_version()}", *(f"{name} {version(name)}" for name in packages)]
    return {
        "Script": script,
        "Settings": json.dumps(kept, default=str),
        "Weights": weights,
        "Versions": ", ".join(versions),
    }


def save_picture(pixels: np.ndarray | Image.Image, path: str | Path, metadata: dict[str, str]) -> Path:
    """Write a PNG, or a JPEG if the name ends so, with its metadata; whole or not at all."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    data = io.BytesIO()
    if Path(path).suffix.lower() in {".jpg", ".jpeg"}:
        image.save(data, "JPEG", quality=82, optimize=True, comment=json.dumps(metadata))
    else:
        texts = PngInfo()
        for key, value in metadata.items():
            texts.add_itxt(key, value)
        image.save(data, "PNG", pnginfo=texts)
    return write_whole(Path(path), data.getvalue())


def pixels_of(figure: Figure) -> np.ndarray:
    """Draw a matplotlib figure -> RGB (H, W, 3), uint8."""
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a character that the font lacks is drawn as a box: the picture is still good
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def stack(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Put pictures (H, W, 3) under each other on white, left edges aligned."""
    width = max(picture.shape[1] for picture in pictures)
    padded = [np.pad(p, ((0, 0), (0, width - p.shape[1]), (0, 0)), constant_values=255) for p in pictures]
    return np.concatenate(padded)


def save_animation(
    frames: Sequence[np.ndarray],
    path: str | Path,
    metadata: dict[str, str],
    *,
    milliseconds: int | Sequence[int],
    most_bytes: int,
) -> Path:
    """Write pictures (H, W, 3), uint8, all of one shape, as a GIF that repeats for ever; whole or not at all.

    milliseconds: how long each is shown, one number for all or one each.
    All share one palette, chosen from frames spread over the whole, so that colours do not jump; errors are
    diffused. Where the file would be larger than `most_bytes`, the pictures are made smaller.
    """
    pictures = [Image.fromarray(frame) for frame in frames]
    while True:
        size = pictures[0].size
        spread = pictures[:: -(-len(pictures) // 8)]
        samples = Image.new("RGB", (size[0], size[1] * len(spread)))
        for index, sample in enumerate(spread):
            samples.paste(sample, (0, index * size[1]))
        palette = samples.quantize(256)
        coded = [picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for picture in pictures]
        data = io.BytesIO()
        settings = {"duration": milliseconds, "loop": 0, "optimize": False, "comment": json.dumps(metadata).encode()}
        coded[0].save(data, "GIF", save_all=True, append_images=coded[1:], **settings)
        if data.tell() <= most_bytes or min(size) < 2:
            return write_whole(Path(path), data.getvalue())
        scale = min(0.9, 0.95 * (most_bytes / data.tell()) ** 0.5)
        smaller = [max(1, round(side * scale)) for side in size]
        pictures = [picture.resize(smaller, Image.Resampling.LANCZOS) for picture in pictures]
