"""Does a network know what it does not know? Its confidence against how often it is right.

The confidence in a picture is the probability of the class it names. Of all pictures named with confidence 0.8, a
calibrated network names 80 % rightly. The pictures are sorted into bins by confidence; in bin b lie n_b of N:

    ECE = sum over b of  n_b / N * | share named rightly in b - mean confidence in b |      (Naeini et al., 2015)

ECE, the expected calibration error, says nothing of accuracy: who always says 1/K among K equal classes has none.
A single number repairs much of it: the scores divided by a temperature (Guo et al., 2017), which changes no answer.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar
from torch import Tensor

from core.errors import UsageError

BINS = 15
HOTTEST = 100.0  # temperatures are looked for from 1 / HOTTEST to HOTTEST


class Reliability(NamedTuple):
    """For each of B bins of confidence, equally wide; an empty one has 0 in all three."""

    counts: Tensor  # (B,), pictures in the bin
    confidence: Tensor  # (B,), their mean confidence
    accuracy: Tensor  # (B,), the share of them named rightly

    @property
    def gaps(self) -> Tensor:
        """(B,), above 0 where the network is too sure of itself."""
        return self.confidence - self.accuracy

    @property
    def error(self) -> float:
        """The expected calibration error, in [0, 1]."""
        return float((self.counts * self.gaps.abs()).sum() / self.counts.sum())


def reliability(confidence: Tensor, correct: Tensor, *, bins: int = BINS) -> Reliability:
    """confidence (N,) in [0, 1] and correct (N,) bool -> the bins; bin b holds (b / B, (b + 1) / B], the first also 0.

    Raises UsageError for other shapes, values out of range or no picture at all.
    """
    if confidence.dim() != 1 or confidence.shape != correct.shape or not len(confidence):
        shapes = f"{tuple(confidence.shape)} and {tuple(correct.shape)}"
        raise UsageError(f"confidence and correct: both must be (N,), with N of at least 1, got {shapes}")
    values = confidence.detach().double().cpu()
    if not ((values >= 0) & (values <= 1)).all():
        raise UsageError(f"confidence: from {float(values.min()):g} to {float(values.max()):g}; allowed are 0 to 1")
    edges = torch.arange(1, bins, dtype=torch.float64) / bins
    place = torch.bucketize(values, edges)  # a value on an edge belongs to the bin below it
    counts = torch.bincount(place, minlength=bins)
    sums = torch.bincount(place, weights=values, minlength=bins)
    hits = torch.bincount(place, weights=correct.cpu().double(), minlength=bins)
    at_least_one = counts.clamp(min=1)
    return Reliability(counts, sums / at_least_one, hits / at_least_one)


def entropy(probabilities: Tensor) -> Tensor:
    """(N, K) -> (N,), as a share of the largest there is, log K: 0 is certain, 1 knows nothing.

    - sum over k of p_k log p_k / log K, where 0 log 0 is 0. Raises UsageError for fewer than two classes.
    """
    if probabilities.dim() != 2 or probabilities.shape[1] < 2:
        raise UsageError(f"probabilities: (N, K) with K of at least 2 is needed, got {tuple(probabilities.shape)}")
    return torch.special.entr(probabilities.detach().double()).sum(dim=1) / math.log(probabilities.shape[1])


def fit_temperature(scores: Tensor, labels: Tensor) -> float:
    """The T for which softmax(scores / T) makes the labels most likely; scores (N, K), labels (N,).

    Above 1: the network was too sure of itself. Take other pictures than those that will judge it. The loss is convex
    in 1 / T, so there is one such T; it ends at the bounds where no picture, or every picture, is named rightly.
    """
    scores, labels = scores.detach().double().cpu(), labels.cpu()

    def loss(log_temperature: float) -> float:
        return float(F.cross_entropy(scores / math.exp(log_temperature), labels))

    reach = math.log(HOTTEST)
    return math.exp(minimize_scalar(loss, bounds=(-reach, reach), method="bounded", options={"xatol": 1e-6}).x)
