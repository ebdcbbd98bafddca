"""Guided Grad-CAM: the fine detail of guided backpropagation, where Grad-CAM finds the class. (Selvaraju et al., 2017)

    map = guided backpropagation * Grad-CAM, upsampled bilinearly to the image

Guided backpropagation is sharp but hardly knows the class; Grad-CAM knows the class but is coarse.
"""

from torch import Tensor, nn

from visualizers.gradcam import grad_cam, upsample
from visualizers.guided_backprop import guided_backprop


def guided_grad_cam(model: nn.Module, images: Tensor, labels, *, layer: str | None = None) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> signed (N, 3, H, W).

    Raises and warns as its two parts do.
    """
    region = upsample(grad_cam(model, images, labels, layer=layer), images.shape[2:])
    return guided_backprop(model, images, labels) * region.unsqueeze(1)
