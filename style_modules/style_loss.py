"""Style loss: do two pictures have the same textures, wherever they are? (Gatys et al., 2016)

    Gram matrix  G_kl = sum over positions p of F_kp * F_lp       (divided by C * H * W)
    L = sum over layers of weight * sum over k, l of (G_kl - A_kl)^2

The Gram matrix tells which features occur together, and forgets where: any shuffling of positions
leaves it unchanged.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from core.errors import UsageError


class StyleLoss(nn.Module):
    """Squared difference of Gram matrices, weighted by layer; a scalar of their dtype, on their device."""

    def gram_matrix(self, features: Tensor, normalize: bool = True) -> Tensor:
        """features (N, C, H, W) -> (N, C, C), divided by C * H * W if normalize."""
        if features.dim() != 4:
            raise UsageError(f"features: shape (N, C, H, W) is needed, got {tuple(features.shape)}")
        count, channels, height, width = features.shape
        flat = features.reshape(count, channels, height * width)  # (N, C, P)
        gram = flat @ flat.transpose(1, 2)  # (N, C, C)
        return gram / (channels * height * width) if normalize else gram

    def forward(
        self,
        feats: Sequence[Tensor],
        style_layers: Sequence[int],
        style_targets: Sequence[Tensor],
        style_weights: Sequence[float],
    ) -> Tensor:
        """feats: one (N, C, H, W) per layer of the network, as `extract_features` returns them;
        style_layers: indices into feats; style_targets: Gram matrices (N, C, C); -> scalar."""
        if not len(style_layers) == len(style_targets) == len(style_weights) > 0:
            lengths = f"{len(style_layers)} layers, {len(style_targets)} targets and {len(style_weights)} weights"
            raise UsageError(f"style loss: got {lengths}; give as many of each, at least one")
        losses = [
            weight * (self.gram_matrix(feats[layer]) - target).square().sum()
            for layer, target, weight in zip(style_layers, style_targets, style_weights, strict=True)
        ]
        return sum(losses)
