"""Style loss: do two pictures have the same textures, wherever they are? (Gatys et al., 2016)

    Gram matrix  G_kl = sum over positions p of F_kp * F_lp       (divided by C * H * W)
    L = sum over layers of weight * sum over k, l of (G_kl - A_kl)^2
    dL/dF = 4 * weight / (C * H * W) * (G - A) F                  (their equation 6, with this divisor)

The Gram matrix tells which features occur together, and forgets where: any shuffling of positions
leaves it unchanged.
"""

from collections.abc import Callable, Sequence
from operator import index

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from core.errors import UsageError
from core.inputs import precise
from core.measuring import without_autocast
from style_modules.half_precision import common_type, in_type


class GramDistance(torch.autograd.Function):
    """sum over k, l of (G_kl - A_kl)^2 of features F (N, C, H, W) and a target A (N, C, C), and its gradient.

    Autograd would multiply F twice more, once for each factor of F F', and add the products; G is symmetric,
    so one product is enough. It is taken positions first, as a channels-last network lies in memory.
    """

    @staticmethod
    def forward(ctx, features: Tensor, target: Tensor) -> Tensor:
        matrices = gram_matrices(features)  # (N, C, C)
        if target.shape[-2:] != matrices.shape[-2:]:  # it could be spread over the matrices without a word
            shapes = f"{tuple(target.shape)} for features {tuple(features.shape)}"
            raise UsageError(f"style_targets: Gram matrices (N, C, C) are needed, got {shapes}")
        difference = matrices - precise(target)
        ctx.save_for_backward(features, difference)
        return difference.square().sum()

    @staticmethod
    @once_differentiable
    @without_autocast()
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor | None]:
        given, difference = ctx.saved_tensors
        features = precise(given)
        both_ways = difference + difference.mT  # twice the difference, if the target is symmetric, as Gram matrices are
        by_position = features.flatten(2).mT @ (both_ways * (2 * gradient / features[0].numel())).to(features)
        for_target = -2 * gradient * difference if ctx.needs_input_grad[1] else None
        return by_position.mT.unflatten(2, features.shape[2:]).to(given), for_target  # (N, P, C) -> (N, C, H, W)


@without_autocast()
def gram(features: Tensor) -> Tensor:
    """features (N, C, H, W) -> (N, C, C), the sums alone, at least in float32."""
    flat = precise(features).flatten(2)  # (N, C, P)
    return flat @ flat.transpose(1, 2)


def gram_matrices(features: Tensor) -> Tensor:
    """features (N, C, H, W) -> (N, C, C), divided by C * H * W, at least in float32."""
    return gram(features) / features[0].numel()


def gram_matrix(features: Tensor, normalize: bool = True) -> Tensor:
    """features (N, C, H, W) -> (N, C, C), divided by C * H * W if normalize."""
    if features.dim() != 4 or not features.numel():
        raise UsageError(f"features: shape (N, C, H, W) is needed, got {tuple(features.shape)}")
    dtype = common_type(features)
    matrices = gram_matrices(features) if normalize else gram(features)
    return in_type(matrices, dtype, "Gram matrix")


def check_layers(style_layers: Sequence[int], count: int) -> None:
    """Raise UsageError for a style layer that is no index into a list of `count` features, from its end or start."""
    for layer in style_layers:
        try:
            there = -count <= index(layer) < count
        except TypeError:
            there = False
        if not there:
            raise UsageError(f"style_layers: {layer!r} is none of the features; allowed are 0 to {count - 1}")


def style_loss(
    feats: Sequence[Tensor],
    style_layers: Sequence[int],
    style_targets: Sequence[Tensor],
    style_weights: Sequence[float],
    *,
    distance: Callable[[Tensor, Tensor], Tensor] = GramDistance.apply,
) -> Tensor:
    """The weighted sum over the layers of the distance of features from Gram matrices -> scalar.

    feats: one (N, C, H, W) per layer of the network, as `extract_features` returns them; style_layers: indices into
    feats; style_targets: Gram matrices (N, C, C). The scalar has the dtype and device of the features; sums are kept at
    least in float32, and a RuntimeWarning says so where the result is more than half precision holds. Raises
    UsageError for lists that do not fit, and for a layer that is none of feats.
    """
    if not len(style_layers) == len(style_targets) == len(style_weights) > 0:
        lengths = f"{len(style_layers)} layers, {len(style_targets)} targets and {len(style_weights)} weights"
        raise UsageError(f"style loss: got {lengths}; give as many of each, at least one")
    check_layers(style_layers, len(feats))
    dtype, total = common_type(*(feats[layer] for layer in style_layers), *style_targets), 0
    for layer, target, weight in zip(style_layers, style_targets, style_weights, strict=True):
        total = total + weight * distance(feats[layer], target)
    return in_type(total, dtype, "style loss")


class StyleLoss(nn.Module):
    """The course's name for it. A subclass may have a Gram matrix of its own: the loss then follows it."""

    def gram_matrix(self, features: Tensor, normalize: bool = True) -> Tensor:
        """As the function `gram_matrix`."""
        return gram_matrix(features, normalize)

    def forward(
        self,
        feats: Sequence[Tensor],
        style_layers: Sequence[int],
        style_targets: Sequence[Tensor],
        style_weights: Sequence[float],
    ) -> Tensor:
        """As `style_loss`."""
        own = type(self).gram_matrix is not StyleLoss.gram_matrix
        distance = self._distance if own else GramDistance.apply
        return style_loss(feats, style_layers, style_targets, style_weights, distance=distance)

    def _distance(self, features: Tensor, target: Tensor) -> Tensor:
        return (precise(self.gram_matrix(features)) - precise(target)).square().sum()
