"""Many images' scores -> few numbers: means, areas, and the verdicts of the sanity checks."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from measures.faithfulness import area_under
from measures.sanity import verdict, verdict_sentence
from studies.trust.scores import Scores

SSIM, RANK_CORRELATION = 0, 1  # places in the last dimension of a similarity


class AfterAll(NamedTuple):
    """Each image's new map compared after randomising all, the mean over the random networks; (N,) each."""

    ssim: np.ndarray
    rank_correlation: np.ndarray
    floor: np.ndarray  # the rank correlation that the architecture alone gives


class Likeness(NamedTuple):
    """Old and new maps compared, the mean over the images."""

    rank_correlation: float
    floor: float  # that the architecture alone gives

    @property
    def verdict(self) -> str:
        """Does the map follow: "yes", "partly", "no" or "unknown"."""
        return verdict(*self)


def mean(values: np.ndarray) -> float:
    """The mean of all that is a number; not a number if nothing is."""
    kept = values[~np.isnan(values)]
    return float(kept.mean()) if kept.size else math.nan


def image_means(values: np.ndarray) -> np.ndarray:
    """(N, D) -> each image's mean over the random networks, (N,)."""
    return np.array([mean(draws) for draws in values])


def after_all(scores: Scores) -> AfterAll:
    """The similarity after randomising all."""
    last, floor = scores["all_random"][:, :, 0], scores["all_random floor"][:, :, 0]
    return AfterAll(image_means(last[..., SSIM]), image_means(last[..., RANK_CORRELATION]), image_means(floor))


def kinds_of(scores: Scores) -> tuple[str, ...]:
    """What the maps are checked against: the weights, and the labels if a network of random labels was given."""
    return ("weights", "labels") if "labels" in scores else ("weights",)


def likeness(scores: Scores, kind: str = "weights") -> Likeness:
    """After randomising all the weights; or beside the maps of the network that was trained on random labels."""
    if kind == "labels":
        return Likeness(mean(scores["labels"][:, RANK_CORRELATION]), mean(scores["labels floor"]))
    return Likeness(mean(after_all(scores).rank_correlation), mean(after_all(scores).floor))


def verdict_sentences(scores: Scores) -> list[str]:
    """The sanity checks of one row in plain words."""
    after = {"weights": "after randomising all", "labels": "to random labels"}
    return [verdict_sentence(f"follows the {kind}", *likeness(scores, kind), after[kind]) for kind in kinds_of(scores)]


def areas(curves: np.ndarray) -> np.ndarray:
    """The area under each curve (..., stages + 1), (...)."""
    return area_under(torch.from_numpy(curves)).numpy()


def means_over_blocks(values: np.ndarray) -> list[float]:
    """(N, D, B) -> for each block the mean over images and random networks, (B,)."""
    return [mean(image_means(values[:, :, block])) for block in range(values.shape[2])]


def extremes(lines: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    """Several lines of one length -> the lowest and the highest value at each place."""
    places = list(zip(*lines, strict=True))
    return [min(values) for values in places], [max(values) for values in places]
