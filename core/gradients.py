"""Scores of classes and their gradients with respect to the image or a layer.

Everything here leaves the network as it was: train/eval mode, flags, hooks and `.grad` are untouched,
also after an exception, and gradients come from `torch.autograd.grad`, which writes nowhere.

One rule for numbers: images may be of any floating type and on any device. Each pass runs in the network's own type, on
its device (`scores_of`, `to_network`); what is computed besides, and what is returned, has the type of the images, but
at least float32 (`as_images`), since sums of many passes are lost in half precision.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d
from torchvision.models.squeezenet import SqueezeNet

from core.errors import UsageError
from core.inputs import as_images, precise
from core.measuring import forward_of, is_hooked, measuring
from core.passes import check_finite, check_held, gradients_of, home_of, run_network, scores_of

# Pixels at a time, three images of 224 x 224: enough to keep two cores busy, few enough that the same memory is
# used again. Larger chunks are a tenth faster at most on a CPU, and soon slower.
CHUNK_PIXELS = 3 * 224 * 224
# On a GPU an operation costs more to start than to do for a few images; the gradient of 64 takes 1.5 GB.
GPU_CHUNK_PIXELS = 64 * 224 * 224
NOTHING_POSITIVE = "nothing of it is positive here; try another layer or class"
PLAIN_HEAD = [nn.Dropout, nn.Conv2d, nn.ReLU, nn.AdaptiveAvgPool2d]


class BlankMapWarning(UserWarning):
    """A map is zero everywhere; the message says for which image, why, and what to do."""


@torch.inference_mode(False)  # labels made in inference mode could take no part in a backward pass
def as_labels(labels, count: int | None, model: nn.Module | None = None) -> Tensor:
    """One label, or one for each image, as number, list, array or tensor -> LongTensor (count,); None: all that come.

    Whether the network has so many classes is checked here where it says so, and else by its scores (`class_scores`).
    """
    try:
        result = torch.as_tensor(labels).detach().cpu().clone()
    except (TypeError, ValueError, RuntimeError, OverflowError):  # None, names, lists of several lengths
        raise UsageError(f"labels: class numbers are needed, one or one for each image, got {labels!r:.80}") from None
    if result.is_floating_point() or result.is_complex() or result.dtype == torch.bool:
        raise UsageError(f"labels: class numbers are needed, got values of type {result.dtype}")
    result = result.long().flatten()
    count = len(result) if count is None else count
    if not len(result):
        raise UsageError("labels: none given; give one, or one for each image")
    if len(result) == 1:
        result = result.repeat(count)
    if len(result) != count:
        raise UsageError(f"labels: got {len(result)} for {count} images; give one, or one for each image")
    if len(result):
        check_range(result, _number_of_classes(model))
    return result


def as_pairs(images: Tensor, labels, model: nn.Module | None = None) -> tuple[Tensor, Tensor]:
    """Images as `as_images` gives them, and a label for each of them as `as_labels` does."""
    images = as_images(images)
    return images, as_labels(labels, len(images), model)


def to_network(model: nn.Module, images: Tensor, name: str = "images") -> Tensor:
    """A detached copy of the images, or a view of them, on the network's device, in its type, but at least float32."""
    return _at_home(model, as_images(images, name))


def _at_home(model: nn.Module, images: Tensor) -> Tensor:
    home = home_of(model, images)
    return images.to(home.device, torch.float64 if home.dtype == torch.float64 else torch.float32)


def class_scores(scores: Tensor, labels: Tensor) -> Tensor:
    """The score of each image's own class: (N, K), (N,) -> (N,). Raises WorkError where it is not finite."""
    check_range(labels, scores.shape[1])
    return check_finite(scores.gather(1, labels.to(scores.device).view(-1, 1)).squeeze(1))


def class_map_layer(model: nn.Module) -> str | None:
    """The name of the convolution that makes the class maps, if the network ends like SqueezeNet."""
    head = getattr(model, "classifier", None)
    tail = list(head.children())[-3:] if isinstance(head, nn.Sequential) else []
    after = [type(module) for module in tail[1:]]
    if after == [nn.ReLU, nn.AdaptiveAvgPool2d] and isinstance(tail[0], nn.Conv2d):  # parametrised ones have own types
        return f"classifier.{len(head) - 3}"
    return None


