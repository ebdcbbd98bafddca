"""Fooling images: how little must change before the network sees something else? (Szegedy et al., 2014)

    image += learning_rate * g / ||g||,   g = d score_target / d image,   until the target is on top

A person sees no difference; magnified ten times it looks like noise. So what the network reads is not
what we see. With a bound the difference stays inside an L-infinity or L2 ball around the image.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn

from core import priors
from core.ascent import Step, normalised_ascent, optimise_pixels
from core.attacks import LEVELS, Ball, Fooling, in_rgb
from core.errors import UsageError
from core.gradients import as_pairs, to_network
from core.images import denormalise, normalise
from core.measuring import measuring
from core.passes import scores_of
from core.zero_scores import scores_and_climb

COURSE_LEARNING_RATE = 10.0  # the length of a step, in normalised units


def fool(
    model: nn.Module,
    images: Tensor,
    targets,
    *,
    learning_rate: float = 1.0,
    iterations: int = 100,
    linf: float | None = None,
    l2: float | None = None,
    keep_valid: bool = True,
    whole_levels: bool = False,
    callback: Callable[[Step], bool | None] | None = None,
) -> Fooling:
    """images (N, 3, H, W), targets (N,) or one number -> pictures that the network takes for the targets.

    learning_rate: length of a step, in normalised units. linf, l2: the largest difference allowed, per
    image, in RGB where white is 1 (so 8 / 255 is eight grey levels). keep_valid: stay within the colours a
    file can hold. whole_levels: what fools is the picture in whole grey levels, as an 8-bit file holds it; the images
    must be such. An image stops as soon as it fools. Raises UsageError for a target or bound out of range.
    """
    for name, bound in (("linf", linf), ("l2", l2)):
        if bound is not None and not bound > 0:
            raise UsageError(f"{name}: {bound} is not positive; give the largest difference in RGB, white being 1")
    if whole_levels and not keep_valid:
        raise UsageError("whole_levels: a file holds no colours beyond black and white; leave keep_valid as it is")
    images, targets = as_pairs(images, targets, model)
    originals = to_network(model, images)
    rgb, wanted = denormalise(originals), targets.to(originals.device)
    balls = [Ball.of(*bound, rgb) for bound in ((None, l2), (linf, None)) if bound != (None, None)]
    fooled = torch.zeros_like(wanted, dtype=torch.bool)
    steps = torch.zeros_like(wanted)

    def saved(candidates: Tensor) -> Tensor:
        if not whole_levels:
            return candidates
        pictures, centres = in_rgb(candidates), in_rgb(originals)
        for ball in balls:
            pictures = ball.whole_levels(pictures, centres)
        return normalise((pictures * LEVELS).round() / LEVELS)

    def objective(candidates: Tensor) -> Tensor:
        active = (~fooled).nonzero().flatten()
        # Rounded pictures have no gradient: theirs is taken where the file would be, and moves the exact ones.
        seen = candidates + (saved(candidates) - candidates).detach()
        scores, climb = scores_and_climb(model, seen[active], targets[active.cpu()])
        won = scores.argmax(dim=1) == wanted[active]
        fooled[active] = won
        steps[active] += ~won
        # An image that fools already gets no gradient, so no further step, and no further work.
        return torch.zeros(len(candidates)).to(climb).index_put((active,), climb * ~won)

    def constrain(candidates: Tensor, _gradient: Tensor, _iteration: int) -> Tensor:
        if linf is not None or l2 is not None:
            difference = priors.project_to_ball(denormalise(candidates) - rgb, linf=linf, l2=l2)
            candidates = normalise(rgb + difference)
        candidates = priors.clamp_to_valid(candidates) if keep_valid else candidates
        # The image as it was, to the last bit, where nothing had to change.
        return torch.where((steps == 0).view(-1, 1, 1, 1), originals, candidates)

    def after(step: Step) -> bool:
        return bool((callback(step) if callback is not None else False) or fooled.all())

    with measuring(model):
        update = normalised_ascent(learning_rate)
        result = optimise_pixels(
            originals, objective, update, iterations=iterations, constrain=constrain, callback=after
        )
        result = torch.where((steps == 0).view(-1, 1, 1, 1), result, saved(result))
        with torch.no_grad():
            result = result.to(images)
            # The last step has not been judged yet, nor what rounding to the images' type made of it.
            fooled = scores_of(model, result).argmax(dim=1) == wanted
    return Fooling(result, fooled.to(images.device), steps.to(images.device))


def course_fooling_image(model: nn.Module, X: Tensor, target_y: int, *, iterations: int = 100, **settings) -> Tensor:
    """X (1, 3, H, W) -> a tensor like it that the network takes for target_y; settings: those of `fool`.

    As in the courses, its colours are not kept to what a file can hold. Warns where `iterations` do not suffice.
    """
    result = fool(model, X, target_y, iterations=iterations, keep_valid=False, **settings)
    if not result.fooled.all():
        text = f"the network was not fooled into class {target_y} in {iterations} steps; try another class or more"
        warnings.warn(text, stacklevel=3)
    return result.images.to(X.dtype)


class FoolingImage:
    """The course's names for it."""

    def make_fooling_image(self, X: Tensor, target_y: int, model: nn.Module) -> Tensor:
        """X (1, 3, 224, 224) -> a tensor like it that the network takes for target_y: up to 100 steps of length 10."""
        return course_fooling_image(model, X, target_y, learning_rate=COURSE_LEARNING_RATE)
