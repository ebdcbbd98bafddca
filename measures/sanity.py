"""Does a map follow the weights? The sanity checks of Adebayo et al. (2018): randomise the network, explain again.

    similarity of  map(network)  and  map(network with random weights in some blocks)

A map that hardly changes cannot have told what the network learned. Weights are randomised either cascading, from
the classifier down, or in one block at a time; always in a copy, by each module's own initialisation
(`measures.blocks`).

Some likeness is the architecture's own: strides print a lattice on every gradient, and borders are seen less. How much,
tells the new map of another image, which can share nothing else. The verdict counts only what goes beyond that floor.
"""

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from scipy.stats import rankdata
from skimage.metrics import structural_similarity
from torch import Tensor, nn

from core.duplicates import duplicate
from core.errors import UsageError
from core.gradients import BlankMapWarning, as_pairs, class_map_layer
from core.zero_scores import without_last_relu
from measures.blocks import layers_of_blocks, randomise

LITTLE_LEFT, MUCH_LEFT = 0.2, 0.5  # of the rank correlation above the floor: below is "yes", above is "no"

Explain = Callable[[nn.Module, Tensor, Tensor], Tensor]  # model, images (N, 3, H, W), labels (N,) -> maps (N, H, W)


class Similarity(NamedTuple):
    """Original and new map compared: SSIM and rank correlation; D draws, B blocks, N images."""

    values: Tensor  # (D, B, N, 2), float64; not a number where a map is blank
    floor: Tensor  # (D, B, N): rank correlation with the new map of another image; not a number for a single image
    before_last_relu: Tensor  # (D, B, N) bool: the class had score 0, and was explained before the last ReLU


class Prepared(NamedTuple):
    """A map as it is compared."""

    drawn: np.ndarray  # (H, W), scaled to [0, 1], its highest half per cent saturated
    ranks: np.ndarray  # of its values, (H, W) or flat


def cascading(
    model: nn.Module, generator: torch.Generator, images: Tensor | None = None
) -> Iterator[tuple[str, nn.Module]]:
    """Each block and a copy of the network in which it and all above it are random; one copy that changes on.

    images (N, 3, H, W): as for `blocks_of`.
    """
    network = duplicate(model)
    for block, layers in layers_of_blocks(model, images).items():
        randomise(network, block, layers, generator)
        yield block, network


def all_random(
    model: nn.Module, generator: torch.Generator, images: Tensor | None = None
) -> Iterator[tuple[str, nn.Module]]:
    """A copy of the network in which every block is random, under the name of the last."""
    *_, last = cascading(model, generator, images)
    yield last


def block_by_block(
    model: nn.Module, generator: torch.Generator, images: Tensor | None = None
) -> Iterator[tuple[str, nn.Module]]:
    """Each block and a copy of the network in which it alone is random."""
    for block, layers in layers_of_blocks(model, images).items():
        network = duplicate(model)
        randomise(network, block, layers, generator)
        yield block, network


def explain_with_fallback(
    explain: Explain, model: nn.Module, images: Tensor, labels: Tensor | Sequence[int] | int
) -> tuple[Tensor, Tensor]:
    """Maps (N, H, W), and which of them explain the score before the last ReLU, (N,) bool.

    A random network gives about half of its classes score 0, and their maps are blank. Those are explained again
    with the score taken before the last ReLU. A map that stays blank has nothing positive to show.
    """
    images, labels = as_pairs(images, labels, model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BlankMapWarning)
        maps = explain(model, images, labels)
        blank = maps.flatten(1).amax(dim=1) == 0
        if blank.any() and class_map_layer(model) is not None:
            model = without_last_relu(model, images[blank], labels[blank.cpu()])
            maps[blank] = explain(model, images[blank], labels[blank.cpu()])
    return maps, blank & (maps.flatten(1).amax(dim=1) > 0)


def map_similarity(maps: Tensor, others: Tensor) -> Tensor:
    """SSIM and Spearman's rank correlation of each two maps (N, H, W), of their absolute values; (N, 2), float64.

    SSIM (Wang et al., 2004) compares them as they are drawn: each scaled to [0, 1], its highest half per cent
    saturated. Not a number where a map is constant: a blank map is like no other.
    """
    if maps.dim() != 3 or maps.shape != others.shape or min(maps.shape[1:]) < 7:
        shapes = f"{tuple(maps.shape)} and {tuple(others.shape)}"
        raise UsageError(f"maps and others: both must be (N, H, W), 7 pixels at least, got {shapes}")
    return _compare(_prepare(maps), _prepare(others))


