"""The four gradient maps of an image at once: saliency, guided backprop, Grad-CAM and guided Grad-CAM.

They differ in the way back only. So the image goes forward once, keeps its graph, and is sent back twice: once
plainly, for the gradients of the pixels (saliency) and of the layer (Grad-CAM), and once by guided
backpropagation's rule. Called one after the other, the four would take five passes forward and four back.

A network without ReLUs has the two plain ones alone (`plain_maps`): one pass forward and one back.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.activations import record_activations, recorded_output
from core.gradients import as_pairs, in_chunks, label_scores, warn_of_blank_maps
from core.layers import layer_or_last
from core.layouts import MapsOf
from core.measuring import measuring
from core.passes import gradients_of
from core.relu_rules import guided_relus
from visualizers.gradcam import upsample, weigh_channels


class AllMaps(NamedTuple):
    """What the modules of these names return, to rounding; None for a map that the network cannot have."""

    saliency: Tensor  # (N, H, W), >= 0
    guided_backprop: Tensor | None  # (N, 3, H, W), signed
    grad_cam: Tensor  # (N, h, w), >= 0
    guided_grad_cam: Tensor | None  # (N, 3, H, W), signed

    @property
    def there(self) -> dict[str, Tensor]:
        """Those that the network has, by name."""
        return {name: values for name, values in self._asdict().items() if values is not None}


def all_maps(model: nn.Module, images: Tensor, labels, *, layer: str | None = None) -> AllMaps:
    """images (N, 3, H, W), labels (N,) or one number -> the four maps; `layer` is Grad-CAM's.

    Raises UsageError as the four do; warns of an image with a blank map.
    """
    images, labels = as_pairs(images, labels, model)
    layer = layer_or_last(model, layer, images)
    maps_of = MapsOf(model, layer)

    def maps(chunk: Tensor, chunk_labels: Tensor) -> tuple[Tensor, ...]:
        with guided_relus(model) as rule:
            rule.active = False
            score, saliency, cam = _plain(model, chunk, chunk_labels, maps_of, again=True)
            rule.active = True
            (guided,) = gradients_of(score, [chunk])
        return saliency, guided, cam, guided * upsample(cam, chunk.shape[2:]).unsqueeze(1)

    with measuring(model):
        result = AllMaps(*in_chunks(maps, model, images, labels))
    warn_of_blank_maps(model, images, labels, result.guided_grad_cam)  # blank if any of the four is
    return result


def plain_maps(model: nn.Module, images: Tensor, labels, *, layer: str | None = None) -> AllMaps:
    """Saliency and Grad-CAM alone, for a network whose ReLUs are none or cannot be seen. Arguments as of `all_maps`.

    Raises UsageError as the two do; warns of an image with a blank map.
    """
    images, labels = as_pairs(images, labels, model)
    layer = layer_or_last(model, layer, images)
    maps_of = MapsOf(model, layer)

    def maps(chunk: Tensor, chunk_labels: Tensor) -> tuple[Tensor, ...]:
        return _plain(model, chunk, chunk_labels, maps_of)[1:]

    with measuring(model):
        saliency, cam = in_chunks(maps, model, images, labels)
    both = torch.stack([each.flatten(1).any(dim=1) for each in (saliency, cam)], dim=1)  # (N, 2)
    warn_of_blank_maps(model, images, labels, both.all(dim=1, keepdim=True))
    return AllMaps(saliency, None, cam, None)


def _plain(
    model: nn.Module, images: Tensor, labels: Tensor, maps_of: MapsOf, *, again: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """The scores' sum, saliency and Grad-CAM of images (N, 3, H, W). again: the sum is sent back once more."""
    images.requires_grad_(True)
    with record_activations(model, [maps_of.layer]) as recorded:
        score = label_scores(model, images, labels).sum()
        output = recorded_output(recorded, maps_of.layer)
        gradient, at_layer = gradients_of(score, (images, output), retain_graph=again)
    cam = weigh_channels(*(maps_of(each, images).to(images.dtype) for each in (output, at_layer))).relu()
    return score, gradient.abs().amax(dim=1), cam
