"""Total variation: how rough is a picture? (Rudin, Osher and Fatemi, 1992; squared here, as in the course)

L = weight * ( sum of (x_i+1,j - x_ij)^2 + sum of (x_i,j+1 - x_ij)^2 )
"""

from torch import Tensor, nn

from core.errors import UsageError
from core.inputs import precise
from style_modules.half_precision import common_type, in_type


def tv_loss(img: Tensor, tv_weight: float) -> Tensor:
    """img (N, 3, H, W) -> scalar, of its dtype and device. Raises UsageError unless it has four dimensions."""
    if img.dim() != 4:
        raise UsageError(f"img: shape (N, 3, H, W) is needed, got {tuple(img.shape)}")
    dtype, pixels = common_type(img), precise(img)
    down = (pixels[:, :, 1:] - pixels[:, :, :-1]).square().sum()
    right = (pixels[:, :, :, 1:] - pixels[:, :, :, :-1]).square().sum()
    return in_type(tv_weight * (down + right), dtype, "total variation loss")


class TotalVariationLoss(nn.Module):
    """The course's name for it."""

    def forward(self, img: Tensor, tv_weight: float) -> Tensor:
        """As `tv_loss`."""
        return tv_loss(img, tv_weight)
