"""The ascents that the courses' notebooks run or drive by themselves: fooling, and one step towards a class."""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.ascent import Step
from core.gradients import as_labels, measuring, to_network
from core.zero_scores import label_climb
from visualizers.fooling_image import fool


def fooling_image(
    X: Tensor,
    target_y: int,
    model: nn.Module,
    *,
    iterations: int = 100,
    callback: Callable[[Step], bool | None] | None = None,
) -> Tensor:
    """X (1, 3, H, W) -> a tensor like it that the network takes for target_y, by steps of length 1.

    As in the courses, its colours are not kept to what a file can hold. Warns where `iterations` do not suffice.
    """
    result = fool(model, X, target_y, learning_rate=1.0, iterations=iterations, keep_valid=False, callback=callback)
    if not result.fooled.all():
        text = f"the network was not fooled into class {target_y} in {iterations} steps; try another class or more"
        warnings.warn(text, stacklevel=3)
    return result.images.to(X.dtype)


def regularised_gradient(img: Tensor, model: nn.Module, target_y: int, l2_reg: float) -> Tensor:
    """d (score_y - l2_reg * ||img||^2) / d img, like img (1, 3, H, W). img and network are left as they are.

    A class whose score is 0 has no gradient: the mean of its class map is climbed instead (core.zero_scores).
    """
    pixels = to_network(model, img)
    labels = as_labels(target_y, len(pixels), model)
    with measuring(model):
        pixels.requires_grad_(True)
        (gradient,) = torch.autograd.grad(label_climb(model, pixels, labels).sum(), pixels)
    return (gradient - 2 * l2_reg * pixels.detach()).to(img)
