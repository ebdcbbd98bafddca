"""Filters: the weights themselves, as pictures. (Krizhevsky et al., 2012; Yosinski et al., 2014)

    tile_f = 1/2 + w_f / (2 max |w_f|)        w_f: filter f, of one colour or one input channel a plane

The first layer looks at pixels, so its filters are small colour pictures, and mid-grey is weight 0: a filter fires
where the image looks like its tile. Trained on natural images, nearly every network finds edges at all angles and
patches of opposed colours. Filters of higher layers look at the layer below; one grey plane for each of its
channels can be drawn, but says little: what those channels stand for is not in the picture.
"""

import difflib

import torch
from torch import Tensor, nn

from core.activations import find_layer
from core.errors import UsageError


def scale_weights(weights: Tensor, *, shared_scale: bool = False) -> Tensor:
    """Weights (F, C, kh, kw) of both signs -> [0, 1], each filter by its largest, or all by the largest of all."""
    weights = weights.detach()
    sizes = weights.abs().flatten(1).amax(dim=1)  # (F,)
    sizes = sizes.max().expand_as(sizes) if shared_scale else sizes
    return 0.5 + 0.5 * weights / sizes.where(sizes > 0, 1).view(-1, 1, 1, 1)  # a filter of zeros is mid-grey


def untrained(weights: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    """Weights of the same shape as a training starts from: He's uniform ones (He et al., 2015)."""
    start = torch.empty(weights.shape, dtype=weights.dtype)  # drawn on the CPU, then moved
    return nn.init.kaiming_uniform_(start, generator=generator).to(weights.device)


def convolution(model: nn.Module, layer: str) -> nn.Conv2d:
    """The convolution of that name; a UsageError lists those there are."""
    module = find_layer(model, layer)
    if not isinstance(module, nn.Conv2d):
        names = [name for name, _ in _convolutions(model)]
        inside = [name for name in names if name.startswith(f"{layer}.")]
        near = difflib.get_close_matches(layer, names, n=1, cutoff=0)
        hint = f"did you mean '{(inside or near)[0]}'? " if names else ""
        kind = type(module).__name__
        raise UsageError(f"layer: '{layer}' is a {kind} and has no filters; {hint}allowed are {', '.join(names)}")
    return module


def first_convolution(model: nn.Module) -> str:
    """The name of the first convolution that reads colours; a UsageError if there is none."""
    for name, module in _convolutions(model):
        if module.in_channels == 3:
            return name
    raise UsageError("model: no convolution of it reads three colours, so there are no filters to show as pictures")


def second_convolution(model: nn.Module) -> str:
    """The first above that one whose filters are wider than a pixel and read all channels of the layer below."""
    first = first_convolution(model)
    for name, module in _convolutions(model):
        if name != first and min(module.kernel_size) > 1 and module.groups == 1:
            return name
    raise UsageError("model: above the first layer it has no convolution wider than a pixel; give a --layer")


def widest_convolution(model: nn.Module, layer: str) -> str:
    """The layer itself, or of a block of layers, such as a Fire module, the convolution of the widest filters."""
    inside = [name for name, _ in _convolutions(model) if name.startswith(f"{layer}.")]
    return max(inside, key=lambda name: convolution(model, name).kernel_size, default=layer)


def _convolutions(model: nn.Module) -> list[tuple[str, nn.Conv2d]]:
    return [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Conv2d)]
