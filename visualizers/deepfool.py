"""DeepFool: the shortest way across the nearest border between two classes (Moosavi-Dezfooli et al., 2016).

    repeat:  x += r,  r = |f_k| / ||w_k||^2 * w_k,   f_k = score_k - score_y,  w_k = its gradient,  k the nearest border
    nearest: the least |f_k| / ||w_k||               result: image + (1 + overshoot) * sum of all r

It takes the network for linear, step by step, so it has no bound to be given: the length of the change is its answer.
With norm "linf" the distance is |f_k| / ||w_k||_1 and the step follows sign(w_k).
"""

import torch
from torch import Tensor, nn

from core.attacks import Ball, Fooling, in_rgb
from core.errors import UsageError
from core.gradients import as_pairs, check_range, in_chunks
from core.images import normalise
from core.measuring import measuring
from core.passes import gradients_of, scores_of

TINY = 1e-4  # added to |f_k|, as in the paper's own programme: a step must not end on the border itself


def deepfool(
    model: nn.Module,
    images: Tensor,
    labels,
    *,
    norm: str = "l2",
    classes: int = 10,
    overshoot: float = 0.02,
    iterations: int = 50,
) -> Fooling:
    """images (N, 3, H, W), labels (N,) or one number -> pictures not taken for the labels, changed as little as can be.

    norm: "l2" or "linf". classes: how many of the likeliest are tried, the label included. iterations: the most.
    The pictures stay within the valid colours, which the paper leaves out. Raises UsageError for a norm, or a number of
    classes, that there is not.
    """
    images, labels = as_pairs(images, labels, model)
    if norm not in ("linf", "l2"):
        raise UsageError(f"norm: '{norm}' is unknown; allowed are l2, linf")
    if classes < 2:
        raise UsageError(f"classes: {classes} is too few; at least 2 are needed, the label and another")

    def attack(originals: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        rgb, wanted = in_rgb(originals), wanted.to(originals.device)
        total = torch.zeros_like(rgb)
        rivals, steps = None, torch.full_like(wanted, iterations)
        fooled = torch.zeros_like(wanted, dtype=torch.bool)
        picture = rgb
        for iteration in range(iterations + 1):
            active = (~fooled).nonzero().flatten()
            seen = picture[active].requires_grad_(True)
            scores = scores_of(model, normalise(seen))
            check_range(wanted, scores.shape[1])
            if rivals is None:
                order = scores.detach().scatter(1, wanted[:, None], -torch.inf).argsort(dim=1, descending=True)
                rivals = order[:, : classes - 1]  # (N, K - 1)
            won = scores.argmax(dim=1) != wanted[active]
            fooled[active], steps[active[won]] = won, iteration
            if fooled.all() or iteration == iterations:
                break
            total[active] += _step(scores, seen, wanted[active], rivals[active], norm) * ~won.view(-1, 1, 1, 1)
            picture = (rgb + (1 + overshoot) * total).clamp(0, 1)
        return normalise(picture), fooled, steps

    with measuring(model):
        return Fooling(*in_chunks(attack, model, images, labels))


def _step(scores: Tensor, seen: Tensor, labels: Tensor, rivals: Tensor, norm: str) -> Tensor:
    """The shortest step (n, 3, H, W) to the border with one of the rivals (n, K), were the network linear."""
    own = scores.gather(1, labels[:, None])
    gaps = scores.gather(1, rivals) - own  # (n, K), all negative
    best, nearest = torch.full_like(own[:, 0], torch.inf), torch.zeros_like(seen)
    for number in range(rivals.shape[1]):
        (slope,) = gradients_of(gaps[:, number].sum(), [seen], retain_graph=True)
        flat = slope.flatten(1)
        # The dual norm: how fast the gap closes along the steepest step of length 1.
        speed = (flat.norm(dim=1) if norm == "l2" else flat.abs().sum(dim=1)).clamp(min=1e-12)
        distance = (gaps[:, number].detach().abs() + TINY) / speed
        step = distance.view(-1, 1, 1, 1) * Ball(norm, speed).steepest(slope)
        nearest = torch.where((distance < best).view(-1, 1, 1, 1), step, nearest)
        best = torch.minimum(best, distance)
    return nearest
