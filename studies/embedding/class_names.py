"""Writes the names of classes among their points, so that none lies over another."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patheffects import withStroke

from drawing.plots import fit_words
from studies.embedding.collection import Collection

Colour = tuple[float, float, float]


def name_classes(
    axes: Axes,
    places: np.ndarray,
    images: Collection,
    named: Sequence[int],
    *,
    colours: Sequence[Colour] | None = None,
    fontsize: float = 9,
) -> None:
    """Write the names of these classes where most of their points (N, 2) are, moved aside where they would overlap."""
    if not named:
        return
    axes.autoscale_view()
    # Not the median of all points: of a class in two groups it would lie between them, among points of others.
    medians = np.stack([middle(places[images.labels.numpy() == label]) for label in named])
    texts = []
    for label, median in zip(named, medians, strict=True):
        colour = "black" if colours is None else np.multiply(colours[label], 0.7)
        style = {"color": colour, "fontsize": fontsize, "fontweight": "bold", "ha": "center", "va": "center"}
        halo = [withStroke(linewidth=3, foreground="white")]
        texts.append(axes.text(*median, images.class_names[label], path_effects=halo, parse_math=False, **style))
    fit_words(axes.figure)  # before they are measured
    renderer = FigureCanvasAgg(axes.figure).get_renderer()
    sizes = np.array([text.get_window_extent(renderer).size for text in texts]) + 4
    start = axes.transData.transform(medians)
    moved = spread(start, sizes, np.array(axes.get_window_extent(renderer).extents).reshape(2, 2))
    for text, place in zip(texts, axes.transData.inverted().transform(moved), strict=True):
        text.set_position(place)


def middle(points: np.ndarray) -> np.ndarray:
    """The median of the half of the points (N, 2) that lie closest together, (2,)."""
    distances = np.linalg.norm(points[:, None] - points, axis=2)
    reach = np.median(distances, axis=1)
    centre = reach.argmin()
    return np.median(points[distances[centre] <= reach[centre]], axis=0)


def spread(centres: np.ndarray, sizes: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Move boxes, centres and sizes (K, 2), apart until none overlaps, inside bounds (2, 2) -> centres (K, 2)."""
    places = centres + np.linspace(0, 1e-3, len(centres))[:, None]  # two on one spot must part somehow
    room = (sizes[:, None] + sizes) / 2
    for _ in range(500):
        apart = places[:, None] - places  # (K, K, 2)
        overlap = room - np.abs(apart)
        np.fill_diagonal(overlap[..., 0], -1)
        both = (overlap > 0).all(axis=2)
        if not both.any():
            break
        axis = overlap.argmin(axis=2)  # the shorter way out
        for each in (0, 1):
            push = np.where(both & (axis == each), np.sign(apart[..., each]) * overlap[..., each], 0)
            places[:, each] += 0.3 * push.sum(axis=1)
        places = places.clip(bounds[0] + sizes / 2, bounds[1] - sizes / 2)
    return places
