"""Many numbers an image drawn as two: PCA and t-SNE, and how far the drawing may be trusted.

PCA turns the cloud of points and keeps the axes along which it is widest (Pearson, 1901; Hotelling, 1933):

    x - mean = sum over i of p_i a_i,      a_i: orthonormal axes by falling variance;  p: the coordinates drawn

A linear view: distances in it are never longer than the true ones, the share of variance says how much it shows.

t-SNE (van der Maaten and Hinton, 2008) moves points in the plane until the neighbours there are those of the full
space, KL(P || Q) least, with P the nearness of the rows and Q that of the points. Groups of neighbours can be
believed; the size of a group and the distance between two of them cannot.

Trustworthiness (Venna and Kaski, 2001) asks of the k nearest points in the plane how far down the true order they are:

    T = 1 - 2 / (N k (2 N - 3 k - 1)) sum over i and its k nearest j in the plane of max(0, rank(i, j) - k)

1 is perfect; points placed blindly get about 0.5.
"""

from typing import NamedTuple

import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor

from core.errors import UsageError
from visualizers.nearest_neighbours import ROWS, nearest_neighbours

FIRST_REDUCED_TO = 50  # numbers a row that t-SNE is given, as its authors advise: quicker, and less noise


class Components(NamedTuple):
    """points @ axes + mean gives the rows again, exactly if all components are kept."""

    points: Tensor  # (N, count)
    axes: Tensor  # (count, D)
    mean: Tensor  # (D,)
    shares: Tensor  # (count,), of the whole variance


def principal_components(features: Tensor, count: int = 2) -> Components:
    """features (N, D) -> its `count` widest components. Raises UsageError where there are not so many, or all is one.

    A component has no sign of its own; scikit-learn takes the one whose largest weight is positive.
    """
    _check(features)
    most = min(features.shape)
    if not 1 <= count <= most:
        raise UsageError(f"components: {count} of {tuple(features.shape)} features; allowed are 1 to {most}")
    # A few among many are searched for, to full precision; scikit-learn's own choice there is an approximation.
    solver = "arpack" if count < most / 5 else "full"
    pca = PCA(count, svd_solver=solver, random_state=0).fit(features.double().numpy())
    # Copied, since what is searched for may come in reversed order in memory, which torch does not take.
    found = (pca.components_, pca.mean_, pca.explained_variance_ratio_)
    axes, mean, shares = (torch.from_numpy(values.copy()) for values in found)
    return Components((features.double() - mean) @ axes.T, axes, mean, shares)


def tsne(features: Tensor, *, perplexity: float = 30.0) -> Tensor:
    """features (N, D) -> points in the plane, (N, 2). The same features, the same points: it starts from PCA.

    perplexity: about how many neighbours each point keeps an eye on; less, (N - 1) / 3, where there are few images.
    Raises UsageError for fewer than 4 rows, or rows that are all the same.
    """
    _check(features)
    if len(features) < 4:
        raise UsageError(f"images: t-SNE needs at least 4, got {len(features)}; give more, or take pca")
    reduced = principal_components(features, min(FIRST_REDUCED_TO, *features.shape)).points
    fitting = min(perplexity, (len(features) - 1) / 3)
    places = TSNE(perplexity=fitting, init="pca", learning_rate="auto", random_state=0)
    return torch.from_numpy(places.fit_transform(reduced.float().numpy())).double()


def trustworthiness(features: Tensor, points: Tensor, *, count: int = 10) -> float:
    """How far the `count` nearest in the plane, points (N, 2), are near in truth, features (N, D): at most 1.

    A few rows at a time, so that memory does not grow with N squared. `count` is made less than N / 2 if it is not,
    for which the formula holds. Raises UsageError for fewer than 4 rows.
    """
    total = len(features)
    if total < 4:
        raise UsageError(f"images: trustworthiness needs at least 4, got {total}; give more")
    count = min(count, (total - 1) // 2)
    near, _ = nearest_neighbours(points, count)
    rows, penalty = features.double(), 0.0
    for part, found in zip(torch.arange(total).split(ROWS), near.split(ROWS), strict=True):
        distances = torch.cdist(rows[part], rows)  # (B, N)
        distances[torch.arange(len(part)), part] = torch.inf
        for place in found.unbind(dim=1):  # one more than those that are nearer
            ranks = 1 + (distances < distances.gather(1, place[:, None])).sum(dim=1)
            penalty += float((ranks - count).clamp(min=0).sum())
    return 1 - 2 * penalty / (total * count * (2 * total - 3 * count - 1))


def _check(features: Tensor) -> None:
    if features.dim() != 2 or not features.isfinite().all():
        raise UsageError(f"features: finite rows of shape (N, D) are needed, got shape {tuple(features.shape)}")
    if (features == features[:1]).all():
        raise UsageError(
            f"images: all {len(features)} have the same features, so there is nothing to draw; give others"
        )
