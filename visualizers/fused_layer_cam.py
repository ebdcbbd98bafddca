"""Layer-CAM over several layers: the place from the deep ones, the outline from the shallow. (Jiang et al., 2021)

    map = max over layers l of  tanh( gamma * M_l / max(M_l) ),    M_l: Layer-CAM at layer l, upsampled to the image

The fusion of Layer-CAM's own paper, gamma = 2. A shallow map is a few bright points; tanh lifts its weaker cells. The
maximum keeps what any layer finds; a product would keep only what all of them do, and inside an even surface a shallow
map is nearly zero. Layer-CAM is the one to fuse, since its shallow maps still follow the class.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.errors import UsageError
from visualizers.gradcam import upsample
from visualizers.layer_cam import layer_cam

LAYERS = ("features.4", "features.7", "features.12")  # the last of each resolution: 55, 27 and 13 cells wide


def fused_layer_cam(
    model: nn.Module, images: Tensor, labels, *, layers: Sequence[str] = LAYERS, gamma: float = 2.0
) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> maps (N, H, W) in [0, tanh(gamma)].

    Raises UsageError for no layers; otherwise raises and warns as `layer_cam` does.
    """
    if not layers:
        raise UsageError("layers: none given; name at least one")
    fused = images.new_zeros(len(images), *images.shape[2:])
    for layer in layers:
        maps = upsample(layer_cam(model, images, labels, layer=layer), images.shape[2:])
        largest = maps.flatten(1).amax(dim=1).view(-1, 1, 1)
        fused = torch.maximum(fused, torch.tanh(gamma * maps / torch.where(largest > 0, largest, 1)))
    return fused
