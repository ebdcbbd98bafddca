"""Content loss: how far is a picture from another in what a layer sees? (Gatys et al., 2016)

L = weight * sum over c, i, j of (F_cij - P_cij)^2
"""

from torch import Tensor, nn

from core.errors import UsageError
from core.inputs import precise
from style_modules.half_precision import common_type, in_type


def content_loss(content_weight: float, content_current: Tensor, content_original: Tensor) -> Tensor:
    """content_current F and content_original P: (N, C, H, W) of one layer -> scalar, of their dtype and device."""
    if content_current.shape != content_original.shape:
        shapes = f"{tuple(content_current.shape)} and {tuple(content_original.shape)}"
        raise UsageError(f"content loss: features of one shape are needed, got {shapes}")
    dtype = common_type(content_current, content_original)
    difference = precise(content_current) - precise(content_original)
    loss = content_weight * difference.square().sum()
    return in_type(loss, dtype, "content loss")


class ContentLoss(nn.Module):
    """The course's name for it."""

    def forward(self, content_weight: float, content_current: Tensor, content_original: Tensor) -> Tensor:
        """As `content_loss`."""
        return content_loss(content_weight, content_current, content_original)
