"""The same maps by Captum, an independent library, for figures side by side and for the tests.

Captum warns that it sets hooks, and that it makes the input require a gradient; it says so at each call,
and there is nothing to be done about it, so these wrappers keep its warnings to themselves.
"""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

from captum import attr
from torch import Tensor, nn

from core.activations import find_layer
from core.gradients import chunk_length
from core.inputs import as_images, precise
from core.layers import layer_or_last
from core.layouts import MapsOf
from core.measuring import measuring


def _in_its_type(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function, given images in the network's own type, which Captum leaves as they are, and without warnings."""

    @wraps(function)
    def called(model: nn.Module, images: Tensor, *arguments: Tensor, **settings: Any) -> Tensor:
        images = as_images(images)
        like = next(model.parameters(), images)
        with warnings.catch_warnings(), measuring(model):
            warnings.simplefilter("ignore")
            there = (argument.to(like.device) for argument in arguments)  # labels, which Captum leaves where they are
            result = function(model, images.to(like.device, like.dtype, copy=True), *there, **settings)
        return result.detach().to(images)

    return called


def at_once(images: Tensor, most: int) -> int:
    """How many nodes of each image (N, 3, H, W) to compute at a time: `most`, and fewer of large ones."""
    return len(images) * min(most, chunk_length(images))


@_in_its_type
def captum_saliency(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """(N, 3, H, W), (N,) -> (N, H, W)."""
    return attr.Saliency(model).attribute(images, target=labels).amax(dim=1)


@_in_its_type
def captum_gradient_times_input(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W)."""
    return attr.InputXGradient(model).attribute(images, target=labels)


@_in_its_type
def captum_deconvnet(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W)."""
    return attr.Deconvolution(model).attribute(images, target=labels)


@_in_its_type
def captum_guided_backprop(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W)."""
    return attr.GuidedBackprop(model).attribute(images, target=labels)


@_in_its_type
def captum_grad_cam(
    model: nn.Module, images: Tensor, labels: Tensor, *, layer: str | None = None, relu: bool = True
) -> Tensor:
    """(N, 3, H, W), (N,) -> coarse (N, h, w).

    Captum takes the second axis for channels. Of a layer that counts otherwise, its activation and gradient are
    Captum's, and their product is taken here.
    """
    layer = layer_or_last(model, layer, images)
    module, maps_of = find_layer(model, layer), MapsOf(model, layer)
    activation = attr.LayerActivation(model, module).attribute(images)
    maps = maps_of(activation, images)
    if maps is activation:
        method = attr.LayerGradCam(model, module)
        return method.attribute(images.requires_grad_(), target=labels, relu_attributions=relu).squeeze(1)
    method = attr.LayerGradientXActivation(model, module, multiply_by_inputs=False)
    gradient = maps_of(method.attribute(images.requires_grad_(), target=labels), images)
    total = (gradient.mean(dim=(2, 3), keepdim=True) * maps).sum(dim=1)
    return total.relu() if relu else total


@_in_its_type
def captum_guided_grad_cam(model: nn.Module, images: Tensor, labels: Tensor, *, layer: str | None = None) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W)."""
    method = attr.GuidedGradCam(model, find_layer(model, layer_or_last(model, layer, images)))
    return method.attribute(images, target=labels, interpolate_mode="bilinear")


@_in_its_type
def captum_integrated_gradients(model: nn.Module, images: Tensor, labels: Tensor, *, nodes: int) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W), from the mean colour (0 in the network's units)."""
    method = attr.IntegratedGradients(model)
    return method.attribute(images, target=labels, n_steps=nodes, internal_batch_size=at_once(images, 16))


@_in_its_type
def captum_layer_activation(model: nn.Module, images: Tensor, *, layer: str) -> Tensor:
    """(N, 3, H, W) -> the layer's output, mean over its channels, (N, h, w)."""
    result = attr.LayerActivation(model, find_layer(model, layer)).attribute(images)
    return precise(MapsOf(model, layer)(result, images)).mean(dim=1)


@_in_its_type
def captum_layer_conductance(model: nn.Module, images: Tensor, labels: Tensor, *, layer: str, nodes: int) -> Tensor:
    """(N, 3, H, W), (N,) -> how much of the score flows through each position of the layer, (N, h, w)."""
    method = attr.LayerConductance(model, find_layer(model, layer))
    result = method.attribute(images, target=labels, n_steps=nodes, internal_batch_size=at_once(images, 4))
    return precise(MapsOf(model, layer)(result, images)).sum(dim=1)
