"""The same maps by Captum, an independent library, for figures side by side and for the tests.

Captum warns that it sets hooks, and that it makes the input require a gradient; it says so at each call,
and there is nothing to be done about it, so these wrappers keep its warnings to themselves.
"""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from captum import attr
from torch import Tensor, nn

from core.activations import find_layer
from core.gradients import chunk_length


@contextmanager
def _quietly() -> Iterator[None]:
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        yield


def at_once(images: Tensor, most: int) -> int:
    """How many nodes of each image (N, 3, H, W) to compute at a time: `most`, and fewer of large ones."""
    return len(images) * min(most, chunk_length(images))


def captum_saliency(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """(N, 3, H, W), (N,) -> (N, H, W)."""
    with _quietly():
        return attr.Saliency(model).attribute(images.clone(), target=labels).amax(dim=1).detach()


def captum_gradient_times_input(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W)."""
    with _quietly():
        return attr.InputXGradient(model).attribute(images.clone(), target=labels).detach()


def captum_deconvnet(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W)."""
    with _quietly():
        return attr.Deconvolution(model).attribute(images.clone(), target=labels).detach()


def captum_guided_backprop(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W)."""
    with _quietly():
        return attr.GuidedBackprop(model).attribute(images.clone(), target=labels).detach()


def captum_grad_cam(model: nn.Module, images: Tensor, labels: Tensor, *, layer: str, relu: bool = True) -> Tensor:
    """(N, 3, H, W), (N,) -> coarse (N, h, w)."""
    with _quietly():
        method = attr.LayerGradCam(model, find_layer(model, layer))
        return (
            method.attribute(images.clone().requires_grad_(), target=labels, relu_attributions=relu).squeeze(1).detach()
        )


def captum_guided_grad_cam(model: nn.Module, images: Tensor, labels: Tensor, *, layer: str) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W)."""
    with _quietly():
        method = attr.GuidedGradCam(model, find_layer(model, layer))
        return method.attribute(images.clone(), target=labels, interpolate_mode="bilinear").detach()


def captum_integrated_gradients(model: nn.Module, images: Tensor, labels: Tensor, *, nodes: int) -> Tensor:
    """(N, 3, H, W), (N,) -> signed (N, 3, H, W), from the mean colour (0 in the network's units)."""
    with _quietly():
        method = attr.IntegratedGradients(model)
        return method.attribute(
            images.clone(), target=labels, n_steps=nodes, internal_batch_size=at_once(images, 16)
        ).detach()


def captum_layer_activation(model: nn.Module, images: Tensor, *, layer: str) -> Tensor:
    """(N, 3, H, W) -> the layer's output, mean over its channels, (N, h, w)."""
    with _quietly():
        return attr.LayerActivation(model, find_layer(model, layer)).attribute(images.clone()).mean(dim=1).detach()


def captum_layer_conductance(model: nn.Module, images: Tensor, labels: Tensor, *, layer: str, nodes: int) -> Tensor:
    """(N, 3, H, W), (N,) -> how much of the score flows through each position of the layer, (N, h, w)."""
    with _quietly():
        method = attr.LayerConductance(model, find_layer(model, layer))
        result = method.attribute(images.clone(), target=labels, n_steps=nodes, internal_batch_size=at_once(images, 4))
        return result.sum(dim=1).detach()


def relative_difference(ours: Tensor, theirs: Tensor) -> Tensor:
    """Per image, || ours - theirs || / || theirs ||, (N,); where both are zero, 0."""
    difference = (ours - theirs).flatten(1).double().norm(dim=1)
    return difference / theirs.flatten(1).double().norm(dim=1).clamp(min=1e-12)


def describe_agreement(name: str, image_names: Sequence[str], ours: Tensor, theirs: Tensor) -> str:
    """How far our maps (N, ...) are from Captum's, in a sentence: the largest, the median and each image."""
    differences = relative_difference(ours, theirs)
    each = ", ".join(f"{image} {value:.1e}" for image, value in zip(image_names, differences.tolist(), strict=True))
    largest, median = float(differences.max()), float(differences.quantile(0.5))
    return f"{name}: relative difference to Captum, largest {largest:.1e}, median {median:.1e} ({each})"
