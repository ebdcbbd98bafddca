"""Relative weights: losses without units, so that one set of weights serves every picture size and every network.

    content          ||F - P||^2 / ||P||^2                        P what the content layer gives for the content
    style            mean over layers l of ||G_l - A_l||^2 / ||A_l||^2        A_l the style's Gram matrix
    total variation  sum of squared neighbour differences / number of values of the picture, 3 H W

The Wasserstein style loss has  W^2 / (tr S + ||m||^2)  instead (`style_modules.wasserstein_loss`). Content and style
are 1 for a picture that gives nothing at all, whatever the network. With Gram matrices these are the plain losses
of this package with the absolute weights  c / ||P||^2,  s / (L ||A_l||^2)  and  t / (3 H W),  L the number of layers.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from core.errors import UsageError


class Weights(NamedTuple):
    """Absolute weights, as `ContentLoss`, `StyleLoss` and `TotalVariationLoss` take them."""

    content: float
    style: tuple[float, ...]  # of each layer
    total_variation: float


def absolute_weights(
    content_target: Tensor | None,
    style_targets: Sequence[Tensor],
    values: int,
    *,
    content_weight: float = 0.0,
    style_weight: float = 0.0,
    tv_weight: float = 0.0,
) -> Weights:
    """Turn relative weights into absolute ones.

    content_target: the content layer's (N, C, h, w), or None where there is no content, as for a texture.
    style_targets: the Gram matrix (N, C, C) of each layer, normalised as the loss will compare it. values: how many
    the picture has, 3 H W. With N above 1, all sums run over the N pictures. Raises UsageError for a target that is 0
    everywhere, to which nothing can be relative.
    """
    content = 0.0 if content_target is None else content_weight / _size(content_target, "content")
    sizes = [_size(target, "style") for target in style_targets]
    return Weights(content, tuple(style_weight / (len(sizes) * size) for size in sizes), tv_weight / values)


def _size(target: Tensor, name: str) -> float:
    """||target||^2."""
    size = float(target.detach().double().square().sum())
    if size == 0:
        raise UsageError(f"{name}: a layer gives 0 everywhere for the {name} picture; choose other layers or pictures")
    return size
