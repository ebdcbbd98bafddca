"""Whole pictures at a chosen size, as the network reads them: not cropped, their shape kept."""

from PIL.Image import Image
from torch import Tensor
from torchvision.transforms.v2 import functional

from core.images import preprocess


def scaled(image: Image, side: int) -> Tensor:
    """RGB picture -> normalised (1, 3, h, w), contiguous, its shorter side scaled to `side` pixels."""
    return preprocess(functional.resize(image, [side])).contiguous()
