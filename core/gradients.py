"""Scores of classes and their gradients with respect to the image or a layer.

Everything here leaves the network as it was: train/eval mode, flags, hooks and `.grad` are untouched,
also after an exception, and gradients come from `torch.autograd.grad`, which writes nowhere.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torchvision.models.squeezenet import SqueezeNet

from core.errors import UsageError

# Pixels at a time, three images of 224 x 224: enough to keep two cores busy, few enough that the same memory is
# used again. Larger chunks are a tenth faster at most on a CPU, and soon slower.
CHUNK_PIXELS = 3 * 224 * 224


class BlankMapWarning(UserWarning):
    """A map is zero everywhere; the message says for which image, why, and what to do."""


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode within the block; each module's own mode is put back afterwards."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def measuring(model: nn.Module) -> Iterator[None]:
    """Eval mode and gradients on within the block, whatever the caller had set; put back afterwards."""
    with evaluating(model), torch.inference_mode(False), torch.enable_grad():
        yield


@torch.inference_mode(False)  # labels made in inference mode could take no part in a backward pass
def as_labels(labels, count: int, model: nn.Module | None = None) -> Tensor:
    """One label, or one for each image, as number, list, array or tensor -> LongTensor (count,)."""
    result = torch.as_tensor(labels).detach().cpu().clone()
    if result.is_floating_point() or result.dtype == torch.bool:
        raise UsageError(f"labels: class numbers are needed, got values of type {result.dtype}")
    result = result.long().flatten()
    if len(result) == 1:
        result = result.repeat(count)
    if len(result) != count:
        raise UsageError(f"labels: got {len(result)} for {count} images; give one, or one for each image")
    classes = _number_of_classes(model)
    if len(result) and (result.min() < 0 or (classes is not None and result.max() >= classes)):
        wrong = int(result.min() if result.min() < 0 else result.max())
        raise UsageError(f"labels: class {wrong} is out of range; allowed are 0 to {(classes or 0) - 1}")
    return result


def check_images(images: Tensor) -> None:
    """Raise UsageError unless the shape is (N, 3, H, W), with at least one image."""
    if images.dim() != 4 or images.shape[1] != 3:
        raise UsageError(f"images: a tensor of shape (N, 3, H, W) is needed, got {tuple(images.shape)}")
    if not len(images):
        raise UsageError("images: none given; at least one is needed")


def like_images(argument: str, value: Tensor | float, images: Tensor) -> Tensor:
    """A number or a picture, such as a baseline, as a picture for each of the images (N, 3, H, W)."""
    try:
        return torch.as_tensor(value).to(images).expand_as(images)
    except RuntimeError:
        shapes = f"{tuple(torch.as_tensor(value).shape)} for images {tuple(images.shape)}"
        raise UsageError(f"{argument}: shape {shapes}; give a number or a picture that broadcasts to them") from None


def to_network(model: nn.Module, images: Tensor) -> Tensor:
    """A detached copy of the images, or a view of them, with the network's device and dtype."""
    check_images(images)
    parameter = next(model.parameters(), images)
    images = images.clone() if images.is_inference() else images.detach()
    return images.to(parameter.device, parameter.dtype)


def class_scores(scores: Tensor, labels: Tensor) -> Tensor:
    """The score of each image's own class: (N, K), (N,) -> (N,)."""
    return scores.gather(1, labels.to(scores.device).view(-1, 1)).squeeze(1)


def class_map_layer(model: nn.Module) -> str | None:
    """The name of the convolution that makes the class maps, if the network ends like SqueezeNet."""
    head = getattr(model, "classifier", None)
    tail = list(head.children())[-3:] if isinstance(head, nn.Sequential) else []
    if [type(module) for module in tail] == [nn.Conv2d, nn.ReLU, nn.AdaptiveAvgPool2d]:
        return f"classifier.{len(head) - 3}"
    return None


