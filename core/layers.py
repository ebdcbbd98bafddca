"""Which layers a network has, and which of them to explain where none is named: found by one forward pass.

    image (1, 3, H, W) -> each module in the order in which it ends: what it was given, what it gives

The last layer with places is the last module whose output counts places, as maps (N, K, h, w), (N, h, w, K) or tokens
(N, T, K). What only pools, drops out, flattens or permutes is no layer of its own, and a map of classes is the
network's answer. No name is looked at, so a network of anybody's will do.
"""

from collections.abc import Sequence
from math import log, prod
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import SqueezeNet

from core.errors import UsageError
from core.measuring import measuring
from core.passes import FAILURES
from core.receptive_field import largest_fields
from core.walk import Call, noise_picture, tensors_of, walk

SIDE = 224  # pixels, of the picture that a network is walked with, where neither it nor the images say another


def last_layer(model: nn.Module, images: Tensor | None = None) -> str:
    """The name of the last layer with places before pooling: what Grad-CAM explains where no layer is named.

    It is what the network carries as `last_layer`; else it is found by a forward pass at the network's `input_size`,
    else at the size of the images (N, 3, H, W), else at 224 pixels. Of several modules that give the same output, as
    a block and its last ReLU do, the outermost one is taken, yet none that reads the picture itself. In a network that
    reads its answer off a class token, the other tokens count no more after the last attention; so the layer is what
    that attention reads, as the field does it. For SqueezeNet it is "features.12", without a pass.

    Raises UsageError for a network without such a layer, and for one that cannot take the picture.

    >>> last_layer(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    '1'
    """
    carried = getattr(model, "last_layer", None)
    if isinstance(carried, str):
        return carried
    if isinstance(model, SqueezeNet):
        return f"features.{len(model.features) - 1}"
    return _found(model, images)[1].name


def layer_or_last(model: nn.Module, layer: str | None, images: Tensor | None = None) -> str:
    """The layer named, else the last one with places."""
    return last_layer(model, images) if layer is None else layer


