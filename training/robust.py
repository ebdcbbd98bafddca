"""Training on the worst picture nearby instead of the picture itself: networks that are hard to fool.

    min over the weights of  mean over scenes of  max over ||d||_inf <= eps of  loss(scene + d)

Madry et al. (2018) approach the inner maximum by projected gradient ascent (`inner_steps` of them); one step from a
random start does nearly as well and costs one more gradient a batch (Wong et al., 2020), which is the default here.
With `noise` instead, d is Gaussian: what certified defence needs (Cohen et al., 2019;
`visualizers.randomised_smoothing`). With neither it is the plain network that the two are compared with: the same first
weights, scenes, steps and learning rates. Small pictures, so that a training takes some ten minutes on one core.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.images import IMAGENET_STD, valid_range
from training.classifier import Training
from training.learning import train_step
from training.recipe import Recipe, Stage

STEP_OVER_EPS = 1.25  # length of a single inner step (Wong et al., 2020)
REACH_OVER_EPS = 2.5  # of several together, so that they can cross the whole ball (Madry et al., 2018)


@dataclass(frozen=True)
class RobustRecipe(Recipe):
    """A recipe with an attack. Its sizes are in RGB of [0, 1], for pictures of any side."""

    stages: tuple[Stage, ...] = (Stage(64, 0.4, 64), Stage(96, 0.6, 64))
    perturbation: float = 0.0  # the L2 step of `learning.perturb` is not used
    steps_per_round: int = 4
    linf: float = 0.0  # the largest change of a channel of a pixel, of each scene
    inner_steps: int = 1
    noise: float = 0.0  # standard deviation
    alone_until: float = 0.15  # share of the steps without an attack
    full_from: float = 0.5  # share of the steps after which it has its full size; in between it grows in proportion

    def growth_at(self, step: int) -> float:
        """The attack's size at a step, as a share of the full one."""
        done = step / self.steps
        return min(1.0, max(0.0, (done - self.alone_until) / (self.full_from - self.alone_until)))


class RobustTraining(Training):
    """The state of a training against an attack."""

    recipe: RobustRecipe

    @property
    def loss(self) -> str:
        """What the learning curve shows."""
        return f"loss{', perturbed' if self.recipe.linf else ', with noise' if self.recipe.noise else ''}"

    def closing(self) -> str:
        """What it ended in."""
        return super().closing().replace("held-out", "clean held-out")

    def _learn(self, images: Tensor, labels: Tensor) -> float:
        recipe = self.recipe
        growth = recipe.growth_at(self.step)
        settings = {"norm": 0.0, "smoothing": recipe.smoothing, "half_precision": recipe.half_precision}
        if recipe.linf * growth > 0:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.half_precision):
                size, steps = recipe.linf * growth, recipe.inner_steps
                images = worst_nearby(self.network, images, labels, size, steps=steps, generator=self.generator)
        if recipe.noise * growth > 0:
            noise = torch.randn(images.shape, generator=self.generator)
            images = images + recipe.noise * growth * noise / torch.tensor(IMAGENET_STD).view(3, 1, 1)
        return train_step(self.network, self.optimizer, images, labels, **settings)

    def shipped(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """As of any training, and which attack it had."""
        state, facts = super().shipped()
        attack = {name: str(getattr(self.recipe, name)) for name in ("linf", "inner_steps", "noise")}
        return state, facts | attack


def worst_nearby(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    linf: float,
    *,
    steps: int = 1,
    generator: torch.Generator,
) -> Tensor:
    """Valid pictures within `linf` (RGB) of the images (N, 3, H, W), normalised, where the loss is larger.

    Ascent by the gradient's sign from a random point of the ball. Unlike `visualizers.pgd` it is made for a network
    that is just learning: the network stays in the mode it is in, and the last point is taken, not the best.
    """
    images = images.detach()
    size = linf / torch.tensor(IMAGENET_STD).view(3, 1, 1)
    black, white = valid_range(images)
    low, high = torch.maximum(images - size, black), torch.minimum(images + size, white)
    change = (STEP_OVER_EPS if steps == 1 else REACH_OVER_EPS / steps) * size
    point = images + size * (2 * torch.rand(images.shape, generator=generator) - 1)
    for _ in range(steps):
        point = torch.clamp(point, low, high).requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(network(point), labels, reduction="sum"), point)
        point = point.detach() + change * gradient.sign()
    return torch.clamp(point, low, high).detach()
