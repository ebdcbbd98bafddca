"""One perturbation that fools the network on almost any image (Moosavi-Dezfooli et al., 2017).

    find v, ||v|| <= bound, such that   f(x + v) != f(x)   for most x,   f = the network's first choice

The paper's way, `universal_by_deepfool`: image by image, add what DeepFool needs beyond v, and project. The modern way,
`universal_perturbation`: climb the margin over mini-batches, which asks far less of the network:

    v <- project(v + step * d),  d: steepest along m,  m <- 0.9 m + g / mean |g|,  g = d mean_x margin(x + v) / d v

margin: the best other score less that of f(x). The step, a share of the bound, shrinks evenly to nothing.

It may be a tile that is repeated: the network sees alike everywhere, so a texture is enough, and each image teaches it
many times. v is in whole grey levels at the end, so x + v is what an 8-bit file holds.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.ascent import Step, optimise_pixels
from core.attacks import Ball, first_choices, in_rgb, is_changed, margin
from core.errors import UsageError
from core.gradients import to_network
from core.images import normalise
from core.inputs import as_images
from core.measuring import measuring
from core.passes import scores_of
from core.priors import project_to_ball
from visualizers.deepfool import deepfool


def universal_perturbation(
    model: nn.Module,
    images: Tensor,
    *,
    linf: float | None = None,
    l2: float | None = None,
    tile: int | None = None,
    steps: int = 120,
    batch: int = 8,
    step_size: float = 0.125,
    generator: torch.Generator | None = None,
    callback: Callable[[Step], bool | None] | None = None,
) -> Tensor:
    """images (N, 3, H, W) -> one difference (1, 3, H, W) in RGB, white being 1, within linf or l2.

    tile: the side of the square that is repeated, in pixels; None: nothing is. batch: images a step. step_size: of the
    first step, a share of the bound. generator: which images in which order. callback: after each step; True ends it,
    what was learned is returned. Raises UsageError for bounds as `pgd` does, and for a tile out of range.
    """
    images = as_images(images)
    height, width = images.shape[2:]
    sides = (height, width) if tile is None else (tile, tile)
    if not 1 <= min(sides) <= max(height, width):
        raise UsageError(f"tile: {tile} is out of range; allowed are 1 to {max(height, width)} pixels, or None")
    own = first_choices(model, images)
    start = torch.zeros(1, 3, *sides).to(to_network(model, images[:1]))
    ball = Ball.of(linf, l2, start)

    def objective(small: Tensor) -> Tensor:
        chosen = torch.randint(len(images), (min(batch, len(images)),), generator=generator)
        rgb = in_rgb(to_network(model, images[chosen.to(images.device)])) + spread(small, height, width)
        return margin(scores_of(model, normalise(rgb.clamp(0, 1))), own[chosen].to(small.device)).mean()

    def constrain(small: Tensor, _gradient: Tensor, _iteration: int) -> Tensor:
        if linf is not None:
            return small.clamp(-linf, linf)
        return small * (ball.radius / spread(small, height, width).norm().clamp(min=1e-12)).clamp(max=1)

    momentum = torch.zeros_like(start)
    reach = step_size * (ball.radius if l2 is None else ball.radius * (start.numel() / images[0].numel()) ** 0.5)

    def update(small: Tensor, gradient: Tensor, iteration: int) -> None:
        momentum.mul_(0.9).add_(gradient / gradient.abs().mean().clamp(min=1e-12))
        small.add_(reach * (1 - iteration / steps) * ball.steepest(momentum))

    with measuring(model):
        small = optimise_pixels(start, objective, update, iterations=steps, constrain=constrain, callback=callback)
    return _whole(spread(small, height, width), ball).to(images)


def universal_by_deepfool(
    model: nn.Module,
    images: Tensor,
    *,
    linf: float | None = None,
    l2: float | None = None,
    goal: float = 0.8,
    passes: int = 5,
    callback: Callable[[int], bool | None] | None = None,
) -> Tensor:
    """The paper's algorithm; images and result as above. goal: the fooling rate on the images at which it ends.

    passes: the most over the images. callback: how many images were visited so far; True ends it.
    """
    images = as_images(images)
    own, difference = first_choices(model, images).to(images.device), torch.zeros_like(images[:1])
    ball = Ball.of(linf, l2, difference)
    for visited in range(passes * len(images)):
        index = visited % len(images)
        if index == 0 and visited and float(is_changed(model, images, difference, own).float().mean()) >= goal:
            break
        here = slice(index, index + 1)
        seen = normalise((in_rgb(images[here]) + difference).clamp(0, 1))
        beyond = in_rgb(deepfool(model, seen, own[here]).images) - in_rgb(seen)  # 0 where it is fooled already
        difference = project_to_ball(difference + beyond, linf=linf, l2=l2)
        if callback is not None and callback(visited + 1):
            break
    return _whole(difference, ball)


def spread(small: Tensor, height: int, width: int) -> Tensor:
    """A tile (1, 3, t, t) repeated over (1, 3, height, width), cut off at the right and below."""
    return small.repeat(1, 1, -(-height // small.shape[2]), -(-width // small.shape[3]))[:, :, :height, :width]


def noise_like(difference: Tensor, *, norm: str, generator: torch.Generator | None = None) -> Tensor:
    """Random signs ("linf") or Gaussian noise ("l2") as large as the difference (1, 3, H, W), in whole levels, too."""
    difference = as_images(difference, "difference", single=True)
    ball = Ball(norm, Ball(norm, difference).lengths(difference).view(-1, 1, 1, 1))
    drawn = torch.randn(difference.shape, generator=generator, dtype=torch.float32).to(difference)
    return _whole(ball.radius * ball.steepest(drawn), ball)


def _whole(difference: Tensor, ball: Ball) -> Tensor:
    grey = torch.full_like(difference, 128 / 255)  # any whole level far from black and white
    return ((ball.whole_levels(grey + difference, grey) - grey) * 255).round() / 255
