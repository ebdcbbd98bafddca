"""Deconvnet: what in the image drives the class score, read backwards through the network? (Zeiler and Fergus, 2014)

    R_image = d score_y / d image, but each ReLU passes back what is positive, and forgets what it did on the way in:
    R_in = 1[R_out > 0] * R_out

Gradient, deconvnet and guided backpropagation differ in this line alone: the gradient asks for f > 0, the deconvnet for
R_out > 0, guided backpropagation for both. Max pooling still sends everything back to where the maximum was, so the
picture depends on the image; the class it hardly knows (Mahendran and Vedaldi, 2016).
"""

from torch import Tensor, nn

from core.gradients import input_gradient, warn_of_blank_maps
from core.relu_rules import deconvnet_relus


def deconvnet(model: nn.Module, images: Tensor, labels) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> signed (N, 3, H, W), in score per normalised unit.

    A class with score 0 has a picture here too, since the last ReLU lets it through. Raises UsageError for a label
    out of range or a network without ReLUs; warns of a blank map.
    """
    with deconvnet_relus(model):
        signal = input_gradient(model, images, labels)
    warn_of_blank_maps(model, images, labels, signal)
    return signal
