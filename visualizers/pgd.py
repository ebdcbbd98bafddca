"""Projected gradient descent: the strongest attack that sees no more than the gradient (Madry et al., 2018).

    repeat:  x <- project(x + step_size * d),   d the step of length 1 along which the loss grows most

    L-infinity: d = sign(g)      L2: d = g / ||g||      g = d loss / d x,   loss = -log p_label, for instance

`project` is the nearest picture in the ball around the image, then in the valid colours. With a target the loss falls.
What a network still names right after many steps and restarts is called robust: no such attack finds its error.
"""

import torch
from torch import Tensor, nn

from core.ascent import optimise_pixels
from core.attacks import Ball, Fooling, find_loss, in_rgb, is_fooled
from core.errors import UsageError
from core.gradients import as_pairs, in_chunks
from core.images import normalise
from core.measuring import measuring
from core.passes import scores_of
from core.zero_scores import live_scores


def pgd(
    model: nn.Module,
    images: Tensor,
    labels,
    *,
    linf: float | Tensor | None = None,
    l2: float | Tensor | None = None,
    targeted: bool = False,
    steps: int = 10,
    step_size: float | Tensor | None = None,
    restarts: int = 1,
    loss: str = "cross entropy",
    whole_levels: bool = False,
    generator: torch.Generator | None = None,
) -> Fooling:
    """images (N, 3, H, W), labels (N,) or one number -> pictures not taken for the labels; if targeted, for them.

    linf, l2: one of them, for all images or for each (N,): the radius in RGB, white being 1. step_size: the same
    units; 2.5 * radius / steps if None. restarts: new starts for what is not fooled yet. loss: "cross entropy", or
    "margin", the best other score less the label's. whole_levels: each picture is what an 8-bit file holds of it, still
    in the ball, and so it is judged; the images must be such. generator: starts are drawn from the ball; None: the
    image itself.
    The last picture that fooled is returned, otherwise the last one. Raises UsageError for what is out of range.
    """
    if steps < 1 or restarts < 1:
        raise UsageError(f"steps, restarts: got {steps} and {restarts}; at least 1 is needed")
    if restarts > 1 and generator is None:
        raise UsageError("restarts: without a generator all starts are the image itself; give one, or restarts=1")
    images, labels = as_pairs(images, labels, model)
    originals = in_rgb(images)
    ball = Ball.of(linf, l2, originals)
    lengths = 2.5 * ball.radius / steps
    if step_size is not None:
        lengths = torch.as_tensor(step_size).to(originals)
        if not (lengths > 0).all() or lengths.numel() not in (1, len(images)):
            raise UsageError(f"step_size: {step_size}; give a positive number, or one for each of {len(images)} images")
        lengths = lengths.view(-1, 1, 1, 1).expand_as(ball.radius)
    climbed = find_loss(loss)

    def attack(starts: Tensor, places: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Starts (n, 3, H, W) in RGB, which images they belong to (n,) -> pictures, fooled, steps."""
        own = ball.at(places)._replace(radius=ball.at(places).radius.to(starts))
        centres, wanted = originals[places.to(originals.device)].to(starts), labels[places].to(starts.device)
        length = lengths[places.to(lengths.device)].to(starts)
        best, fooled, taken = starts.clone(), torch.zeros_like(wanted, dtype=torch.bool), torch.full_like(wanted, steps)

        def judge(seen: Tensor, scores: Tensor, iteration: int) -> None:
            now = is_fooled(scores, wanted, targeted)
            taken[now & ~fooled] = iteration
            fooled.logical_or_(now)
            best.copy_(torch.where((now | ~fooled).view(-1, 1, 1, 1), seen, best))

        iteration = 0

        def objective(candidates: Tensor) -> Tensor:
            nonlocal iteration
            # Rounded pictures have no gradient: theirs is taken where the file would be, and moves the exact ones.
            seen = candidates + (saved(candidates) - candidates).detach()
            scores = live_scores(model, seen, wanted)
            judge(seen.detach(), scores.detach(), iteration)
            iteration += 1
            return climbed(scores, wanted) * (-1 if targeted else 1)

        def saved(candidates: Tensor) -> Tensor:
            return own.whole_levels(candidates.detach(), centres) if whole_levels else candidates.detach()

        def update(candidates: Tensor, gradient: Tensor, _iteration: int) -> None:
            candidates.add_(length * own.steepest(gradient))

        def constrain(candidates: Tensor, _gradient: Tensor, _iteration: int) -> Tensor:
            return own.project(candidates, centres)

        last = optimise_pixels(starts, objective, update, iterations=steps, constrain=constrain)
        with torch.no_grad():
            seen = saved(last)
            judge(seen, scores_of(model, normalise(seen)), steps)
        return best, fooled, taken

    results = originals.clone()
    fooled = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    taken = torch.full((len(images),), steps, device=images.device)
    with measuring(model):
        for _ in range(restarts):
            shift = 0 if generator is None else ball.draw(originals.shape, generator)
            todo = (~fooled).nonzero().flatten()
            if not len(todo):
                break
            starts = (originals + shift).clamp(0, 1)[todo]
            results[todo], fooled[todo], taken[todo] = in_chunks(attack, model, starts, todo.cpu())
    return Fooling(normalise(results), fooled, taken)
