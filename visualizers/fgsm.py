"""The fast gradient sign method: one step is enough (Goodfellow et al., 2015).

    x' = x + linf * sign(g),   g = d loss / d x,   loss = -log p_label          L2:  x' = x + l2 * g / ||g||

A network is nearly linear along such a step: many tiny changes, all in the right direction, add up.
"""

from torch import Tensor, nn

from core.attacks import Fooling
from visualizers.pgd import pgd


def fgsm(
    model: nn.Module,
    images: Tensor,
    labels,
    *,
    linf: float | Tensor | None = None,
    l2: float | Tensor | None = None,
    targeted: bool = False,
    whole_levels: bool = False,
) -> Fooling:
    """images (N, 3, H, W), labels (N,) or one number -> pictures not taken for the labels; if targeted, for them.

    It is the first step of `pgd` from the image itself, as long as the ball is wide; bounds and errors are the same.
    """
    bound = l2 if linf is None else linf
    settings = {"targeted": targeted, "whole_levels": whole_levels}
    return pgd(model, images, labels, linf=linf, l2=l2, steps=1, step_size=bound, **settings)
