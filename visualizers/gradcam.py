"""Grad-CAM: where in the picture is the evidence for a class? (Selvaraju et al., 2017)

    weight_k = mean over positions of d score_y / d A_k        A: a layer's output (N, K, h, w)
    map      = relu( sum over k of weight_k * A_k )

The map is as coarse as the layer (13 x 13 at SqueezeNet's last), so it tells the region, not the outline.
On SqueezeNet, whose head is linear up to the last ReLU, it is the class map of `classifier.1`, scaled by
the share of positive cells and shifted by the bias: the "class activation map" of Zhou et al. (2016).
"""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.activations import record_activations, recorded_output
from core.gradients import as_pairs, in_chunks, label_scores, warn_of_blank_maps
from core.layers import layer_or_last
from core.layouts import MapsOf
from core.measuring import measuring
from core.passes import gradients_of
from visualizers.guided_backprop import guided_backprop


def grad_cam(model: nn.Module, images: Tensor, labels, *, layer: str | None = None, relu: bool = True) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> coarse maps (N, h, w) of the layer.

    layer: None takes the last one with places (`core.layers.last_layer`). `relu=False` keeps the cells that speak
    against the class, as negative values. Raises UsageError for an unknown layer (the valid ones are listed), one
    without a spatial extent, or a label out of range; warns of a blank map.
    """
    return map_at_layer(model, images, labels, layer, weigh_channels, relu=relu)


def map_at_layer(
    model: nn.Module,
    images: Tensor,
    labels,
    layer: str | None,
    weigh: Callable[[Tensor, Tensor], Tensor],
    *,
    relu: bool = True,
) -> Tensor:
    """What Grad-CAM and its siblings share: images (N, 3, H, W) -> coarse maps (N, h, w) of the layer.

    weigh: the layer's activation and its gradient, both (N, K, h, w) -> signed maps (N, h, w); called for a few images
    at a time. Raises and warns as `grad_cam` does.
    """
    images, labels = as_pairs(images, labels, model)
    layer = layer_or_last(model, layer, images)
    maps_of = MapsOf(model, layer)

    def cam(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        # The graph starts at the layer, so nothing is computed back through the layers below it.
        with record_activations(model, [layer], as_leaves=True) as recorded:
            total = label_scores(model, chunk, chunk_labels).sum()
        (gradient,) = gradients_of(total, [recorded_output(recorded, layer)])
        return weigh(*(maps_of(each, chunk).to(chunk.dtype) for each in (recorded[layer].detach(), gradient)))

    with measuring(model):
        maps = in_chunks(cam, model, images, labels)
    maps = maps.relu() if relu else maps
    warn_of_blank_maps(model, images, labels, maps)
    return maps


def weigh_channels(activation: Tensor, gradient: Tensor) -> Tensor:
    """Activations and their gradients, (N, K, h, w) -> their sum over channels, weighted, (N, h, w), signed."""
    weights = gradient.mean(dim=(2, 3), keepdim=True)  # (N, K, 1, 1)
    return (weights * activation).sum(dim=1)


def upsample(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Coarse maps (N, h, w) -> (N, H, W), bilinear between the cells' centres."""
    return interpolate(maps.unsqueeze(1), size, mode="bilinear", align_corners=False).squeeze(1)


def scale_each(maps: Tensor) -> Tensor:
    """Scale each map (N, H, W) to [0, 1] by its own least and largest value; a flat map becomes 0."""
    flat = maps.flatten(1)
    low, high = flat.amin(dim=1), flat.amax(dim=1)
    span = torch.where(high > low, high - low, torch.ones_like(high))
    return (maps - low.view(-1, 1, 1)) / span.view(-1, 1, 1)


class GradCam:
    """The course's names for it."""

    def guided_backprop(self, X: Tensor, y, model: nn.Module) -> np.ndarray:
        """X (N, 3, H, W), y (N,) -> (N, H, W, 3), signed."""
        return guided_backprop(model, X, y).permute(0, 2, 3, 1).cpu().numpy()

    def grad_cam(self, X: Tensor, y, model: nn.Module) -> np.ndarray:
        """X (N, 3, H, W), y (N,) -> (N, H, W) in [0, 1], resized to the images.

        As the course does it, whose numbers a hand-in is compared with: by Pillow's bicubic filter, which may go a
        little beyond the map's own values, and scaled by the least and the largest value of the whole batch, so that
        weaker images come out darker. `upsample` and `scale_each`, which the figures use, do neither.
        """
        maps = grad_cam(model, X, y).float().cpu().numpy()
        size = (X.shape[3], X.shape[2])  # Pillow takes the width first
        resized = np.stack([Image.fromarray(one).resize(size, Image.Resampling.BICUBIC) for one in maps])
        low, high = resized.min(), resized.max()
        return (resized - low) / (high - low) if high > low else np.zeros_like(resized)
