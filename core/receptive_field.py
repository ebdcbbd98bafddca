"""Which pixels can a unit see? Its receptive field, exact for each unit of a network, borders included.

Every pixel is given its own coordinates, and the network is run on these in place of colours. Where a layer mixes
values, the largest of them is handed on:

    convolution, pooling    the largest under the window; the padding beyond the border counts for nothing
    sum, product            the larger of the two
    linear layer            the largest of all
    ReLU, batch norm, ...   what came in

So coordinates that enter as (-row, -column, row + 1, column + 1) leave as the sides of the smallest box that holds
every pixel the unit depends on. One pass gives the boxes of all units of a layer, whatever strides, paddings,
dilations, rounded-up poolings and branches lie in between. Channels are kept apart, for they may differ: the
first half of a Fire module's are 1 x 1 convolutions and see less than the other half, 3 x 3.

The box is what the wiring allows, whatever the weights. What a unit really uses is smaller, and fades towards the
sides of the box (Luo et al., 2016).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, max_pool2d, pad
from torch.utils._python_dispatch import TorchDispatchMode

from core.activations import record_activations
from core.duplicates import duplicate
from core.errors import UsageError
from core.layouts import MapsOf
from core.measuring import measuring
from core.passes import home_of, in_one_sentence

# Added to coordinates, so that weights, zeros of the padding and all other constants are smaller than any of them.
OFFSET = 2**20

# Operations by PyTorch's internal names; a final "_" means in place.
BY_ITSELF = {  # each value is changed by itself, so it sees what it saw before
    *("relu", "hardtanh", "leaky_relu", "elu", "gelu", "silu", "sigmoid", "hardsigmoid", "hardswish", "tanh", "neg"),
    *("clamp", "clamp_min", "dropout", "native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit_no_training"),
}
OF_TWO = {"add", "sub", "mul", "div", "maximum", "minimum"}
MOVED = {  # values go elsewhere and are not mixed, so the operation itself may be run on the coordinates
    *("cat", "stack", "clone", "detach", "alias", "view", "_unsafe_view", "reshape", "permute", "transpose", "t"),
    *("slice", "select", "split", "split_with_sizes", "unsqueeze", "squeeze", "expand", "_to_copy", "copy_"),
    *("constant_pad_nd", "reflection_pad2d", "replication_pad2d", "empty", "new_empty", "zeros"),
}


class Box(NamedTuple):
    """Pixels [top:bottom, left:right] of a picture."""

    top: int
    left: int
    bottom: int
    right: int

    def cut(self, image: Tensor) -> Tensor:
        """(..., H, W) -> (..., bottom - top, right - left), a view."""
        return image[..., self.top : self.bottom, self.left : self.right]


def receptive_field(model: nn.Module, layer: str, channel: int, row: int, column: int, *, size: tuple[int, int]) -> Box:
    """The box of the pixels that the layer's unit at [channel, row, column] sees of a picture of size (H, W).

    It is clipped to the picture: a unit near the border looks beyond it, and its box is smaller than others. Raises
    UsageError for an unknown layer or unit, and for a network of operations that are not known here.
    """
    boxes = receptive_fields(model, layer, size=size)
    for name, got, length in zip(("channel", "row", "column"), (channel, row, column), boxes.shape, strict=False):
        if not 0 <= got < length:
            raise UsageError(f"{name}: '{layer}' has no {name} {got} here; allowed are 0 to {length - 1}")
    return Box(*boxes[channel, row, column].tolist())


def receptive_fields(model: nn.Module, layer: str, *, size: tuple[int, int]) -> Tensor:
    """The boxes of all units of a layer (C, h, w) for pictures of size (H, W): LongTensor (C, h, w, 4), see Box.

    A unit that sees padding alone has the box (0, 0, 0, 0). Raises UsageError as `receptive_field` does.
    """
    home = home_of(model, torch.empty(0))
    if home.dtype not in (torch.float32, torch.float64):  # half precision does not hold the coordinates
        return receptive_fields(duplicate(model).float(), layer, size=size)
    down, right = (torch.arange(length, device=home.device, dtype=home.dtype) for length in size)
    down, right = torch.meshgrid(down, right, indexing="ij")  # (H, W)
    coordinates = OFFSET + torch.stack([-down, -right, down + 1, right + 1])[:, None].repeat(1, 3, 1, 1)  # (4, 3, H, W)
    words = f"model: {type(model).__name__} cannot take pictures of {size[1]} x {size[0]} pixels"
    with measuring(model), torch.no_grad():
        with record_activations(model, [layer]) as recorded, in_one_sentence(words), _LargestHandedOn():
            model(coordinates)
        sides = MapsOf(model, layer).recorded(recorded, coordinates)  # (4, C, h, w)
    sides = torch.where(sides > OFFSET / 2, sides - OFFSET, 0)  # what no pixel reached is a constant, so small
    top, left, bottom, right = sides.long().cpu()
    return torch.stack([-top, -left, bottom, right], dim=-1)


class _LargestHandedOn(TorchDispatchMode):
    """Within the block, networks compute with coordinates: each operation hands on the largest of what it mixes."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        plain = name.removesuffix("_")
        if name in MOVED:
            return function(*args, **(kwargs or {}))
        if plain in BY_ITSELF:
            outputs = len(function._schema.returns)  # batch normalisation has several, of which the first is used
            return args[0] if outputs == 1 else (args[0],) * outputs
        if plain in OF_TWO:
            larger = torch.maximum(*torch.broadcast_tensors(*(torch.as_tensor(value) for value in args[:2])))
            return larger if plain == name else args[0].copy_(larger)
        if name == "convolution" and not args[6]:
            return _convolution(*args)
        if name in ("linear", "mm", "addmm"):
            values, weight = args[1:] if name == "addmm" else args[:2]
            width = weight.shape[0 if name == "linear" else 1]
            return values.amax(dim=-1, keepdim=True).repeat_interleave(width, dim=-1)
        if name in ("mean", "amax"):
            return args[0].amax(*args[1:])
        if name == "avg_pool2d":
            return _average_pooling(*args)
        if name == "max_pool2d_with_indices":
            return max_pool2d(*args), torch.empty(0)
        if name == "_adaptive_avg_pool2d":
            return adaptive_max_pool2d(*args)
        if name == "adaptive_max_pool2d":
            return adaptive_max_pool2d(*args), torch.empty(0)
        raise UsageError(f"model: it computes '{name}', whose receptive field is not known here; take another network")


def _convolution(maps: Tensor, weight: Tensor, _bias, stride, padding, dilation, _transposed, _output, groups: int):
    """(4, C, h, w) -> (4, C', h', w'): the largest under the window, of all channels of the group."""
    largest = maps.unflatten(1, (groups, -1)).amax(dim=2)  # (4, groups, h, w)
    largest = pad(largest, [side for length in reversed(padding) for side in (length, length)])
    return max_pool2d(largest, weight.shape[2:], stride, 0, dilation).repeat_interleave(len(weight) // groups, dim=1)


def _average_pooling(maps: Tensor, kernel, stride=(), padding=0, ceil_mode=False, *_) -> Tensor:
    return max_pool2d(maps, kernel, stride or None, padding, ceil_mode=ceil_mode)
