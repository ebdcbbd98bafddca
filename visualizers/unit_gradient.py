"""Which pixels make one unit of a layer respond? Its gradient, plain or guided. (Zeiler and Fergus, 2014;
Springenberg et al., 2015)

    d a_c[row, column] / d image, a the layer's output        guided: each ReLU passes back only what is positive

A unit sees its receptive field alone, so outside of it the gradient is zero. The guided form beneath a patch that
excites the unit shows what in the patch does so; unlike guided backpropagation of a class score it stays specific,
since the way back is short and starts at one place.
"""

import warnings

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import BlankMapWarning, in_chunks
from core.inputs import as_images
from core.measuring import measuring
from core.objectives import layer_output, own_channels
from core.passes import gradients_of
from core.relu_rules import guided_relus


def unit_gradient(model: nn.Module, images: Tensor, layer: str, channels, rows, columns) -> Tensor:
    """images (N, 3, H, W) -> d a_c[row, column] / d image for each image's own unit, signed (N, 3, H, W).

    channels, rows, columns: each (N,), or one number for all images. Raises UsageError for an unknown layer or unit;
    warns of a blank map, which a unit has that a ReLU holds at 0.
    """
    images = as_images(images)
    numbers = {"channels": channels, "rows": rows, "columns": columns}
    units = torch.stack([_for_each(name, each, len(images)) for name, each in numbers.items()], dim=1)  # (N, 3)
    output = layer_output(model, layer)

    def gradient(chunk: Tensor, chunk_units: Tensor) -> Tensor:
        chunk.requires_grad_(True)
        channels, rows, columns = chunk_units.unbind(dim=1)
        maps = own_channels(output(chunk), layer, channels)  # (n, h, w)
        for name, places, length in (("row", rows, maps.shape[1]), ("column", columns, maps.shape[2])):
            wrong = places[(places < 0) | (places >= length)].tolist()
            if wrong:
                allowed = f"allowed are 0 to {length - 1}"
                raise UsageError(f"{name}s: '{layer}' has no {name} {wrong[0]} here; {allowed}")
        values = maps[torch.arange(len(maps)), rows, columns]
        return gradients_of(values.sum(), [chunk])[0]

    with measuring(model):
        gradients = in_chunks(gradient, model, images, units)
    for index in (~gradients.flatten(1).any(dim=1)).nonzero().flatten().tolist():
        unit = ", ".join(map(str, units[index].tolist()))
        cause = "a ReLU holds the unit at 0; take one that responds, or the convolution before the ReLU"
        message = f"the map of image {index} for unit [{unit}] of {layer} is blank: {cause}"
        warnings.warn(message, BlankMapWarning, stacklevel=2)
    return gradients


def guided_unit(model: nn.Module, images: Tensor, layer: str, channels, rows, columns) -> Tensor:
    """Guided backpropagation of each image's own unit: as `unit_gradient`, and of the same arguments.

    Raises UsageError for a network without ReLUs, too.
    """
    with guided_relus(model):
        return unit_gradient(model, images, layer, channels, rows, columns)


def _for_each(name: str, numbers, count: int) -> Tensor:
    numbers = torch.as_tensor(numbers).detach().cpu().flatten()
    if numbers.is_floating_point() or numbers.dtype == torch.bool:
        raise UsageError(f"{name}: whole numbers are needed, got values of type {numbers.dtype}")
    if len(numbers) not in (1, count):
        raise UsageError(f"{name}: got {len(numbers)} for {count} images; give one, or one for each image")
    return numbers.expand(count)
