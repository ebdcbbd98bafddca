"""Total variation: how rough is a picture? (Rudin, Osher and Fatemi, 1992; squared here, as in the course)

L = weight * ( sum of (x_i+1,j - x_ij)^2 + sum of (x_i,j+1 - x_ij)^2 )
"""

from torch import Tensor, nn


class TotalVariationLoss(nn.Module):
    """Squared differences of neighbouring pixels, weighted; a scalar of the picture's dtype, on its device."""

    def forward(self, img: Tensor, tv_weight: float) -> Tensor:
        """img (N, 3, H, W) -> scalar."""
        down = (img[:, :, 1:] - img[:, :, :-1]).square().sum()
        right = (img[:, :, :, 1:] - img[:, :, :, :-1]).square().sum()
        return tv_weight * (down + right)
