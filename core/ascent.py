"""The one loop that optimises pixels: class visualization, fooling and style transfer all run it.

    repeat: value = objective(image);  update(image, d value / d image);  constrain(image)

An objective says what is wanted, an update how to step, a constraint what a picture may look like.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from core.errors import WorkError
from core.passes import gradients_of
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
    """Run the loop from `start` (N, 3, H, W), which is left as it is, and return the last image, at least in float32.

    Raises WorkError when the objective or its gradient stops being finite: no picture comes after that.
    """
    start = start.detach()  # steps are lost in half precision
    image = start.to(torch.promote_types(start.dtype, torch.float32), copy=True).requires_grad_(True)
    for iteration in range(iterations):
        value = objective(image)
        (gradient,) = gradients_of(value.sum(), [image], check=False)
        if not (value.sum() + gradient.sum()).isfinite():  # one that is not finite makes the sum so
            cause = "the objective or its gradient is no longer finite; use a smaller learning rate or smaller weights"
            raise WorkError(f"iteration {iteration + 1}: {cause}")
        with torch.no_grad():
            update(image, gradient, iteration)
            if constrain is not None:
                image.copy_(constrain(image, gradient, iteration))
            if not image.sum().isfinite() and not image.isfinite().all():
                cause = "the picture is no longer finite; use a smaller learning rate"
                raise WorkError(f"iteration {iteration + 1}: {cause}")
        if callback is not None and callback(Step(iteration + 1, image.detach(), value.detach())):
            break
    return image.detach()


def normalised_ascent(learning_rate: float) -> Update:
    """Step by `learning_rate` along the gradient scaled to length 1, each image by itself."""

    def update(image: Tensor, gradient: Tensor, _iteration: int) -> None:
        image.add_(unit_norm(gradient), alpha=learning_rate)

    return update


class AdamDescent:
    """Step downhill with Adam (Kingma and Ba, 2015); a changed learning rate starts it afresh."""

    def __init__(self, learning_rate_at: Callable[[int], float]) -> None:
        self.learning_rate_at = learning_rate_at
        self.optimizer: torch.optim.Adam | None = None
        self.carried: dict[str, Tensor] | None = None

    def __call__(self, image: Tensor, gradient: Tensor, iteration: int) -> None:
        learning_rate = self.learning_rate_at(iteration)
        # The course's schedule makes a new optimiser when it lowers the rate: the moments start from zero.
        if self.optimizer is None or self.optimizer.param_groups[0]["lr"] != learning_rate:
            self.optimizer = torch.optim.Adam([image], lr=learning_rate)
            if self.carried is not None:
                self.optimizer.state[image], self.carried = self.carried, None
        image.grad = gradient
        self.optimizer.step()
        image.grad = None

    def carry_to(self, size: Sequence[int]) -> None:
        """Go on with a picture (N, 3, H, W) of another size (H, W), and with what was learnt of the gradients.

        An objective that is a mean over the picture has gradients that shrink as the pixels grow in number.
        """
        if self.optimizer is None:
            return
        (state,) = self.optimizer.state.values()
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        shrink = mean[0, 0].numel() / (size[0] * size[1])
        mean = shrink * interpolate(mean, size=tuple(size), mode="bicubic")
        square = shrink**2 * interpolate(square, size=tuple(size), mode="bilinear")  # bicubic could make it negative
        self.optimizer, self.carried = None, {"step": state["step"], "exp_avg": mean, "exp_avg_sq": square}


def adam_descent(learning_rate_at: Callable[[int], float]) -> AdamDescent:
    """Adam with this learning rate at each iteration."""
    return AdamDescent(learning_rate_at)


class LbfgsDescent:
    """Step downhill with L-BFGS (Liu and Nocedal, 1989), one gradient a step.

    The step is the two-loop product of the gradient with the inverse curvature that the last `history` steps have
    shown. One that does not lower the value enough (Armijo's rule) is taken back, and half of it is tried next; a pair
    without positive curvature is left out. So the best picture's value never rises.
    """

    def __init__(self, value: Callable[[], float], *, history: int = 10, longest: float = 0.5) -> None:
        """value: the objective of the picture that the gradient is of. longest: change of any number in a step."""
        self.value, self.history, self.longest = value, history, longest
        self.restart()

    def restart(self) -> None:
        """Forget all. Curvature pairs of another size are dropped: resized ones fit no picture, and few are needed."""
        self.pairs: list[tuple[Tensor, Tensor]] = []
        self.best: Tensor | None = None  # the picture of the lowest value so far

    def __call__(self, image: Tensor, gradient: Tensor, _iteration: int) -> None:
        value = self.value()
        if self.best is not None:
            step, change = image - self.best, gradient - self.gradient
            if value > self.lowest + 1e-4 * float((self.gradient * step).sum()):
                self.share /= 2
                if self.share < 1e-3:  # the pairs mislead: go down the gradient itself
                    self.pairs.clear()
                    self._leave(image)
                else:
                    image.copy_(self.best + self.share * self.direction)
                return
            if float((step * change).sum()) > 1e-8 * float(step.norm() * change.norm()):
                self.pairs = [*self.pairs, (step, change)][-self.history :]
        self.best, self.gradient, self.lowest = image.detach().clone(), gradient, value
        self._leave(image)

    def _leave(self, image: Tensor) -> None:
        """Step from the best picture."""
        direction = -self._curved(self.gradient)
        largest = float(direction.abs().max())
        reach = self.longest if self.pairs else self.longest / 5
        if not self.pairs or largest > reach:
            direction *= reach / max(largest, 1e-30)
        self.direction, self.share = direction, 1.0
        image.copy_(self.best + direction)

    def _curved(self, gradient: Tensor) -> Tensor:
        """The inverse curvature times the gradient."""
        result, factors = gradient.clone(), []
        for step, change in reversed(self.pairs):
            factor = (step * result).sum() / (step * change).sum()
            result -= factor * change
            factors.append(factor)
        if self.pairs:
            step, change = self.pairs[-1]
            result *= (step * change).sum() / change.square().sum()
        for (step, change), factor in zip(self.pairs, reversed(factors), strict=True):
            result += step * (factor - (change * result).sum() / (step * change).sum())
        return result