def label_scores(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The score of each image's own class, (N,), computed for the classes asked for alone.

    The last convolution, 1000 classes of 512 weights, is a quarter of SqueezeNet's work, and all but a few of
    its rows would be thrown away. So the forward pass sees the rows of these labels only. Other networks, and
    one whose output is changed by a hook or a forward pass of its own, compute all their scores.
    """
    head = class_map_layer(model)
    if head is None or not is_plain(model):
        return class_scores(model(images), labels)
    classes, places = torch.unique(labels, return_inverse=True)
    convolution = model.get_submodule(head)
    rows = {f"{head}.weight": convolution.weight[classes]}
    if convolution.bias is not None:
        rows[f"{head}.bias"] = convolution.bias[classes]
    return class_scores(functional_call(model, rows, (images,), tie_weights=False), places)


def is_plain(model: nn.Module) -> bool:
    """Whether it is torchvision's SqueezeNet, whose score of a class depends on that class's row alone."""
    hooks = [*model._forward_hooks, *model._forward_pre_hooks]
    return type(model).forward is SqueezeNet.forward and type(model.classifier[1]) is nn.Conv2d and not hooks


def input_gradient(model: nn.Module, images: Tensor, labels) -> Tensor:
    """d score_y / d image for every image, (N, 3, H, W), on the images' device."""
    labels = as_labels(labels, len(images), model)

    def gradient(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        chunk.requires_grad_(True)
        return torch.autograd.grad(label_scores(model, chunk, chunk_labels).sum(), chunk)[0]

    with measuring(model):
        return in_chunks(gradient, model, images, labels)


def in_chunks(function: Callable, model: nn.Module, images: Tensor, labels: Tensor):
    """Apply `function(images, labels)` to a few images at a time, so that memory does not grow with their number.

    It returns a tensor, or a tuple of them, (N, ...); so does this, for all images, on their device.
    """
    check_images(images)
    length = chunk_length(images)
    parts = zip(images.split(length), labels.split(length), strict=True)
    results = []
    for chunk, chunk_labels in parts:
        result = function(to_network(model, chunk), chunk_labels)
        several = not isinstance(result, Tensor)
        # Detached at once, or every chunk's graph would live until the last.
        results.append([piece.detach() for piece in (result if several else [result])])
    whole = tuple(torch.cat(pieces).contiguous().to(images.device) for pieces in zip(*results, strict=True))
    return whole if several else whole[0]


def chunk_length(images: Tensor) -> int:
    """How many images (..., H, W) to compute at a time: fewer of large ones."""
    return max(1, CHUNK_PIXELS // (images.shape[-2] * images.shape[-1]))


def warn_of_blank_maps(
    model: nn.Module,
    images: Tensor,
    labels,
    maps: Tensor,
    *,
    otherwise: str = "nothing of it is positive here; try another layer or class",
) -> None:
    """Warn, with the reason, of each map that is zero everywhere. maps (N, ...) of the images (N, 3, H, W).

    otherwise: the technique's reason for a blank map of a class with a positive score.
    """
    for index in (~maps.flatten(1).any(dim=1)).nonzero().flatten().tolist():
        label = int(as_labels(labels, len(images), model)[index])
        with measuring(model), torch.no_grad():
            score = model(to_network(model, images[index : index + 1]))[0, label]
        if (images[index] == images[index, :, :1, :1]).all():
            cause = "the image has one colour, so nothing in it stands out; give a picture of something"
        elif score == 0:
            cause = "its score is 0, so the last ReLU lets nothing through, no gradient either; explain another class"
        else:
            cause = otherwise
        message = f"the map of image {index} for class {label} is blank: {cause}"
        warnings.warn(message, BlankMapWarning, stacklevel=3)


def _number_of_classes(model: nn.Module | None) -> int | None:
    if (names := getattr(model, "class_names", None)) is not None:
        return len(names)
    for module in reversed(list(model.modules()) if model is not None else []):
        if isinstance(module, nn.Linear):
            return module.out_features
        if isinstance(module, nn.Conv2d):
            return module.out_channels
    return None
