"""HiRes-CAM: Grad-CAM without the averaging, so each cell keeps its own gradient. (Draelos and Carin, 2020)

    map = relu( sum over k of  d score_y / d A_k * A_k )        A: a layer's output (N, K, h, w)

A cell is bright only if the score really used it: averaging the gradient first, as Grad-CAM does, lends every cell the
importance of the others. Where the rest of the network is linear the cells sum to the score, but for its
constant. On SqueezeNet's `features` it is the class map without its bias, divided by the number of cells, and zero
where the last ReLU is shut.
"""

from torch import Tensor, nn

from visualizers.gradcam import map_at_layer


def hires_cam(model: nn.Module, images: Tensor, labels, *, layer: str | None = None, relu: bool = True) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> coarse maps (N, h, w), in units of the score.

    `relu=False` keeps what speaks against the class, as negative values. Raises and warns as `grad_cam` does.
    """
    return map_at_layer(model, images, labels, layer, keep_places, relu=relu)


def keep_places(activation: Tensor, gradient: Tensor) -> Tensor:
    """Activations and their gradients, (N, K, h, w) -> their product, summed over channels, (N, h, w), signed."""
    return (gradient * activation).sum(dim=1)
