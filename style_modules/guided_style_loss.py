"""Guided style loss: are the textures of each region those wanted there? (Gatys et al., 2017, "Controlling Perceptual
Factors in Neural Style Transfer")

    F_r = M_r * F                                               the features under the mask of region r
    G_r,kl = sum over positions p of F_r,kp * F_r,lp            (divided by C * H * W)
    L = sum over layers of weight * sum over regions r, and k, l, of (G_r,kl - A_r,kl)^2

A soft mask, with values between 0 and 1, counts by its square. The paper scales each mask so that its squares sum to 1;
here, as in the course, a region counts by its area instead.
"""

from collections.abc import Sequence

from torch import Tensor

from core.errors import UsageError
from style_modules.style_loss import check_layers, gram_matrix, style_loss


def guided_gram_matrix(features: Tensor, masks: Tensor, normalize: bool = True) -> Tensor:
    """features (N, R, C, H, W) of R regions, masks (N, R, H, W) -> (N, R, C, C), divided by C * H * W if normalize.

    >>> import torch
    >>> guided_gram_matrix(torch.ones(1, 2, 3, 4, 4), torch.ones(1, 2, 4, 4)).shape
    torch.Size([1, 2, 3, 3])
    """
    return gram_matrix(_under_masks(features, masks), normalize).unflatten(0, features.shape[:2])


def guided_style_loss(
    feats: Sequence[Tensor],
    style_layers: Sequence[int],
    style_targets: Sequence[Tensor],
    style_weights: Sequence[float],
    content_masks: Sequence[Tensor],
) -> Tensor:
    """The weighted sum over the layers of the squared distance of guided Gram matrices from their targets -> scalar.

    feats: one (N, R, C, H, W) per layer of the network; content_masks: one (N, R, H, W) for each of feats;
    style_layers: indices into both; style_targets: guided Gram matrices (N, R, C, C), one per style layer. Raises
    UsageError for lists or shapes that do not fit.
    """
    if len(content_masks) != len(feats):
        got = f"{len(content_masks)} for {len(feats)} layers of features"
        raise UsageError(f"content_masks: got {got}; give one for each, style layer or not")
    check_layers(style_layers, len(feats))
    for layer, target in zip(style_layers, style_targets, strict=False):  # style_loss compares their numbers
        wanted = (*feats[layer].shape[:3], feats[layer].shape[2])
        if tuple(target.shape) != wanted:
            raise UsageError(f"style_targets: shape {tuple(target.shape)} for layer {layer}; {wanted} is needed")
    masked = [_under_masks(feats[layer], content_masks[layer]) for layer in style_layers]
    targets = [target.flatten(0, 1) for target in style_targets]
    return style_loss(masked, range(len(masked)), targets, style_weights)


def _under_masks(features: Tensor, masks: Tensor) -> Tensor:
    """(N, R, C, H, W), (N, R, H, W) -> the masked features (N * R, C, H, W)."""
    if features.dim() != 5:
        raise UsageError(f"features: shape (N, R, C, H, W) is needed, got {tuple(features.shape)}")
    wanted = (*features.shape[:2], *features.shape[3:])
    if tuple(masks.shape) != wanted:
        raise UsageError(f"masks: shape {tuple(masks.shape)}; (N, R, H, W) of the features, {wanted}, is needed")
    return (features * masks.to(features).unsqueeze(2)).flatten(0, 1)
