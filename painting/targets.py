"""Several styles and their masks, as targets for the moments of a picture.

Styles without a mask are blended: their moments, by weight, are one target. For the Gram loss that is the sum of their
losses but for a constant, since  sum of w_i ||G - A_i||^2 = ||G - sum of w_i A_i||^2 + const  for w_i that add up to 1.
Each style with a mask is compared with the moments under its mask alone, and counts by the share of the picture that
the mask covers: so a position is painted as strongly as if its style were the only one. Where all masks are 0, nothing
is painted.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from core.errors import UsageError
from painting.balance import absolute_weights
from style_modules.moments import Moments, blend
from style_modules.wasserstein_loss import WassersteinDistance

LOSSES = ("gram", "wasserstein")


class Style(NamedTuple):
    """A picture to paint like."""

    image: Tensor  # (1, 3, h, w), normalised
    weight: float = 1.0  # against those of the other styles
    mask: Tensor | None = None  # (1, 1, H, W) in [0, 1], over the content: where to paint so; None is everywhere


class Target(NamedTuple):
    """What one layer is to have where a style counts."""

    layer: int
    mask: Tensor | None  # (h, w)
    area: float  # the mask's sum
    distance: Callable[[Moments], Tensor]  # of mean moments -> scalar
    weight: float  # absolute

    def __call__(self, sums: Moments) -> Tensor:
        return self.weight * self.distance(sums.times(1 / self.area))


def check_styles(styles: Sequence[Style], size: Sequence[int]) -> None:
    """Raise UsageError unless these can be painted on a content of size (H, W)."""
    if not styles or min(style.weight for style in styles) < 0 or not sum(style.weight for style in styles):
        given = [style.weight for style in styles]
        raise UsageError(f"styles: got weights {given}; give at least one style, and weights of 0 or more, not all 0")
    for style in styles:
        if style.mask is None:
            continue
        if tuple(style.mask.shape) != (1, 1, *size):
            raise UsageError(f"mask: shape {tuple(style.mask.shape)}; it must be that of the content, {(1, 1, *size)}")
        low, high = float(style.mask.min()), float(style.mask.max())
        if not 0 <= low <= high <= 1 or high == 0:
            raise UsageError(f"mask: values from {low:g} to {high:g}; 0 to 1 are allowed, not all 0")


def style_targets(
    styles: Sequence[Style],
    moments: Sequence[dict[int, Moments]],
    cells: dict[int, tuple[int, int]],
    *,
    style_weight: float | Sequence[float],
    loss: str,
) -> list[Target]:
    """moments: of each style, by layer. cells: (h, w) of each layer for the content. style_weight: relative.

    Raises UsageError for an unknown loss, for weights that are not one or one for each layer, and for a style that
    gives nothing in a layer.
    """
    if loss not in LOSSES:
        raise UsageError(f"loss: '{loss}' is unknown; allowed are {', '.join(LOSSES)}")
    everywhere = [index for index, style in enumerate(styles) if style.mask is None]
    groups = [everywhere, *([index] for index, style in enumerate(styles) if style.mask is not None)]
    mean_weight = sum(style.weight for style in styles) / len(styles)
    targets = []
    for group in groups:
        weights = [styles[index].weight for index in group]
        if not sum(weights):
            continue
        blended = {layer: blend([moments[index][layer] for index in group], weights) for layer in cells}
        distances, absolute = _distances(list(blended.values()), style_weight, loss)
        for (layer, (height, width)), distance, weight in zip(cells.items(), distances, absolute, strict=True):
            mask, area = styles[group[0]].mask, float(height * width)
            weight *= sum(weights) / len(weights) / mean_weight
            if mask is not None:
                mask = interpolate(mask.to(blended[layer].mean), size=(height, width), mode="area")[0, 0]
                weight *= float(mask.mean())
                area = float(mask.sum())
            targets.append(Target(layer, mask, area, distance, weight))
    return targets


def _distances(targets: list[Moments], style_weight, loss: str) -> tuple[list[Callable], list[float]]:
    """Of each layer, with its absolute weight."""
    relative = [style_weight] * len(targets) if isinstance(style_weight, int | float) else list(style_weight)
    if len(relative) != len(targets):
        raise UsageError(f"style_weight: got {len(relative)} for {len(targets)} layers; give one, or one for each")
    if loss == "wasserstein":
        distances = [WassersteinDistance(target) for target in targets]
        return distances, [w / (len(targets) * d.size) for w, d in zip(relative, distances, strict=True)]
    plain = absolute_weights(None, [target.second for target in targets], 1, style_weight=1.0).style
    return [_gram_distance(target.second) for target in targets], [
        w * one for w, one in zip(relative, plain, strict=True)
    ]


def _gram_distance(target: Tensor) -> Callable[[Moments], Tensor]:
    return lambda moments: (moments.second - target).square().sum()


def style_loss(targets: Sequence[Target], sums: Sequence[Moments]) -> tuple[float, list[Moments]]:
    """The loss of the sums of each target, and its derivative for each of them."""
    leaves = [Moments(*(value.detach().requires_grad_(True) for value in each)) for each in sums]
    total = sum(target(each) for target, each in zip(targets, leaves, strict=True))
    flat = [value for each in leaves for value in each]
    slopes = torch.autograd.grad(total, flat, allow_unused=True, materialize_grads=True)
    return float(total.detach()), [Moments(*pair) for pair in zip(slopes[::2], slopes[1::2], strict=True)]
