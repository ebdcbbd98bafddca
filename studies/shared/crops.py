"""Squares cut at random out of photographs: many pictures to learn from or to judge by, where there are but a few."""

from collections.abc import Callable, Sequence

import torch
from PIL import ImageOps
from PIL.Image import Image, Resampling
from torch import Tensor

from core.images import preprocess


def random_crops(
    pictures: Sequence[Image],
    count: int,
    size: int,
    *,
    generator: torch.Generator,
    smallest: float = 0.45,
    mirror: bool = True,
    resample: Resampling = Resampling.BICUBIC,
    whole: Callable[[float], int] = int,
) -> Tensor:
    """Squares at random places and of random sizes, of each picture in turn -> (count, 3, size, size), normalised.

    smallest: the least side, as a share of the picture's shorter side. mirror: half of the squares are mirrored. whole:
    makes whole pixels of a place; `int` cuts off, `round` rounds.
    """
    crops = []
    for index in range(count):
        picture = pictures[index % len(pictures)]
        zoom, right, down, *mirrored = torch.rand(3 + mirror, generator=generator).tolist()
        side = max(1, whole(min(picture.size) * (smallest + (1 - smallest) * zoom)))
        left, top = whole(right * (picture.width - side)), whole(down * (picture.height - side))
        crop = picture.resize((size, size), resample, box=(left, top, left + side, top + side))
        crops.append(ImageOps.mirror(crop) if mirrored and mirrored[0] < 0.5 else crop)
    return preprocess(crops)
