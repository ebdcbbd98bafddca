"""Layer-CAM: what speaks for the class at each single cell, usable at shallow layers too. (Jiang et al., 2021)

    map = relu( sum over k of  relu(d score_y / d A_k) * A_k )        A: a layer's output (N, K, h, w)

Grad-CAM gives a channel one weight everywhere, which says little at a shallow layer, where a channel is an edge or a
colour that occurs all over the picture. Here each cell has its own weight, and only gradients that speak for the
class count. So shallow maps are fine-grained and still follow the class; evidence against it is not seen.
"""

from torch import Tensor, nn

from visualizers.gradcam import map_at_layer


def layer_cam(model: nn.Module, images: Tensor, labels, *, layer: str | None = None) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> coarse maps (N, h, w), >= 0.

    Raises and warns as `grad_cam` does.
    """
    return map_at_layer(model, images, labels, layer, weigh_cells)


def weigh_cells(activation: Tensor, gradient: Tensor) -> Tensor:
    """Activations and their gradients, (N, K, h, w) -> positive gradients times activations, summed, (N, h, w)."""
    return (gradient.relu() * activation).sum(dim=1)