def label_scores(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The score of each image's own class, (N,), computed for the classes asked for alone where that is exact.

    The last convolution, 1000 classes of 512 weights, is a quarter of SqueezeNet's work, and all but a few of
    its rows would be thrown away. Other networks, and one with a hook in its head, compute all their scores.
    """
    own_maps = own_class_maps(model, images, labels)
    if own_maps is None:
        return class_scores(scores_of(model, images), labels)
    return scores_of_maps(model, own_maps)


def own_class_maps(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor | None:
    """Each image's own class map before the last ReLU, (N, h, w), by the rows of these labels alone.

    None where the head is not provably torchvision's own (`is_plain`). Nothing that other threads see is changed: the
    rows are taken from the features, outside the head.
    """
    if not is_plain(model):
        return None
    classes, places = torch.unique(labels, return_inverse=True)
    dropout, convolution = model.classifier[:2]
    check_range(labels, convolution.out_channels)
    features = dropout(run_network(model.features, images))
    bias = None if convolution.bias is None else convolution.bias[classes]
    maps = conv2d(features, convolution.weight[classes], bias)  # (N, classes, h, w)
    own = maps[torch.arange(len(labels)), places.to(maps.device)]
    return precise(check_held(own))


def scores_of_maps(model: nn.Module, own_maps: Tensor) -> Tensor:
    """What the last ReLU and the mean make of own class maps (N, h, w): (N,). The ReLU may be under another rule.

    Raises WorkError where a score is not finite.
    """
    relu = model.classifier[2]
    return check_finite(relu(own_maps.clone() if relu.inplace else own_maps).mean(dim=(1, 2)))


def is_plain(model: nn.Module) -> bool:
    """Whether it is torchvision's SqueezeNet, whose score of a class depends on that class's row alone.

    So its head must be the one that torchvision makes, without parametrisations, without hooks that could change or
    would see what the head gives, and called by torchvision's own forward pass. Our rules for ReLUs may stay.
    """
    if forward_of(model) is not SqueezeNet.forward or type(model).__call__ is not nn.Module.__call__:
        return False
    head = model.classifier
    if type(head) is not nn.Sequential or [type(module) for module in head] != PLAIN_HEAD:
        return False
    convolution, pool = head[1], head[3]
    one_by_one = (convolution.kernel_size, convolution.stride, convolution.padding) == ((1, 1), (1, 1), (0, 0))
    whole = pool.output_size in (1, (1, 1)) and convolution.groups == 1
    return one_by_one and whole and not is_hooked(model, head, *head)


def check_range(labels: Tensor, classes: int | None) -> None:
    """Raise UsageError unless the labels (N,) are of so many classes; None: it is not known of how many."""
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (classes is not None and high >= classes):
        allowed = f"allowed are 0 to {classes - 1}" if classes else "the first class is 0"
        raise UsageError(f"labels: class {low if low < 0 else high} is out of range; {allowed}")


def input_gradient(model: nn.Module, images: Tensor, labels) -> Tensor:
    """d score_y / d image for every image, (N, 3, H, W), on the images' device."""
    images, labels = as_pairs(images, labels, model)

    def gradient(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        chunk.requires_grad_(True)
        return gradients_of(label_scores(model, chunk, chunk_labels).sum(), [chunk])[0]

    with measuring(model):
        return in_chunks(gradient, model, images, labels)


def in_chunks(function: Callable, model: nn.Module, images: Tensor, labels: Tensor):
    """Apply `function(images, labels)` to a few images at a time, so that memory does not grow with their number.

    It returns a tensor, or a tuple of them, (N, ...); so does this, for all images, on their device, and in their type
    where it gives floating numbers.
    """
    images = as_images(images)
    length = chunk_length(images, home_of(model, images).device)
    parts = zip(images.split(length), labels.split(length), strict=True)
    results = []
    for chunk, chunk_labels in parts:
        result = function(_at_home(model, chunk), chunk_labels)
        several = not isinstance(result, Tensor)
        # Detached at once, or every chunk's graph would live until the last.
        results.append([piece.detach() for piece in (result if several else [result])])
    whole = [torch.cat(pieces).contiguous().to(images.device) for pieces in zip(*results, strict=True)]
    whole = tuple(values.to(images.dtype) if values.is_floating_point() else values for values in whole)
    return whole if several else whole[0]


def chunk_length(images: Tensor, device: torch.device | None = None) -> int:
    """How many images (..., H, W) to compute at a time: fewer of large ones. device: where, if not where they are."""
    pixels = CHUNK_PIXELS if (device or images.device).type == "cpu" else GPU_CHUNK_PIXELS
    return max(1, pixels // (images.shape[-2] * images.shape[-1]))


def warn_of_blank_maps(
    model: nn.Module,
    images: Tensor,
    labels,
    maps: Tensor,
    *,
    otherwise: str = NOTHING_POSITIVE,
) -> None:
    """Warn, with the reason, of each map that is zero everywhere. maps (N, ...) of the images (N, 3, H, W).

    otherwise: the technique's reason for a blank map of a class with a positive score.
    """
    for index in (~maps.flatten(1).any(dim=1)).nonzero().flatten().tolist():
        label = int(as_labels(labels, len(images), model)[index])
        cause = why_blank(model, images[index : index + 1], label, otherwise=otherwise)
        message = f"the map of image {index} for class {label} is blank: {cause}"
        warnings.warn(message, BlankMapWarning, stacklevel=3)


def why_blank(model: nn.Module, image: Tensor, label: int, *, otherwise: str = NOTHING_POSITIVE) -> str:
    """Why a map of this image (1, 3, H, W) for this class is zero everywhere; `otherwise`: see `warn_of_blank_maps`."""
    if (image == image[:, :, :1, :1]).all():
        return "the image has one colour, so nothing in it stands out; give a picture of something"
    with measuring(model), torch.no_grad():
        score = scores_of(model, to_network(model, image))[0, label]
    if score == 0 and class_map_layer(model) is None:
        return "its score is 0, and no pixel changes it: was its last layer ever trained? explain another class"
    if score == 0:
        return "its score is 0, so the last ReLU lets nothing through, no gradient either; explain another class"
    return otherwise


def _number_of_classes(model: nn.Module | None) -> int | None:
    """Where the network tells it: by the names of its classes, or by SqueezeNet's head."""
    if (names := getattr(model, "class_names", None)) is not None:
        return len(names)
    head = class_map_layer(model) if model is not None else None
    return None if head is None else model.get_submodule(head).out_channels
