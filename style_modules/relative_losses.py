"""The losses of each of many pictures, without units: the same weights serve every size, style and loss network.

    content          ||F - P||^2 / ||P||^2
    style            mean over layers of ||G - A||^2 / ||A||^2
    total variation  sum of squared neighbour differences / (3 H W)

For one picture they are ContentLoss, StyleLoss and TotalVariationLoss with weights 1 / ||P||^2, 1 / (L ||A||^2) for
each of L layers, and 1 / (3 H W). Here each picture of a batch has targets of its own.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from style_modules.style_loss import gram_matrices


def relative_losses(
    pictures: Tensor, content: Tensor, content_target: Tensor, style: Sequence[Tensor], targets: Sequence[Tensor]
) -> Tensor:
    """Content, style and total variation of each picture, (N, 3).

    pictures (N, 3, H, W); content and content_target: features (N, C, h, w) of one layer; style: features of L layers;
    targets: a Gram matrix (N, C, C) for each of them.
    """
    errors = [relative_error(gram_matrices(got), target) for got, target in zip(style, targets, strict=True)]
    down, right = pictures[:, :, 1:] - pictures[:, :, :-1], pictures[:, :, :, 1:] - pictures[:, :, :, :-1]
    variation = (_squares(down) + _squares(right)) / pictures[0].numel()
    return torch.stack([relative_error(content, content_target), torch.stack(errors).mean(dim=0), variation], dim=1)


def relative_error(got: Tensor, wanted: Tensor) -> Tensor:
    """||got - wanted||^2 / ||wanted||^2 of each of N, (N,)."""
    return _squares(got - wanted) / _squares(wanted)


def _squares(values: Tensor) -> Tensor:
    """The sum of squares of each of N, (N,)."""
    return values.square().flatten(1).sum(dim=1)
