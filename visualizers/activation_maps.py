"""Activation maps: where in the image does each channel of a layer fire? (Yosinski et al., 2015)

    A_c(i, j)    what channel c of the layer gives at row i, column j
    strength_c = max over positions of A_c

Each map is the image as one channel sees it: bright where its filter finds what it looks for. Most are dark at most
places, more so at higher layers. A channel that fires says that it fires, not for what: look at other images that
excite it, too (`top_patches`).
"""

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import in_chunks
from core.inputs import as_images
from core.measuring import measuring
from core.objectives import layer_output


def activation_maps(model: nn.Module, images: Tensor, *, layer: str) -> Tensor:
    """images (N, 3, H, W) -> (N, C, h, w), what the layer itself gives, before a ReLU that may follow.

    Raises UsageError for an unknown layer or one that gives no maps.
    """
    images, output = as_images(images), layer_output(model, layer)

    def maps(chunk: Tensor, _labels: Tensor) -> Tensor:
        result = output(chunk)
        if result.dim() != 4:
            raise UsageError(
                f"layer: '{layer}' gives shape {tuple(result.shape)}, no maps (N, C, h, w); choose another"
            )
        return result

    with measuring(model), torch.no_grad():
        return in_chunks(maps, model, images, torch.zeros(len(images)))


def strongest_channels(maps: Tensor, count: int) -> Tensor:
    """maps (N, C, h, w) -> each image's `count` channels of largest strength, the strongest first, (N, count)."""
    if not 1 <= count <= maps.shape[1]:
        raise UsageError(f"count: {count} is out of range; allowed are 1 to {maps.shape[1]}, the layer's channels")
    # Equal ones, such as those that are zero everywhere, in the order of their numbers.
    return maps.flatten(2).amax(dim=2).argsort(dim=1, descending=True, stable=True)[:, :count]
