"""The one loop that optimises pixels: class visualization, fooling and style transfer all run it.

    repeat: value = objective(image);  update(image, d value / d image);  constrain(image)

An objective says what is wanted, an update how to step, a constraint what a picture may look like.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from core.errors import WorkError
from core.priors import unit_norm


class Step(NamedTuple):
    """What the callback sees after each iteration."""

    iteration: int  # counted from 1
    image: Tensor  # (N, 3, H, W), after the update; not a copy
    value: Tensor  # the objective before the update


Objective = Callable[[Tensor], Tensor]  # image -> scalar, or one value for each image
Update = Callable[[Tensor, Tensor, int], None]  # image (changed in place), gradient, iteration from 0
Constraint = Callable[[Tensor, Tensor, int], Tensor]  # image, gradient, iteration from 0 -> image
Callback = Callable[[Step], bool | None]  # True stops the loop


def optimise_pixels(
    start: Tensor,
    objective: Objective,
    update: Update,
    *,
    iterations: int,
    constrain: Constraint | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Run the loop from `start` (N, 3, H, W), which is left as it is, and return the last image.

    Raises WorkError when the objective or its gradient stops being finite: no picture comes after that.
    """
    image = start.detach().clone().requires_grad_(True)
    for iteration in range(iterations):
        value = objective(image)
        (gradient,) = torch.autograd.grad(value.sum(), image)
        if not (value.sum() + gradient.sum()).isfinite():  # one that is not finite makes the sum so
            cause = "the objective or its gradient is no longer finite; use a smaller learning rate or smaller weights"
            raise WorkError(f"iteration {iteration + 1}: {cause}")
        with torch.no_grad():
            update(image, gradient, iteration)
            if constrain is not None:
                image.copy_(constrain(image, gradient, iteration))
        if callback is not None and callback(Step(iteration + 1, image.detach(), value.detach())):
            break
    return image.detach()


def normalised_ascent(learning_rate: float) -> Update:
    """Step by `learning_rate` along the gradient scaled to length 1, each image by itself."""

    def update(image: Tensor, gradient: Tensor, _iteration: int) -> None:
        image.add_(unit_norm(gradient), alpha=learning_rate)

    return update


def adam_descent(learning_rate_at: Callable[[int], float]) -> Update:
    """Step downhill with Adam (Kingma and Ba, 2015); a changed learning rate starts it afresh."""
    optimizer: torch.optim.Adam | None = None

    def update(image: Tensor, gradient: Tensor, iteration: int) -> None:
        nonlocal optimizer
        learning_rate = learning_rate_at(iteration)
        # The course's schedule makes a new optimiser when it lowers the rate: the moments start from zero.
        if optimizer is None or optimizer.param_groups[0]["lr"] != learning_rate:
            optimizer = torch.optim.Adam([image], lr=learning_rate)
        image.grad = gradient
        optimizer.step()
        image.grad = None

    return update
