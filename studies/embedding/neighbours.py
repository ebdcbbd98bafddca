"""Draws some images and, beside each, its nearest ones by features and by pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from drawing.grid import Panel, draw_grid
from studies.embedding.collection import PIXEL_SIDE, Collection, shrink

QUERIES = 7
FRAMED, FRAME, DASH = 110, 5, 9  # pixels: side of a neighbour's picture, width of its frame, length of its dashes
GREEN, RED = (20, 150, 60), (215, 40, 30)
LONGEST_NAME = 15


class Nearest(NamedTuple):
    """The nearest images of each query, in one space."""

    indices: Tensor  # (Q, k)
    distances: Tensor  # (Q, k)
    share: str  # "83.1 ± 0.8 % are of its class", or nothing


def choose_queries(images: Collection, seed: int) -> Tensor:
    """Images drawn by chance, each of another class while there are others, (Q,)."""
    order = torch.randperm(len(images.sources), generator=torch.Generator().manual_seed(seed)).tolist()
    first = {images.sources[index].class_name or index: index for index in reversed(order)}
    order.sort(key=lambda index: index not in set(first.values()))  # stable: the first of each class, then the others
    return torch.tensor(order[:QUERIES])


def draw_neighbours(
    images: Collection, queries: Sequence[int], *, features: Nearest, pixels: Nearest, size: int
) -> np.ndarray:
    """Queries down; beside each its nearest images by features, and by pixels; uint8 (H, W, 3)."""
    halves = []
    for space, nearest, footer in (
        ("features", features, f"{images.network}, {images.feature_words}, cosine"),
        ("pixels", pixels, f"Euclidean distance of {PIXEL_SIDE} x {PIXEL_SIDE} pixels; queries drawn by chance"),
    ):
        rows = []
        for query, found, far in zip(queries, nearest.indices.tolist(), nearest.distances.tolist(), strict=True):
            row = [panel(images, size, query)] if space == "features" else []
            for other, distance in zip(found, far, strict=True):
                # Rows of length 1: their distance tells the cosine.
                words = f"cosine {1 - distance**2 / 2:.2f}" if space == "features" else f"distance {distance:.1f}"
                row.append(panel(images, size, other, query, words))
            rows.append(row)
        title = f"Nearest by {space}: {nearest.share}".removesuffix(": ")
        halves.append(draw_grid(rows, cell=1.1, title=title, footer=footer, tower=True))  # beside the other half
    return np.concatenate(halves, axis=1)


def panel(images: Collection, size: int, index: int, query: int | None = None, nearness: str = "") -> Panel:
    """Image `index`, as a neighbour of a query framed: a whole green frame for its class, a broken red one for another.

    The picture is read again: of thousands of images only thumbnails are kept.
    """
    source = images.sources[index]
    pixels = np.pad(shrink(source.read(size), FRAMED), ((FRAME, FRAME), (FRAME, FRAME), (0, 0)))
    name = source.class_name or source.name
    name = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    edge = np.ones(pixels.shape[:2], dtype=bool)
    edge[FRAME:-FRAME, FRAME:-FRAME] = False
    pixels[edge] = 255
    if query is None:
        return Panel(pixels, name)
    if images.labels is None:
        return Panel(pixels, f"{name}\n{nearness}")
    right = source.class_name == images.sources[query].class_name
    if not right:  # broken, so that it differs by more than its colour
        down, across = np.indices(edge.shape) // DASH
        edge &= (down + across) % 2 == 0
    pixels[edge] = GREEN if right else RED
    return Panel(pixels, f"{'✓' if right else '✗'} {name}")
