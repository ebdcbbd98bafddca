"""EECS 498's names. A notebook finds them with  PYTHONPATH=<this project>/courses/eecs498  jupyter ..."""

import _project  # noqa: F401
import torch
from torch import Tensor, nn

from core.ascent import Step
from core.errors import UsageError
from core.passes import scores_of
from courses.ascents import regularised_gradient
from visualizers.fooling_image import course_fooling_image
from visualizers.saliency_map import saliency_map

__all__ = ["class_visualization_step", "compute_saliency_maps", "hello", "make_adversarial_attack"]


def hello() -> None:
    """The notebook's first call: can the module be imported?"""
    print("Hello from network_visualization.py!")


def compute_saliency_maps(X: Tensor, y: Tensor, model: nn.Module) -> Tensor:
    """X (N, 3, H, W), labels y (N,) -> (N, H, W), not negative."""
    return saliency_map(model, X, y)


def make_adversarial_attack(
    X: Tensor, target_y: int, model: nn.Module, max_iter: int = 100, verbose: bool = True
) -> Tensor:
    """X (1, 3, H, W) -> a tensor like it that the network takes for target_y: up to max_iter steps of length 1.

    verbose: print, after each step, the target's score and the largest.
    """

    def report(step: Step) -> bool:
        with torch.no_grad():
            scores = scores_of(model, step.image)[0]
        target, largest = float(scores[int(target_y)]), float(scores.max())
        print(f"Iteration {step.iteration}: target score {target:.3f}, max score {largest:.3f}")
        return int(scores.argmax()) == int(target_y)

    callback = report if verbose else None
    return course_fooling_image(model, X, target_y, iterations=max_iter, callback=callback)


def class_visualization_step(img: Tensor, target_y: int, model: nn.Module, **kwargs) -> Tensor:
    """Move img (1, 3, H, W) itself along the gradient of score_y - l2_reg * ||img||^2, times learning_rate; return it.

    kwargs: l2_reg, 1e-3 if not given, and learning_rate, 25. The gradient is not normalised, as in the course.
    """
    l2_reg, learning_rate = kwargs.pop("l2_reg", 1e-3), kwargs.pop("learning_rate", 25)
    if kwargs:
        text = f"'{next(iter(kwargs))}' is not one of its keywords, l2_reg and learning_rate"
        raise UsageError(f"class_visualization_step: {text}")
    step = regularised_gradient(img, model, target_y, l2_reg)
    with torch.no_grad():
        return img.add_(step, alpha=learning_rate)
