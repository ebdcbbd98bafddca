"""Moments of features: all that a style loss here knows of a picture.

    mean_k = sum over positions p of m_p F_kp / M,    second_kl = sum over p of m_p F_kp F_lp / M,    M = sum of m_p

m is a mask over the positions, 1 everywhere without one. `second` is the Gram matrix times the number of channels, and
`second - mean mean'` the covariance. Both are sums over positions: they may be added up piece by piece, and the
gradient of any loss of them with respect to the features is

    dL/dF_p = m_p (dL/dmean + 2 dL/dsecond F_p) / M        for a symmetric dL/dsecond

so a large picture needs two passes over its pieces and no more memory than one of them takes. Moments of several
pictures are blended by their weights: these are the moments of one picture that shows so much of each.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor


class Moments(NamedTuple):
    """Of the features of one layer, or sums on the way there."""

    mean: Tensor  # (C,)
    second: Tensor  # (C, C)

    def plus(self, other: "Moments") -> "Moments":
        return Moments(self.mean + other.mean, self.second + other.second)

    def times(self, factor: float) -> "Moments":
        return Moments(self.mean * factor, self.second * factor)


def moment_sums(features: Tensor, mask: Tensor | None = None) -> Moments:
    """features (1, C, h, w), mask (h, w) -> the sums, not yet divided by M."""
    cells = by_position(features)
    weighted = cells if mask is None else cells * mask.reshape(-1, 1)
    return Moments(weighted.sum(dim=0), weighted.T @ cells)


def feature_gradient(features: Tensor, outer: Moments, mask: Tensor | None = None) -> Tensor:
    """dL/d features (1, C, h, w), from outer: dL/d sums."""
    gradient = by_position(features) @ (outer.second + outer.second.T) + outer.mean  # (P, C)
    if mask is not None:
        gradient = gradient * mask.reshape(-1, 1)
    return gradient.unflatten(0, features.shape[2:]).permute(2, 0, 1)[None]


def by_position(features: Tensor) -> Tensor:
    """(1, C, h, w) -> (P, C): as a channels-last network's features lie in memory."""
    return features[0].permute(1, 2, 0).flatten(0, 1)


def blend(moments: Sequence[Moments], weights: Sequence[float]) -> Moments:
    """Their mean by weight."""
    parts = [each.times(weight / sum(weights)) for each, weight in zip(moments, weights, strict=True)]
    result = parts[0]
    for part in parts[1:]:
        result = result.plus(part)
    return result
