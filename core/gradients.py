"""Scores of classes and their gradients with respect to the image or a layer.

Everything here leaves the network as it was: train/eval mode, flags, hooks and `.grad` are untouched,
also after an exception, and gradients come from `torch.autograd.grad`, which writes nowhere.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from core.activations import record_activations
from core.errors import UsageError

CHUNK = 16  # images at a time: as fast as one large batch on a CPU, at a fifth of its memory


class BlankMapWarning(UserWarning):
    """A map is zero everywhere; the message says for which image, why, and what to do."""


@contextmanager
def measuring(model: nn.Module) -> Iterator[None]:
    """Eval mode and gradients on within the block, whatever the caller had set; put back afterwards."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for module in training:
            module.training = True


@contextmanager
def guided_relus(model: nn.Module) -> Iterator[None]:
    """Guided backpropagation's rule (Springenberg et al., 2015) for every ReLU, also inside Fire modules.

    A ReLU passes R_in = 1[f > 0] * 1[R_out > 0] * R_out. Its own backward pass does the first factor;
    a hook on its output's gradient does the second. So nothing is replaced, only hooked.
    """

    def guide(_module, _inputs, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: gradient.clamp(min=0))

    relus = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    if not relus:
        raise UsageError("model: guided backpropagation needs nn.ReLU modules, and the network has none")
    handles = [relu.register_forward_hook(guide) for relu in relus]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


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


def to_network(model: nn.Module, images: Tensor) -> Tensor:
    """A detached copy of the images, or a view of them, with the network's device and dtype."""
    if images.dim() != 4 or images.shape[1] != 3:
        raise UsageError(f"images: a tensor of shape (N, 3, H, W) is needed, got {tuple(images.shape)}")
    parameter = next(model.parameters(), images)
    images = images.clone() if images.is_inference() else images.detach()
    return images.to(parameter.device, parameter.dtype)


def class_scores(scores: Tensor, labels: Tensor) -> Tensor:
    """The score of each image's own class: (N, K), (N,) -> (N,)."""
    return scores.gather(1, labels.to(scores.device).view(-1, 1)).squeeze(1)


def input_gradient(model: nn.Module, images: Tensor, labels) -> Tensor:
    """d score_y / d image for every image, (N, 3, H, W), on the images' device."""
    labels = as_labels(labels, len(images), model)

    def gradient(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        chunk.requires_grad_(True)
        total = class_scores(model(chunk), chunk_labels).sum()
        return torch.autograd.grad(total, chunk)[0]

    with measuring(model):
        return in_chunks(gradient, model, images, labels)


def in_chunks(function: Callable[[Tensor, Tensor], Tensor], model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Apply `function` to CHUNK images at a time, so that memory does not grow with their number."""
    parts = [
        function(to_network(model, images[start : start + CHUNK]), labels[start : start + CHUNK]).detach()
        for start in range(0, len(images), CHUNK)
    ]
    if not parts:
        raise UsageError("images: none given; at least one is needed")
    return torch.cat(parts).contiguous().to(images.device)


def scores_and_climb(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """All scores (N, K), and what to climb for each image's label, (N,): score_y, or where that is 0, mean(M_y).

    SqueezeNet ends in ReLU and mean: score_y = mean(relu(M_y)), M_y the class map. A class with M_y <= 0
    everywhere has score 0 and no gradient, and an ascent would never start; mean(M_y) always has one.
    """
    head = _map_before_last_relu(model)
    if head is None:
        scores = model(images)
        return scores, class_scores(scores, labels)
    with record_activations(model, [head]) as recorded:
        scores = model(images)
    own_scores = class_scores(scores, labels)
    own_maps = recorded[head][torch.arange(len(labels)), labels.to(images.device)]  # (N, h, w)
    return scores, torch.where(own_scores > 0, own_scores, own_maps.mean(dim=(1, 2)))


def warn_of_blank_maps(model: nn.Module, images: Tensor, labels, maps: Tensor) -> None:
    """Warn, with the reason, of each map that is zero everywhere. maps (N, ...) of the images (N, 3, H, W)."""
    blank = (maps.flatten(1).abs().amax(dim=1) == 0).nonzero().flatten().tolist()
    labels = as_labels(labels, len(images), model)
    for index in blank:
        label = int(labels[index])
        with measuring(model), torch.no_grad():
            score = model(to_network(model, images[index : index + 1]))[0, label]
        if score == 0:
            cause = "its score is 0, so the last ReLU lets no gradient through; explain a class with a positive score"
        else:
            cause = "nothing of it is positive here; try another layer or class"
        message = f"the map of image {index} for class {label} is blank: {cause}"
        warnings.warn(message, BlankMapWarning, stacklevel=3)


def _number_of_classes(model: nn.Module | None) -> int | None:
    names = getattr(model, "class_names", None)
    if names is not None:
        return len(names)
    for module in reversed(list(model.modules()) if model is not None else []):
        if isinstance(module, nn.Linear):
            return module.out_features
        if isinstance(module, nn.Conv2d):
            return module.out_channels
    return None


def _map_before_last_relu(model: nn.Module) -> str | None:
    """The name of the convolution that makes the class maps, if the network ends like SqueezeNet."""
    head = getattr(model, "classifier", None)
    tail = list(head.children())[-3:] if isinstance(head, nn.Sequential) else []
    if [type(module) for module in tail] == [nn.Conv2d, nn.ReLU, nn.AdaptiveAvgPool2d]:
        return f"classifier.{len(head) - 3}"
    return None
