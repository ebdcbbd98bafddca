"""Preprocessing a picture, step by step."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course.steps import Work, pipeline, same, tensor

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).double(), torch.tensor([0.229, 0.224, 0.225]).double()


def shorter_side(width: int, height: int, size: int) -> tuple[int, int]:
    """Width and height once the shorter side is `size`."""
    if width <= height:
        return size, int(size * height / width)
    return int(size * width / height), size


def by_deviation(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(H, W, 3) normalised, channel by channel."""
    return (values - mean) / std


@pipeline(
    "preprocess",
    sides=shorter_side,
    filter=lambda: Image.Resampling.BILINEAR,
    crop=same,
    colours=same,
    scale=lambda pixels: pixels / 255,
    mean=lambda: MEAN,
    std=lambda: STD,
    normalise=by_deviation,
    layout=lambda values: values.permute(2, 0, 1),
    batch=lambda values: values[None],
)
def preprocess(steps, inputs: dict, _work: Work) -> dict[str, Tensor]:
    """Shorter side to `size`, 0..1, ImageNet's mean and deviation, (1, 3, h, w)."""
    picture = Image.fromarray(inputs["pixels"])
    picture = picture.resize(steps.sides(*picture.size, inputs["size"]), steps.filter())
    pixels = steps.colours(steps.crop(tensor(np.asarray(picture))))
    values = steps.normalise(steps.scale(pixels), steps.mean(), steps.std())
    return {"image": steps.batch(steps.layout(values))}