def architecture_floor(maps: Tensor, others: Tensor) -> Tensor:
    """Rank correlation of each map with the other map of the image before it, (N,); not a number for a single one."""
    return _floor(_prepare(maps), _prepare(others))


def _prepare(maps: Tensor) -> list[Prepared | None]:
    """None for a constant map."""
    result = []
    for values in maps.detach().abs().double().cpu().numpy():
        top = np.quantile(values, 0.995) or values.max()
        result.append(Prepared((values / top).clip(max=1), rankdata(values)) if np.ptp(values) else None)
    return result


def _compare(first: Sequence[Prepared | None], second: Sequence[Prepared | None]) -> Tensor:
    result = torch.full((len(first), 2), torch.nan, dtype=torch.float64)
    for index, (one, other) in enumerate(zip(first, second, strict=True)):
        if one is not None and other is not None:
            result[index, 0] = float(structural_similarity(one.drawn, other.drawn, data_range=1.0))
            result[index, 1] = _rank_correlation(one, other)
    return result


def _floor(first: Sequence[Prepared | None], second: Sequence[Prepared | None]) -> Tensor:
    result = torch.full((len(first),), torch.nan, dtype=torch.float64)
    for index, one in enumerate(first):
        other = second[index - 1]
        if one is not None and other is not None and len(first) > 1:
            result[index] = _rank_correlation(one, other)
    return result


def _rank_correlation(one: Prepared, other: Prepared) -> float:
    return float(np.corrcoef(one.ranks.ravel(), other.ranks.ravel())[0, 1])


def sanity_check(
    explain: Explain,
    model: nn.Module,
    images: Tensor,
    labels: Tensor | Sequence[int] | int,
    *,
    networks: Callable[[nn.Module, torch.Generator, Tensor], Iterator[tuple[str, nn.Module]]] = cascading,
    draws: int = 1,
    generator: torch.Generator,
) -> Similarity:
    """Compare the maps of the network with those of its randomised copies, `draws` times anew.

    networks: `all_random`, `cascading` or `block_by_block`.
    `explain` must use the same random numbers at each call, if any.
    """
    original = _prepare(explain_with_fallback(explain, model, images, labels)[0])
    values, floors, fallbacks = [], [], []
    for _ in range(draws):
        for _, network in networks(model, generator, images):
            maps, before_last_relu = explain_with_fallback(explain, network, images, labels)
            new = _prepare(maps)
            values.append(_compare(original, new))
            floors.append(_floor(original, new))
            fallbacks.append(before_last_relu)
    shape = (draws, -1, len(images))
    stacked = torch.stack(values).view(*shape, 2), torch.stack(floors).view(shape), torch.stack(fallbacks).view(shape)
    return Similarity(*stacked)


def left_over(correlation: float, floor: float = 0.0) -> float:
    """The share of the rank correlation above the architecture's floor that is left, 1 for equal maps.

    Maps that are the same for every image have nothing but a floor: for them it is the correlation itself.
    """
    floor = 0.0 if math.isnan(floor) or floor > 0.99 else max(floor, 0.0)
    return (correlation - floor) / (1 - floor)


def verdict(correlation: float, floor: float = 0.0) -> str:
    """Does a map follow what was randomised? In a word, from the mean rank correlation of original and new map.

    "yes": less than a fifth is left of it above the floor; "no": more than half is; else "partly". "unknown": all maps
    are blank.
    """
    if math.isnan(correlation):
        return "unknown"
    left = left_over(abs(correlation), floor)  # a map turned to its negative knows as much
    return "yes" if left < LITTLE_LEFT else "no" if left > MUCH_LEFT else "partly"


def verdict_sentence(what: str, correlation: float, floor: float, after: str) -> str:
    """In plain words: "follows the weights: yes, rank correlation 0.08 after randomising all (0.05 by ...)"."""
    word = verdict(correlation, floor)
    if word == "unknown":
        return f"{what}: unknown, all maps are blank {after}"
    known = "" if math.isnan(floor) else f" ({floor:.2f} by the architecture alone)"
    return f"{what}: {word}, rank correlation {correlation:.2f} {after}{known}"
