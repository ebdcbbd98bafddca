"""Layer-CAM over several layers: the place from the deep ones, the detail from the shallow. (Jiang et al., 2021)

    map = mean over layers l of  M_l / max(M_l)        M_l: Layer-CAM at layer l, upsampled to the image

Layer-CAM is the one to fuse, since its shallow maps still follow the class. Here we depart from its paper, which takes
the maximum over layers and first lifts the shallow maps by tanh(2 M_l / max(M_l)). SqueezeNet's pooling windows
overlap, so a gradient below them comes back as a grid of dots; a maximum keeps every dot, a mean tones them down. A
product would keep only what all layers show, and within an even surface a shallow map shows nothing.
"""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import BlankMapWarning, warn_of_blank_maps
from core.inputs import as_images
from core.layers import spread_layers
from visualizers.gradcam import upsample
from visualizers.layer_cam import layer_cam

COUNT = 3


def fused_layer_cam(model: nn.Module, images: Tensor, labels, *, layers: Sequence[str] | None = None) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> maps (N, H, W) in [0, 1].

    layers: None takes the last one of each of the three coarsest resolutions, of SqueezeNet "features.4", ".7" and
    ".12", 55, 27 and 13 cells wide, of a transformer three blocks (`core.layers.spread_layers`). Raises UsageError
    for no layers, and as `layer_cam` does; warns of a map that is blank at all of them.
    """
    images = as_images(images)
    layers = spread_layers(model, images, count=COUNT) if layers is None else layers
    if not layers:
        raise UsageError("layers: none given; name at least one")
    total = torch.zeros_like(images[:, 0])
    for layer in layers:
        with warnings.catch_warnings():  # a single blank layer is made up for by the others
            warnings.simplefilter("ignore", BlankMapWarning)
            maps = layer_cam(model, images, labels, layer=layer)
        maps = upsample(maps, images.shape[2:])
        largest = maps.flatten(1).amax(dim=1).view(-1, 1, 1)
        total += maps / torch.where(largest > 0, largest, torch.ones_like(largest))
    warn_of_blank_maps(model, images, labels, total)
    return total / len(layers)
