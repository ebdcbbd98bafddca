"""Channels that do not fire, and how to climb them all the same.

After a ReLU a channel or unit can be 0, with gradient 0: an ascent from there never starts. So where it is 0, climb
what the ReLU was given, which is below 0 and always has a gradient; as soon as it fires, climb itself.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torchvision.models.squeezenet import Fire

from core.activations import find_layer
from core.ascent import Objective

PASSING = (nn.ReLU, nn.MaxPool2d, nn.Dropout)  # where one of these gives 0, so did or would what comes before it


def wakened(make: Callable[..., Objective], model: nn.Module, layer: str, channels: Sequence[int]) -> Objective:
    """`make(model, layer, channels)`, one channel an image, with the value before the ReLU where its own is 0.

    make: `channel_objective` or `unit_objective` of core.objectives; raises what it raises.
    """
    own = make(model, layer, channels)
    before = [make(model, *before_relu(model, layer, channel)) for channel in channels]

    def objective(images: Tensor) -> Tensor:
        values = own(images)
        for index in (values == 0).nonzero().flatten().tolist():
            rows = torch.arange(len(values), device=values.device) == index
            values = torch.where(rows, before[index](images[index : index + 1]), values)
        return values

    return objective


def before_relu(model: nn.Module, layer: str, channel: int) -> tuple[str, int]:
    """The convolution, and its channel, that the layer's channel comes from with nothing but ReLU and pooling between.

    Found for Fire modules and in sequences; elsewhere it is the layer itself.
    """
    module = find_layer(model, layer)
    if isinstance(module, Fire):  # the channels of its two halves lie behind each other
        first = module.expand1x1.out_channels
        return (f"{layer}.expand1x1", channel) if channel < first else (f"{layer}.expand3x3", channel - first)
    if isinstance(module, nn.Sequential) and len(module):
        return before_relu(model, f"{layer}.{len(module) - 1}", channel)
    parent, _, name = layer.rpartition(".")
    follows = isinstance(model.get_submodule(parent), nn.Sequential) and name != "0"
    if isinstance(module, PASSING) and follows:
        return before_relu(model, f"{parent}.{int(name) - 1}".removeprefix("."), channel)
    return layer, channel
