"""Grad-CAM++: Grad-CAM that sees several objects of one class. (Chattopadhay et al., 2018)

    g_k      = d score_y / d A_k        A: a layer's output (N, K, h, w)
    weight_k = sum over positions of  alpha_k * relu(g_k)
    alpha_k  = g_k^2 / (2 g_k^2 + (sum of A_k) g_k^3) = 1 / (2 + (sum of A_k) g_k)    where g_k is not 0, else 0
    map      = relu( sum over k of weight_k * A_k )

Grad-CAM's mean dilutes a channel that matters at a few positions; alpha makes up for it. The paper explains
exp(score_y). Where the network is piecewise linear, as ReLU networks are, its three derivatives are exp(score_y) times
g, g^2 and g^3. So alpha above is the paper's and needs no second pass back. The factor exp(score_y), which would scale
the whole map and overflow for large scores, is left out.
"""

from torch import Tensor, nn

from visualizers.gradcam import map_at_layer


def grad_cam_plus_plus(model: nn.Module, images: Tensor, labels, *, layer: str | None = None) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> coarse maps (N, h, w), >= 0.

    Raises and warns as `grad_cam` does.
    """
    return map_at_layer(model, images, labels, layer, weigh_positive_gradients)


def weigh_positive_gradients(activation: Tensor, gradient: Tensor) -> Tensor:
    """Activations and their gradients, (N, K, h, w) -> their sum over channels, weighted, (N, h, w)."""
    gradient = gradient.relu()  # alpha matters only where it is positive
    # The paper's A is the output of a ReLU. Elsewhere only A's positive part is summed, or alpha could pass infinity.
    total = activation.relu().sum(dim=(2, 3), keepdim=True)  # (N, K, 1, 1)
    alpha = 1 / (2 + total * gradient)
    weights = (alpha * gradient).sum(dim=(2, 3), keepdim=True)
    return (weights * activation).sum(dim=1)
