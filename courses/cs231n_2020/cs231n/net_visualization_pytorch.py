"""CS231n's saliency maps, fooling images and class visualization, as its notebook calls them."""

import torch
from torch import Tensor, nn

from core.priors import unit_norm
from courses.ascents import regularised_gradient
from courses.pictures import blur_image, deprocess, jitter, preprocess, rescale
from visualizers.fooling_image import course_fooling_image
from visualizers.saliency_map import saliency_map

__all__ = [
    "blur_image",
    "class_visualization_update_step",
    "compute_saliency_maps",
    "deprocess",
    "jitter",
    "make_fooling_image",
    "preprocess",
    "rescale",
]


def compute_saliency_maps(X: Tensor, y: Tensor, model: nn.Module) -> Tensor:
    """X (N, 3, H, W), labels y (N,) -> (N, H, W), not negative.

    The network is in eval mode afterwards, as in the course: a later cell judges its fooling image with the network
    as it finds it, and dropout would overturn the verdict at random.
    """
    model.eval()
    return saliency_map(model, X, y)


def make_fooling_image(X: Tensor, target_y: int, model: nn.Module) -> Tensor:
    """X (1, 3, H, W) -> a tensor like it that the network takes for target_y: up to 100 steps of length 1."""
    return course_fooling_image(model, X, target_y)


def class_visualization_update_step(
    img: Tensor, model: nn.Module, target_y: int, l2_reg: float, learning_rate: float
) -> None:
    """Move img (1, 3, H, W) itself by `learning_rate` along the normalised gradient of score_y - l2_reg * ||img||^2."""
    step = unit_norm(regularised_gradient(img, model, target_y, l2_reg))
    with torch.no_grad():
        img.add_(step, alpha=learning_rate)
