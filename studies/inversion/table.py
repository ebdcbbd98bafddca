"""What came of each layer, as tables: the means for people, every image at every layer for programs."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from studies.inversion.flags import LAYERS

NOTE = (
    "Means over the images. Numbers kept: what the layer gives, for each number of the picture. Error of the picture: "
    "||x - x_0|| / ||x_0 - its mean colour||; 1 is a blank picture; an image of one colour has none, and is left out. "
    "SSIM: 1 for equal pictures. Error of the pattern: 1 - correlation, whatever the contrast. Error of the layer: "
    "||Phi(x) - Phi(x_0)|| / ||Phi(x_0)||. Probability: of each image's class, on what was rebuilt."
)


class Inverted(NamedTuple):
    """What came of one layer, N images."""

    layer: str
    shape: tuple[int, ...]  # of the layer's features for one image
    pictures: Tensor  # (N, 3, H, W)
    picture_errors: list[float]
    pattern_errors: list[float]
    layer_errors: list[float]
    similarities: list[float]  # SSIM
    probabilities: list[float]  # of each image's label

    @property
    def numbers(self) -> tuple[list[float], ...]:
        """All that was measured, in the tables' order."""
        return self.picture_errors, self.similarities, self.pattern_errors, self.layer_errors, self.probabilities


def means(results: Sequence[Inverted]) -> tuple[list[str], list[list[str]]]:
    """The table for people, header and rows: one row a layer."""
    header = ["layer", "features", "numbers kept", "error of the picture"]
    header += ["SSIM", "error of the pattern", "error of the layer", "probability"]
    rows = []
    for one in results:
        kept = math.prod(one.shape) / one.pictures[0].numel()
        averages = [f"{mean(values):.3f}" for values in one.numbers]
        size = " x ".join(map(str, one.shape))
        rows.append([block_name(one.layer), size, f"{kept:.2f}", *averages])
    return header, rows


def each_image(
    names: Sequence[str], classes: Sequence[str], results: Sequence[Inverted]
) -> tuple[list[str], list[list[str]]]:
    """The table for programs, header and rows: every image at every layer."""
    header = ["layer", "image", "class", "picture_error", "ssim", "pattern_error", "layer_error", "probability"]
    rows = []
    for one in results:
        for name, class_name, *values in zip(names, classes, *one.numbers, strict=True):
            rows.append([one.layer, name, class_name, *(f"{value:.6f}" for value in values)])
    return header, rows


def block_name(layer: str) -> str:
    """ "features.3, fire2"; the layer alone if it is no block of SqueezeNet's."""
    return f"{layer}, {LAYERS[layer]}" if layer in LAYERS else layer


def mean(values: Sequence[float]) -> float:
    """Over the images that have the number: a blank picture, of one colour, has no error of its own."""
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def depth_verdict(results: Sequence[Inverted]) -> str:
    """For each error, whether its mean rises from each layer to the next, and where it does not."""
    sentences = []
    for name, errors in {
        "picture": [one.picture_errors for one in results],
        "pattern": [one.pattern_errors for one in results],
        "structure, 1 - SSIM,": [[1 - value for value in one.similarities] for one in results],
    }.items():
        averages = [mean(values) for values in errors]
        if not all(map(math.isfinite, averages)):
            sentences.append(f"the error of the {name} is unknown: all pictures are blank")
            continue
        falls = [
            f"{result.layer} ({after:.3f} after {before:.3f})"
            for result, (before, after) in zip(results[1:], pairwise(averages), strict=True)
            if after <= before
        ]
        where = f", but not at {', '.join(falls)}" if falls else ""
        sentences.append(f"the mean error of the {name} rises from layer to layer{where}")
    return "\n".join(sentences)
