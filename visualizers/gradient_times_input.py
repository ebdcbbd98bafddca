"""Gradient x input: how much does each pixel contribute, to first order? (Shrikumar et al., 2016)

    R_c = image_c * d score_y / d image_c

The gradient says how the score would react, the pixel how much of it there is. For a model that is linear in
the image the contributions sum to the score. Pixels are in the network's units, so the mean colour counts as
nothing there, and dark pixels contribute as much as bright ones.
"""

from torch import Tensor, nn

from core.gradients import input_gradient, warn_of_blank_maps
from core.inputs import as_images


def gradient_times_input(model: nn.Module, images: Tensor, labels) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> signed (N, 3, H, W), in units of the score.

    The sum over channels is a pixel's contribution. Raises UsageError for a label out of range; warns of a blank map.
    """
    contributions = input_gradient(model, images, labels) * as_images(images)
    warn_of_blank_maps(model, images, labels, contributions)
    return contributions
