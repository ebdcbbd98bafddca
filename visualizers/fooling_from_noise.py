"""Pictures that mean nothing, and that the network is sure of (Nguyen, Yosinski and Clune, 2015).

    image += learning_rate * g / ||g||,  g = d log p_y / d image,  from noise, until the 8-bit picture's p_y is enough

A network divides all of space among its classes, also where no picture ever was: far from the borders it is certain.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from core import priors
from core.ascent import Step, normalised_ascent, optimise_pixels
from core.attacks import cross_entropy, in_rgb
from core.errors import UsageError
from core.gradients import as_labels, in_chunks
from core.images import normalise
from core.inputs import as_images
from core.measuring import measuring
from core.passes import scores_of
from core.zero_scores import live_scores


class FromNoise(NamedTuple):
    """What came out, per picture."""

    images: Tensor  # (N, 3, size, size), of whole grey levels, in the network's units
    confidence: Tensor  # (N,) the class's probability
    steps: Tensor  # (N,) steps taken


def noise_pictures(count: int, size: int, *, contrast: float = 0.1, generator: torch.Generator | None = None) -> Tensor:
    """Pictures of grey noise in whole levels, each value within `contrast` of mid-grey: (count, 3, size, size)."""
    values = 0.5 + contrast * (2 * torch.rand(count, 3, size, size, generator=generator, dtype=torch.float32) - 1)
    return normalise((values * 255).round() / 255)


def fooling_from_noise(
    model: nn.Module,
    start: Tensor,
    labels,
    *,
    confidence: float = 0.99,
    learning_rate: float = 2.0,
    iterations: int = 400,
) -> FromNoise:
    """start (N, 3, H, W), labels (N,) or one number -> pictures that the network is sure to be of these classes.

    confidence: the probability to be passed, by the picture in whole grey levels as a PNG holds it. learning_rate: the
    length of a step, in normalised units. Raises UsageError for a label or a confidence out of range.
    """
    start = as_images(start, "start")
    labels = as_labels(labels, len(start), model)
    if not 0 < confidence < 1:
        raise UsageError(f"confidence: {confidence} is out of range; give a probability above 0 and below 1")

    def climb(images: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        wanted = wanted.to(images.device)
        sure, steps = torch.zeros_like(images[:, 0, 0, 0]), torch.zeros_like(wanted)

        def objective(candidates: Tensor) -> Tensor:
            exact = in_rgb(candidates)
            saved = exact + ((exact * 255).round() / 255 - exact).detach()
            loss = cross_entropy(live_scores(model, saved, wanted), wanted)
            sure.copy_((-loss).exp().detach())
            steps.add_(sure <= confidence)
            return -loss * (sure <= confidence)  # no gradient, so no further step

        def constrain(candidates: Tensor, _gradient: Tensor, _iteration: int) -> Tensor:
            return priors.clamp_to_valid(candidates)

        def done(_step: Step) -> bool:
            return bool((sure > confidence).all())

        update = normalised_ascent(learning_rate)
        last = optimise_pixels(images, objective, update, iterations=iterations, constrain=constrain, callback=done)
        saved = normalise((in_rgb(last) * 255).round() / 255)
        with torch.no_grad():
            sure = scores_of(model, saved).softmax(dim=1).gather(1, wanted[:, None])[:, 0]
        return saved, sure, steps

    with measuring(model):
        return FromNoise(*in_chunks(climb, model, start, labels))
