"""How often is a network right whatever an attacker does within a distance? Accuracy against the size of the ball.

    hits(r) = the pictures that are named rightly, and that `pgd` found no picture for within r that is not

It is an upper bound: a stronger attack may find what this one did not (`visualizers.randomised_smoothing` proves a
lower one). What was fooled within a small radius is not attacked again within a larger one, which holds that
picture, too; so the curve can only fall, and with more starts it cannot rise. A curve that does not fall to 0 as the
radius grows, or attacks that do worse with more steps, are the signs of a network that hides its gradient instead of
being robust (Athalye et al., 2018).
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import as_pairs, in_chunks
from core.measuring import measuring
from core.passes import scores_of
from visualizers.pgd import pgd

NORMS = ("linf", "l2")


def robust_hits(
    model: nn.Module,
    images: Tensor,
    labels,
    radii: Sequence[float],
    *,
    norm: str = "linf",
    steps: int = 50,
    restarts: int = 1,
    generator: torch.Generator | None = None,
) -> Tensor:
    """images (N, 3, H, W), labels (N,), R radii in RGB, rising, 0 for no attack -> still named rightly: bool (R, N).

    norm: "linf" or "l2"; steps, restarts and generator: those of `pgd`. Raises UsageError for what is out of range.
    """
    if norm not in NORMS:
        raise UsageError(f"norm: '{norm}' is unknown; allowed are {', '.join(NORMS)}")
    if restarts < 1 or (restarts > 1 and generator is None):
        raise UsageError(f"restarts: {restarts}; at least 1 is needed, and a generator for more than one")
    if list(radii) != sorted(radii) or not len(radii) or radii[0] < 0:
        raise UsageError(f"radii: {list(radii)}; give at least one, from 0 upwards, the smaller ones first")
    images, labels = as_pairs(images, labels, model)
    with measuring(model), torch.no_grad():
        named = in_chunks(lambda chunk, _: scores_of(model, chunk).argmax(dim=1), model, images, labels)
    hits = (named.cpu() == labels.cpu()).repeat(len(radii), 1)
    # Start by start, each along the whole curve: so the first ones are the same however many there are.
    for _ in range(restarts):
        for place, radius in enumerate(radii):
            left = hits[place].nonzero().flatten()
            if radius > 0 and len(left):
                settings = {norm: radius, "steps": steps, "generator": generator}
                attacked = pgd(model, images[left.to(images.device)], labels[left.to(labels.device)], **settings)
                hits[place:, left[attacked.fooled.cpu()]] = False
    return hits
