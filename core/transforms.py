"""Small random movements of a picture: what is recognised must not depend on where each pixel lies exactly.

Patterns that a network likes only in one exact position are not what a person sees; a picture that is moved, turned and
resized a little before every step cannot grow them (Mordvintsev et al., 2015; Olah et al., 2017).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from core.inputs import check_images, precise
from core.measuring import without_autocast


@without_autocast()
def random_view(
    images: Tensor,
    *,
    shift: float = 0.1,
    zoom: float = 0.2,
    rotation: float = 10.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """(N, 3, H, W) -> the same pictures, all moved alike; beyond the edge they go on mirrored.

    shift: largest one each way, as a share of the side. zoom: sizes from 1 - zoom to 1 + zoom. rotation: degrees, the
    largest each way. With all three 0 the pictures come back as they are. Bilinear, hence differentiable.
    """
    check_images(images)
    images = precise(images)
    across, down, size, angle = (2 * torch.rand(4, dtype=torch.float64, generator=generator) - 1).tolist()
    if shift == zoom == rotation == 0:
        return images
    turn, scale = math.radians(rotation * angle), 1 / (1 + zoom * size)
    cosine, sine = scale * math.cos(turn), scale * math.sin(turn)
    ratio = images.shape[2] / images.shape[3]  # the grid's units are half sides, which differ in a wide picture
    rows = [[cosine, -sine * ratio, 2 * shift * across], [sine / ratio, cosine, 2 * shift * down]]
    grid = F.affine_grid(torch.tensor([rows]).to(images), [1, *images.shape[1:]], align_corners=False)
    return F.grid_sample(images, grid.expand(len(images), -1, -1, -1), padding_mode="reflection", align_corners=False)
