"""What all attacks share: how far a picture may be changed, what is climbed, and what counts as fooled.

All differences are in RGB, white being 1, so 8 / 255 is eight grey levels. Every picture stays in [0, 1].
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import class_scores, in_chunks
from core.images import denormalise, normalise
from core.inputs import as_images
from core.measuring import measuring
from core.passes import scores_of
from core.priors import project_to_ball, unit_norm

LEVELS = 255  # of a colour in a file, black being 0


class Fooling(NamedTuple):
    """What came out, per image."""

    images: Tensor  # (N, 3, H, W), in the network's units
    fooled: Tensor  # (N,) bool: the network's first choice is the target, or another than the label
    steps: Tensor  # (N,) steps taken until it was fooled, or all


class Ball(NamedTuple):
    """The pictures within a distance of each image: the largest change of a value, or its Euclidean length."""

    norm: str  # "linf" or "l2"
    radius: Tensor  # (N, 1, 1, 1)

    @classmethod
    def of(cls, linf: float | Tensor | None, l2: float | Tensor | None, images: Tensor) -> "Ball":
        """Exactly one bound is given, one for all images or one for each (N,). Raises UsageError otherwise."""
        if (linf is None) == (l2 is None):
            raise UsageError("linf, l2: give one of the two, the largest difference in RGB, white being 1")
        norm, bound = ("linf", linf) if l2 is None else ("l2", l2)
        radius = torch.as_tensor(bound).to(images)
        if radius.dim() and radius.shape != images.shape[:1]:
            raise UsageError(f"{norm}: got {tuple(radius.shape)} bounds for {len(images)} images; one for all, or (N,)")
        if not (radius > 0).all() or not radius.isfinite().all():
            raise UsageError(f"{norm}: {bound} is not positive and finite; give it in RGB, white being 1")
        return cls(norm, radius.expand(len(images)).view(-1, 1, 1, 1))

    def at(self, places: Tensor) -> "Ball":
        """The balls of some of the images."""
        return self._replace(radius=self.radius[places.to(self.radius.device)])

    def project(self, rgb: Tensor, originals: Tensor) -> Tensor:
        """The nearest pictures in the balls, then in [0, 1]: that only goes back towards originals in [0, 1]."""
        radius = {self.norm: self.radius}
        return (originals + project_to_ball(rgb - originals, **radius)).clamp(0, 1)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The step of length 1, in this norm, along which a value with this gradient grows most."""
        return gradient.sign() if self.norm == "linf" else unit_norm(gradient)

    def draw(self, shape: torch.Size, generator: torch.Generator | None) -> Tensor:
        """Differences drawn evenly from the balls, (N, 3, H, W)."""
        if self.norm == "linf":
            return self.radius * (2 * torch.rand(shape, generator=generator, dtype=torch.float32) - 1).to(self.radius)
        length = torch.rand(shape[0], 1, 1, 1, generator=generator, dtype=torch.float32) ** (1 / shape[1:].numel())
        return self.radius * (length * unit_norm(torch.randn(shape, generator=generator, dtype=torch.float32))).to(
            self.radius
        )

    def whole_levels(self, rgb: Tensor, originals: Tensor) -> Tensor:
        """Pictures in whole grey levels within the balls, as an 8-bit file holds them; originals must be such, too.

        A change of a + f levels, a whole and 0 <= f < 1, becomes a + 1 where f > t, else a. L-infinity: t = 1/2, cut at
        the whole levels within the radius. L2: t = 1/2, or as much more as it takes for the change not to grow. Where
        most of a change would be lost, since nearly all of it is below half a level, t is as much less.
        """
        change = (rgb - originals) * LEVELS
        size = change.abs()
        if self.norm == "linf":
            levels = torch.minimum(size.round(), (self.radius * LEVELS + 1e-3).floor())
        else:
            length = torch.minimum(_lengths(size), self.radius * LEVELS)
            low, high = torch.zeros_like(length), torch.ones_like(length)
            for _ in range(12):
                middle = (low + high) / 2
                inside = _lengths(_rounded(size, middle)) <= length
                low, high = torch.where(inside, low, middle), torch.where(inside, middle, high)
            usual = _rounded(size, high.clamp(min=0.5))
            levels = torch.where(_lengths(usual) > length / 2, usual, _rounded(size, high))
        return (((originals * LEVELS).round() + change.sign() * levels) / LEVELS).clamp(0, 1)

    def lengths(self, difference: Tensor) -> Tensor:
        """How long differences (N, 3, H, W) are in this norm, (N,)."""
        flat = difference.flatten(1)
        return flat.abs().amax(dim=1) if self.norm == "linf" else flat.norm(dim=1)


def _rounded(size: Tensor, threshold: Tensor) -> Tensor:
    """Up to the next whole number where the fraction is above the threshold, else down."""
    whole = size.floor()
    return whole + (size - whole > threshold)


def _lengths(changes: Tensor) -> Tensor:
    return changes.flatten(1).norm(dim=1).view(-1, 1, 1, 1)


def cross_entropy(scores: Tensor, labels: Tensor) -> Tensor:
    """-log p_y, (N,)."""
    return F.cross_entropy(scores, labels, reduction="none")


def margin(scores: Tensor, labels: Tensor) -> Tensor:
    """The best other score less the label's, (N,): positive when another class is on top (Carlini and Wagner, 2017)."""
    others = scores.scatter(1, labels.view(-1, 1), -torch.inf).amax(dim=1)
    return others - class_scores(scores, labels)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"cross entropy": cross_entropy, "margin": margin}


def find_loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """One of LOSSES. Raises UsageError for another name."""
    if name not in LOSSES:
        raise UsageError(f"loss: '{name}' is unknown; allowed are {', '.join(LOSSES)}")
    return LOSSES[name]


def is_fooled(scores: Tensor, labels: Tensor, targeted: bool) -> Tensor:
    """(N, K), (N,) -> bool (N,): the label is the first choice (targeted), or it is not."""
    return (scores.argmax(dim=1) == labels) == targeted


def in_rgb(images: Tensor) -> Tensor:
    """The network's units -> RGB, within [0, 1] to the last bit."""
    return denormalise(images).clamp(0, 1)


def is_changed(model: nn.Module, images: Tensor, difference: Tensor, own: Tensor | None = None) -> Tensor:
    """Whether the first choice changes when the difference (1, 3, H, W) is added, (N,) bool. Its mean: fooling rate.

    Judged by the sum as an 8-bit file holds it. own (N,): the first choices without it, where they are known.
    """
    images, difference = as_images(images), as_images(difference, "difference", single=True)
    own = first_choices(model, images) if own is None else own

    def other(chunk: Tensor, names: Tensor) -> Tensor:
        shifted = (in_rgb(chunk) + difference.to(chunk)).clamp(0, 1)
        saved = normalise((shifted * LEVELS).round() / LEVELS)
        return scores_of(model, saved).argmax(dim=1) != names.to(chunk.device)

    with measuring(model), torch.no_grad():
        return in_chunks(other, model, images, own)


def first_choices(model: nn.Module, images: Tensor) -> Tensor:
    """The network's first choice for each image, (N,)."""
    images = as_images(images)
    with measuring(model), torch.no_grad():
        return in_chunks(
            lambda chunk, _: scores_of(model, chunk).argmax(dim=1), model, images, torch.arange(len(images))
        )
