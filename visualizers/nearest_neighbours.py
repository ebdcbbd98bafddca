"""Which images are closest to this one? And how often are they of its class?

    d_ij = || f_i - f_j ||                 f: rows of features (or of pixels, the baseline)
    precision at k of image i = share of its k nearest other images that are of its class

Pixels that agree say that two images have the same colours in the same places. Features that agree say that the network
takes them for alike. The mean precision, over all images as queries, says which space knows more of the classes; images
drawn blindly would get `chance_precision`. For rows of length 1 the order is that of cosine similarity.
"""

import torch
from torch import Tensor

from core.errors import UsageError

ROWS = 256  # queries at a time: memory grows with the number of images, not with its square


def nearest_neighbours(features: Tensor, count: int, *, queries: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """features (N, D) -> the `count` nearest other rows of each, nearest first: indices and distances, (N, count).

    queries (Q,): the rows to ask about, all if None. A row is never its own neighbour; a copy of it elsewhere is, at
    distance 0. Computed in float64. Raises UsageError where there are fewer than `count` other rows.
    """
    _check(features)
    if not 1 <= count < len(features):
        most = len(features) - 1
        raise UsageError(f"neighbours: {count} of {len(features)} images; allowed are 1 to {most}, the other images")
    queries = torch.arange(len(features)) if queries is None else queries
    points = features.double() - features.double().mean(dim=0)  # nearer to zero less is rounded
    sizes = points.square().sum(dim=1)
    nearest = []
    for part in queries.split(ROWS):
        squares = sizes[part, None] + sizes - 2 * points[part] @ points.T  # (Q, N)
        squares[torch.arange(len(part)), part] = torch.inf
        nearest.append(squares.topk(count, largest=False).indices)
    indices = torch.cat(nearest)
    # Once more for those few, by subtraction: of two equal rows the sum above leaves a remainder by rounding.
    distances = torch.cat(
        [
            (points[part, None] - points[found]).norm(dim=2)
            for part, found in zip(queries.split(ROWS), indices.split(ROWS), strict=True)
        ]
    )
    return indices, distances


def precision_at_k(neighbours: Tensor, labels: Tensor) -> Tensor:
    """neighbours (N, k) as indices, labels (N,) -> for each query the share of its k that have its label, (N,)."""
    return (labels[neighbours] == labels[:, None]).double().mean(dim=1)


def chance_precision(labels: Tensor) -> float:
    """The mean precision, at any k, of neighbours drawn blindly among the other images: mean of (n_c - 1) / (N - 1)."""
    return float((_companions(labels) / max(len(labels) - 1, 1)).mean())


def best_precision(labels: Tensor, count: int) -> float:
    """The mean precision at k = count of a perfect order: below 1 where a class has no k other images."""
    return float((_companions(labels).clamp(max=count) / count).mean())


def _companions(labels: Tensor) -> Tensor:
    """How many others have each image's label, (N,)."""
    _, places, counts = labels.unique(return_inverse=True, return_counts=True)
    return (counts[places] - 1).double()


def _check(features: Tensor) -> None:
    if features.dim() != 2 or not features.isfinite().all():
        raise UsageError(f"features: finite rows of shape (N, D) are needed, got shape {tuple(features.shape)}")
