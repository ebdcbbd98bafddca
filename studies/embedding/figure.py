"""Draws all images at once: as points in the plane, and as a map with a cell for each."""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from drawing.lettering import DOTS_PER_INCH
from drawing.plots import pixels_of
from studies.embedding.class_names import Colour, name_classes
from studies.embedding.collection import PIXEL_SIDE, THUMBNAIL, Collection, shrink
from studies.embedding.precision import Plane

WIDEST_MAP, WIDEST_CELL, NARROWEST = 2000, 120, 800  # pixels: of a map, of an image in it, of its figure
MARKERS = "os^DvP"


def draw_scatter(images: Collection, planes: Mapping[str, Plane], *, title: str, least_named: float) -> np.ndarray:
    """Every image as a point, in each of the two planes, coloured by class; uint8 (H, W, 3).

    least_named: the precision from which on a class is named, as the footer tells it.
    """
    figure = Figure(figsize=(13.2, 7.2), dpi=DOTS_PER_INCH, facecolor="white")
    title = f"{title}: {images.what}, a point each"
    figure.text(0.012, 0.965, title, fontsize=14, fontweight="bold", va="center")
    words = f"{images.network}, {images.feature_words} scaled to length 1; pixels: {PIXEL_SIDE} x {PIXEL_SIDE}"
    if images.labels is not None:
        least = 100 * least_named
        words += f"; named: the classes to which at least {least:.0f} % of their points' nearest belong"
    figure.text(0.012, 0.018, words, fontsize=7.5, color="0.4", va="center")
    for place, plane in enumerate(planes.values()):
        axes = figure.add_axes((0.012 + 0.495 * place, 0.04, 0.481, 0.83))
        axes.set_title(plane.title, fontsize=10.5, loc="left", linespacing=1.25)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color("0.8")
        places = plane.points.numpy()
        size = min(30, max(5, 16000 / len(places)))
        if images.labels is None:
            axes.scatter(*places.T, s=size, color="#2471a3", linewidths=0)
            continue
        colours = class_colours(len(images.class_names))
        for label, colour in enumerate(colours):
            mine = places[images.labels.numpy() == label]
            marker = MARKERS[label // 10 % len(MARKERS)]
            axes.scatter(*mine.T, s=size, color=colour, marker=marker, linewidths=0, alpha=0.75)
        name_classes(axes, places, images, plane.named, colours=colours)
    return pixels_of(figure)


def class_colours(count: int) -> list[Colour]:
    """A colour for each class; past 20 they are told apart by their markers and names as well."""
    few = matplotlib.colormaps["tab10"].colors
    many = [*matplotlib.colormaps["Dark2"].colors, *few, *matplotlib.colormaps["Set1"].colors[:5]]
    return [(few if count <= 10 else many)[number % (10 if count <= 10 else len(many))] for number in range(count)]


def draw_map(
    images: Collection,
    cells: Tensor,
    rows: int,
    columns: int,
    *,
    size: int,
    words: str,
    named: Sequence[int],
) -> np.ndarray:
    """Every image in its cell, cells (N,) counted row by row; uint8 (H, W, 3).

    size: side at which a picture is read again. words: what the footer tells besides. named: classes to be named.
    """
    down, right = cells // columns, cells % columns
    side = min(WIDEST_CELL, max(12, WIDEST_MAP // columns))
    canvas = np.full((rows * side, columns * side, 3), 255, np.uint8)
    for index, (y, x) in enumerate(zip((down * side).tolist(), (right * side).tolist(), strict=True)):
        # Of a few hundred images there is room for more than is kept of them: they are read again.
        pixels = images.thumbnails[index] if side <= THUMBNAIL else images.sources[index].read(size)
        canvas[y : y + side - 1, x : x + side - 1] = shrink(pixels, side - 1)  # a white line between two
    height, width = canvas.shape[:2]
    words = f"{images.network}, {images.feature_words}; t-SNE, then a linear assignment{words}"
    lines = textwrap.wrap(words, max(width, NARROWEST) // 7)
    head, foot, margin = 50, 12 + 15 * len(lines), 10
    whole = np.array([max(width, NARROWEST) + 2 * margin, height + head + foot])
    figure = Figure(figsize=whole / DOTS_PER_INCH, dpi=DOTS_PER_INCH, facecolor="white")
    title = f"{images.what}, those alike to the network side by side"
    left, points = margin / whole[0], min(16, whole[0] / 75)
    figure.text(left, 1 - head / 2 / whole[1], title, fontsize=points, fontweight="bold", va="center")
    figure.text(left, foot / 2 / whole[1], "\n".join(lines), fontsize=7.5, color="0.4", va="center")
    axes = figure.add_axes((left, foot / whole[1], width / whole[0], height / whole[1]))
    axes.imshow(canvas, aspect="auto", interpolation="nearest")
    axes.set_axis_off()
    middles = (np.stack([right.numpy(), down.numpy()], axis=1) + 0.5) * side
    name_classes(axes, middles, images, named, fontsize=max(9, 0.75 * points))
    return pixels_of(figure)
