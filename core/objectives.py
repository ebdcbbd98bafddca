"""What a synthesised picture is to make large: a class, a channel, a single unit, or a whole layer.

Each function here returns `objective(images (N, 3, H, W)) -> (N,)`, one value an image, larger is better, for
`core.ascent.optimise_pixels` and everything built on it. With a (N, C, h, w) what the layer gives,

    class    score_y, or the mean of its class map where that is 0     (core.zero_scores.label_climb)
    channel  mean over positions of a_c
    unit     a_c at the centre of the map
    layer    ||a||, the Euclidean norm over channels and positions     (DeepDream's)

An objective is called within `core.gradients.measuring(model)`, as the ascents do. The forward pass stops at the
layer. After a ReLU most units, and many channels, are 0 with gradient 0 on noise, and no ascent would start. While one
is 0, its gradient is therefore taken as if the layer's own ReLUs passed all: it climbs towards where it is alive.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from core.activations import find_layer
from core.ascent import Objective
from core.errors import UsageError
from core.gradients import as_labels
from core.inputs import precise
from core.layouts import MapsOf
from core.measuring import add_hook, in_own_thread
from core.passes import check_finite, check_graph, run_network
from core.relu_rules import straight_relus
from core.zero_scores import label_climb


class _Reached(Exception):
    """The forward pass has come to the layer, and need not go on."""


def class_objective(model: nn.Module, labels) -> Objective:
    """labels (N,), or one for all images -> what to climb for each. Raises UsageError for a class out of range."""
    given = as_labels(labels, None, model)

    def objective(images: Tensor) -> Tensor:
        scores = label_climb(model, images, as_labels(given, len(images), model))
        if images.requires_grad and torch.is_grad_enabled():
            check_graph(scores)  # here, since what is added to them, such as a penalty, has a gradient of its own
        return scores

    return objective


def channel_objective(model: nn.Module, layer: str, channels) -> Objective:
    """channels (N,), or one for all images -> the mean of each image's own channel over the layer's map.

    Raises UsageError for an unknown layer at once, for a channel that the layer has not when images are there.
    """
    return _kept_alive(model, layer, lambda maps: own_channels(maps, layer, channels).mean(dim=(1, 2)))


def unit_objective(model: nn.Module, layer: str, channels) -> Objective:
    """channels (N,), or one for all images -> each image's own channel at the centre of the map, [h // 2, w // 2].

    Raises UsageError as `channel_objective` does.
    """

    def centre(maps: Tensor) -> Tensor:
        own = own_channels(maps, layer, channels)  # (N, h, w)
        return own[:, own.shape[1] // 2, own.shape[2] // 2]

    return _kept_alive(model, layer, centre)


def layer_objective(model: nn.Module, layer: str) -> Objective:
    """The norm of all that the layer gives for each image. Raises UsageError for an unknown layer."""
    output = layer_output(model, layer)
    return lambda images: output(images).flatten(1).norm(dim=1)


def _kept_alive(model: nn.Module, layer: str, value_of: Callable[[Tensor], Tensor]) -> Objective:
    """images -> value_of(what the layer gives), also with a gradient where a ReLU of the layer made it 0."""
    output, module = layer_output(model, layer), find_layer(model, layer)

    def objective(images: Tensor) -> Tensor:
        values = value_of(output(images))
        dead = values == 0
        if dead.any() and values.requires_grad:
            with straight_relus(module):
                straight = value_of(output(images))
            values = torch.where(dead, straight, values)  # the same numbers
        return values

    return objective


def layer_output(model: nn.Module, layer: str) -> Callable[[Tensor], Tensor]:
    """A function: images (N, 3, H, W) -> what the layer itself gives, (N, C, h, w), in the graph, at least in float32.

    The first forward pass goes to the end and counts how often the layer is used, since ResNet uses one ReLU twice
    and the last time is the one meant; the others stop there, so nothing that follows can overwrite the output. A layer
    that gives (N, h, w, C) is turned; what has no places, such as (N, C), stays as it is.
    """
    module, uses, maps_of = find_layer(model, layer), 0, MapsOf(model, layer)

    def output(images: Tensor) -> Tensor:
        nonlocal uses
        outputs: list[Tensor] = []

        def keep(_module, _inputs, result):
            if not isinstance(result, Tensor):
                raise UsageError(f"layer: '{layer}' gives a {type(result).__name__}, not one tensor; choose another")
            outputs[:] = [result]
            seen[0] += 1
            if seen[0] == uses:
                raise _Reached
            return result.clone()

        seen, handle = [0], add_hook(module, in_own_thread(keep))
        try:
            run_network(model, images)
        except _Reached:
            pass
        finally:
            handle.remove()
        if not outputs:
            raise UsageError(f"layer: '{layer}' takes no part in the forward pass; choose another")
        uses = seen[0]
        check_finite(outputs[0], f"what its layer '{layer}' gives")
        if images.requires_grad and torch.is_grad_enabled():
            check_graph(outputs[0])
        return precise(maps_of(outputs[0], images) if outputs[0].dim() > 2 else outputs[0])

    return output


def own_channels(maps: Tensor, layer: str, channels) -> Tensor:
    """maps (N, C, h, w), or (N, C) as of a linear layer -> each image's own channel, (N, h, w)."""
    maps = maps[..., None, None] if maps.dim() == 2 else maps
    if maps.dim() != 4:
        raise UsageError(f"layer: '{layer}' gives shape {tuple(maps.shape)}, which has no channels; choose another")
    numbers = torch.as_tensor(channels).detach().cpu().flatten()
    if numbers.is_floating_point() or numbers.dtype == torch.bool:
        raise UsageError(f"channels: whole numbers are needed, got values of type {numbers.dtype}")
    if len(numbers) not in (1, len(maps)):
        raise UsageError(f"channels: got {len(numbers)} for {len(maps)} images; give one, or one for each image")
    wrong = numbers[(numbers < 0) | (numbers >= maps.shape[1])].tolist()
    if wrong:
        raise UsageError(f"channels: '{layer}' has no channel {wrong[0]}; allowed are 0 to {maps.shape[1] - 1}")
    return maps[torch.arange(len(maps)), numbers.expand(len(maps)).long()]