def spread_layers(model: nn.Module, images: Tensor | None = None, *, count: int) -> tuple[str, ...]:
    """The last layer of each resolution, at most `count`, the coarsest ones, from shallow to deep.

    For SqueezeNet 1.1 they are "features.1", ".4", ".7" and ".12", without a pass. Where all layers with places have
    one resolution, as in a transformer, they are evenly spread: in each block the one that is `last_layer` in the last
    block. Layers deep within blocks are passed over. Raises UsageError as `last_layer` does.
    """
    if isinstance(model, SqueezeNet):
        modules = [*model.features, nn.MaxPool2d(1)]
        before = (place for place, following in enumerate(modules[1:]) if isinstance(following, nn.MaxPool2d))
        return tuple(f"features.{place}" for place in before)[-count:]
    layers, last, picture = _found(model, images)
    near = [layer for layer in layers if layer.output.dim() == last.output.dim() and layer.depth <= last.depth + 1]
    resolutions: dict[int, list[Call]] = {}  # by their number of places
    for layer in near:
        places = _places(layer.output.shape, picture)
        known = (each for each in resolutions if 2 / 3 < each / places < 3 / 2)  # a class token makes no other
        resolutions.setdefault(next(known, places), []).append(layer)
    if len(resolutions) > 1:
        best = [min(each, key=lambda layer: (layer.depth, -layer.end)) for each in resolutions.values()]
        names = [layer.name for layer in sorted(best, key=lambda layer: layer.end) if layer.end < last.end]
        return (*names, last.name)[-count:]
    ending = last.name.rpartition(".")[2]
    alike = [each.name for each in layers if each.depth == last.depth and each.name.rpartition(".")[2] == ending]
    if len(alike) == 1:
        alike = [*(each.name for each in near if each.depth > last.depth), last.name]
    steps = min(count, len(alike))
    return tuple(alike[len(alike) * (step + 1) // steps - 1] for step in range(steps))


class Layer(NamedTuple):
    """What there is to know of a layer before it is chosen."""

    name: str
    kind: str  # of module
    shape: tuple[int, ...]  # of what it gives for one picture, the first axis left out where it counts pictures
    axes: str  # what these count: "K h w", "h w K", "T K" of tokens, "K"; "" for others, and where it cannot be told
    field: str  # height x width in pixels of the largest box that one of its units sees


def layers_of(model: nn.Module, side: int) -> list[Layer]:
    """All layers in the order in which they are computed, for square pictures of `side` pixels.

    Raises UsageError for a network that cannot take them.
    """
    with measuring(model), torch.no_grad():
        calls, _ = walk(model, noise_picture(model, (side, side)))
        try:
            taller = {call.name: call.output.shape for call in walk(model, noise_picture(model, (2 * side, side)))[0]}
        except UsageError:
            taller = {}  # it takes squares alone
    fields = largest_fields(model, size=(side, side))
    layers = []
    for call in calls:
        shape, field = tuple(call.output.shape), fields.get(call.name)
        words = f"{field[0]} x {field[1]}" if field else "not known"
        words = {(side, side): "whole picture", (0, 0): "nothing of it"}.get(field, words)
        counted = shape[1:] if shape[:1] == (1,) else shape
        layers.append(Layer(call.name, type(call.module).__name__, counted, _axes(shape, taller.get(call.name)), words))
    return layers


def _axes(shape: Sequence[int], taller: Sequence[int] | None) -> str:
    """What the axes of an output count, of this shape for a square picture and of the other for a taller one."""
    if shape[:1] != (1,):
        return ""
    if len(shape) == 4:
        first, last = shape[2] == shape[3], shape[1] == shape[2]
        if taller is not None:  # the height alone grows; nothing does where maps are pooled to a grid
            grown = {axis for axis in (1, 2, 3) if shape[axis] != taller[axis]}
            first, last = first and grown in ({2}, set()), last and grown == {1}
        return ("K h w" if first else "h w K") if first != last else ""
    return {2: "K", 3: "T K"}.get(len(shape), "")


def _found(model: nn.Module, images: Tensor | None) -> tuple[list[Call], Call, Tensor]:
    """The layers with places, the last of them, and the picture that found them."""
    size = (SIDE, SIDE) if images is None else tuple(images.shape[2:])
    side = getattr(model, "input_size", None)
    picture = noise_picture(model, (side, side) if isinstance(side, int) else size)
    with measuring(model), torch.no_grad():
        layers = _layers_with_places(*walk(model, picture))
    if layers and layers[-1].output.dim() == 3:
        with measuring(model):
            calls, scores = walk(model, picture.requires_grad_(True))
            layers = _before_the_last_attention(_layers_with_places(calls, scores), calls, scores)
    if not layers:
        words = f"no layer of {type(model).__name__} gives maps (N, K, h, w) or tokens (N, T, K) that can be recorded"
        raise UsageError(f"layer: {words}; use a map that needs none: occlusion, rise, saliency")
    return layers, _outermost(layers, picture), picture


def _places(shape: Sequence[int], picture: Tensor) -> int:
    """How many places there are: maps have about the form of the picture, tokens are counted with class tokens."""
    if len(shape) == 3:
        return shape[1]
    form = picture.shape[2] / picture.shape[3]
    return prod(min((shape[2:], shape[1:3]), key=lambda sides: abs(log(sides[0] / sides[1] / form))))


def _layers_with_places(calls: list[Call], answer: object) -> list[Call]:
    """The modules that are layers with places, in order, without maps of classes."""
    classes = answer.shape[1] if isinstance(answer, Tensor) and answer.dim() == 2 else 0
    mixing = [call.start for call in calls if any(weight.dim() > 1 for weight in call.module.parameters(recurse=False))]
    last_mixing = max(mixing, default=0)
    makers: dict[int, Call] = {}  # of each output the first that gives it: a Sequential hands on its last module's
    for call in calls:
        if not call.hands_on:
            makers.setdefault(id(call.output), call)
    return [
        call
        for call in calls
        if call.has_places
        and not call.only_moves
        and not makers[id(call.output)].pools
        and not (classes in call.output.shape[1::2] and call.end > last_mixing)
    ]


def _before_the_last_attention(layers: list[Call], calls: list[Call], answer: object) -> list[Call]:
    """The layers up to the one that the last attention reads, where the answer reads few of the tokens it gives.

    A gradient of NaN shows what the answer depends on: it is passed down also by weights that are 0.
    """
    answer = next(tensors_of(answer), None)
    tokens = [call for call in calls if call.output.dim() == 3 and call.given is not None and call.given.dim() == 3]
    if answer is None or not answer.requires_grad:
        return layers
    for part in (tokens[-16:], tokens):  # mostly the last block is enough, and the way down to it is short
        ends = [tensor for call in part for tensor in (call.given, call.output)]
        unknown = torch.full_like(answer, torch.nan)
        try:
            gradients = torch.autograd.grad(answer, ends, unknown, retain_graph=True, allow_unused=True)
        except FAILURES:  # no gradient can be had: so no map that needs one, and the last layer is as good as another
            return layers
        read = [each is not None and each[0].isnan().any(dim=-1).float().mean() > 0.5 for each in gradients]
        losing = [call for call, before, after in zip(part, read[::2], read[1::2], strict=True) if before and not after]
        if losing:
            innermost = max(losing, key=lambda call: call.start)
            return [layer for layer in layers if layer.end < innermost.start]
    return layers


def _outermost(layers: list[Call], picture: Tensor) -> Call:
    """Of the modules with the last layer's output the outermost that does not read the picture itself."""
    same = [layer for layer in layers if layer.output is layers[-1].output]
    within = [layer for layer in same if layer.given is None or layer.given.shape != picture.shape]
    return min(within or same[:1], key=lambda layer: (layer.depth, -layer.end))
