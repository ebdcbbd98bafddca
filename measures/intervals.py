"""Means with the range in which the true value lies: 95 of 100 such intervals hold it."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import UsageError

Z = 1.96  # standard normal quantile of 97.5 %


class Interval(NamedTuple):
    """An estimate and the two ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: Tensor) -> Interval:
    """values (N,), finite -> mean -+ 1.96 s / sqrt(N). Raises UsageError for fewer than two values."""
    _check(values, least=2)
    mean = float(values.double().mean())
    reach = Z * float(values.double().std()) / math.sqrt(len(values))
    return Interval(mean, mean - reach, mean + reach)


def share_interval(hits: Tensor) -> Interval:
    """hits (N,) bool -> the share of them, and Wilson's interval (1927), which is right near 0 and 1, too."""
    _check(hits, least=1)
    count, share = len(hits), float(hits.double().mean())
    weight = 1 / (1 + Z**2 / count)
    centre = weight * (share + Z**2 / (2 * count))
    reach = weight * Z * math.sqrt(share * (1 - share) / count + Z**2 / (4 * count**2))
    return Interval(share, max(0.0, min(share, centre - reach)), min(1.0, max(share, centre + reach)))


def _check(values: Tensor, least: int) -> None:
    if values.dim() != 1 or len(values) < least or not torch.isfinite(values.double()).all():
        shape = tuple(values.shape)
        raise UsageError(f"values: {least} or more finite numbers in a row are needed, got shape {shape}")
