"""XGrad-CAM: Grad-CAM with weights that follow from two axioms. (Fu et al., 2020)

    weight_k = sum over positions of  A_k / (sum of A_k) * d score_y / d A_k        A: a layer's output (N, K, h, w)
    map      = relu( sum over k of weight_k * A_k )

The gradient is averaged over the positions where the channel fires, not over all. So the signed map sums to the sum of
gradient * activation: as near as one weight a channel comes to the score (conservation), and to what the score loses
without that channel (sensitivity). Where the gradient is the same everywhere, as at `features` when the class map is
positive in all cells, it is Grad-CAM.
"""

import torch
from torch import Tensor, nn

from visualizers.gradcam import map_at_layer


def xgrad_cam(model: nn.Module, images: Tensor, labels, *, layer: str | None = None, relu: bool = True) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> coarse maps (N, h, w), in units of the score.

    `relu=False` keeps what speaks against the class, as negative values. The layer should give values >= 0, the output
    of a ReLU: elsewhere a channel may sum to nearly 0, and its weight is then huge. Raises and warns as
    `grad_cam` does.
    """
    return map_at_layer(model, images, labels, layer, weigh_where_it_fires, relu=relu)


def weigh_where_it_fires(activation: Tensor, gradient: Tensor) -> Tensor:
    """Activations and their gradients, (N, K, h, w) -> their sum over channels, weighted, (N, h, w), signed."""
    total = activation.sum(dim=(2, 3), keepdim=True)  # (N, K, 1, 1)
    share = activation / torch.where(total == 0, torch.ones_like(total), total)  # a channel that is off counts 0
    return ((share * gradient).sum(dim=(2, 3), keepdim=True) * activation).sum(dim=1)
