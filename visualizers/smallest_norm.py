"""How little is enough? The smallest bound within which an attack succeeds, by bisection.

An attack is a way to find a picture, so what comes out is an upper bound: another attack may do with less. It may also
fail within a bound and succeed within a smaller one; both ends are returned, so that nobody has to trust the middle.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.attacks import Ball, Fooling, in_rgb, is_fooled
from core.errors import UsageError
from core.gradients import as_pairs, in_chunks
from core.images import normalise
from core.inputs import as_images
from core.measuring import measuring
from core.passes import scores_of

Attack = Callable[[Tensor, Tensor], Fooling]  # a bound for each (n,), which of the images (n,) -> pictures


class Smallest(NamedTuple):
    """What the bisection found, per image."""

    images: Tensor  # (N, 3, H, W), fooled within `fooled_at`; the last attempt where none was
    fooled_at: Tensor  # (N,) the smallest bound tried within which the attack succeeded; infinite if none
    failed_at: Tensor  # (N,) the largest bound below it within which the attack failed; 0 if none
    steps: Tensor  # (N,) steps taken within `fooled_at`


def smallest_norm(attack: Attack, count: int, bounds: Sequence[float]) -> Smallest:
    """attack(bound of each (n,), which images (n,)) -> Fooling; count: N; bounds: those to choose from, rising.

    Every image is asked ceil(log2(len(bounds) + 1)) times at most. Raises UsageError for bounds that do not rise.
    """
    steps_up = torch.as_tensor(bounds, dtype=torch.float64)
    if not len(steps_up) or (steps_up <= 0).any() or (steps_up.diff() <= 0).any():
        raise UsageError("bounds: positive numbers in rising order are needed")
    failed = torch.full((count,), -1)  # the rung known to fail, and below the one known to succeed
    fooled = torch.full((count,), len(bounds))
    images, taken = None, torch.zeros(count, dtype=torch.long)
    while ((fooled - failed) > 1).any():
        open_ = ((fooled - failed) > 1).nonzero().flatten()
        middle = (failed[open_] + fooled[open_]) // 2
        result = attack(steps_up[middle].float(), open_)
        if images is None:
            images = result.images.clone()
        won = result.fooled.cpu()
        keep = won | (fooled[open_] == len(bounds))  # a picture that fools is never overwritten by one that does not
        images[open_[keep]] = result.images[keep.to(result.images.device)]
        taken[open_[keep]] = result.steps.cpu()[keep]
        fooled[open_[won]], failed[open_[~won]] = middle[won], middle[~won]
    ends = torch.cat([torch.zeros(1, dtype=torch.float64), steps_up, torch.full((1,), torch.inf, dtype=torch.float64)])
    return Smallest(images, ends[fooled + 1].float(), ends[failed + 1].float(), taken)


def along(model: nn.Module, images: Tensor, labels, pictures: Tensor, *, norm: str) -> Attack:
    """The attack that goes from the images (N, 3, H, W) towards the pictures, and on, as far as the bound allows.

    Its pictures are in whole grey levels, as an 8-bit file holds them; so must the images be. labels (N,): those that
    the pictures shall not be taken for. For what DeepFool found: how much longer must it be to outlive the file?
    """
    images, labels = as_pairs(images, labels, model)
    originals = in_rgb(images)
    change = in_rgb(as_images(pictures, "pictures")).to(originals) - originals

    def attack(bounds: Tensor, places: Tensor) -> Fooling:
        there = places.to(images.device)
        ball, centres, way = (
            Ball.of(**{"linf": None, "l2": None, norm: bounds}, images=images[there]),
            originals[there],
            change[there],
        )
        far = ball.radius / ball.lengths(way).clamp(min=1e-12).view(-1, 1, 1, 1)
        reached = normalise(ball.whole_levels(ball.project(centres + far * way, centres), centres))
        with measuring(model), torch.no_grad():
            scores = in_chunks(lambda chunk, _: scores_of(model, chunk), model, reached, places)
        fooled = is_fooled(scores, labels[places].to(scores.device), targeted=False)
        return Fooling(reached, fooled, torch.ones_like(fooled, dtype=torch.long))

    return attack
