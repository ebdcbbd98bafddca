"""Which pixels can a unit see? Its receptive field, exact for each unit of a network, borders included.

Every pixel is given its own coordinates, and the network is run on these in place of colours. Where a layer mixes
values, the largest of them is handed on:

    convolution, pooling    the largest under the window; the padding beyond the border counts for nothing
    sum, product            the larger of the two
    linear layer, mean      the largest of all that it adds up
    attention               the largest of all tokens that are compared; a mask between them is not looked at
    layer norm              the largest of all that it compares
    ReLU, batch norm, ...   what came in

So coordinates that enter as (-row, -column, row + 1, column + 1) leave as the sides of the smallest box that holds
every pixel the unit depends on. One pass gives the boxes of all units of a layer, whatever strides, paddings,
dilations, rounded-up poolings and branches lie in between. Channels are kept apart, for they may differ: the
first half of a Fire module's are 1 x 1 convolutions and see less than the other half, 3 x 3.

The box is what the wiring allows, whatever the weights. What a unit really uses is smaller, and fades towards the
sides of the box (Luo et al., 2016).
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from math import nan
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_max_pool2d, max_pool2d, pad
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

from core.activations import record_activations, recorded_output, watched
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
    *("mish", "softplus", "exp", "log", "abs", "sqrt", "rsqrt", "pow", "erf", "reciprocal", "_prelu_kernel", "rsub"),
    *("clamp", "clamp_min", "dropout", "native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit_no_training"),
}
OF_TWO = {"add", "sub", "mul", "div", "maximum", "minimum"}
MOVED = {  # values go elsewhere and are not mixed, so the operation itself may be run on the coordinates
    *("cat", "stack", "clone", "detach", "alias", "view", "_unsafe_view", "reshape", "permute", "transpose", "t"),
    *("slice", "select", "split", "split_with_sizes", "unsqueeze", "squeeze", "expand", "_to_copy", "copy_", "repeat"),
    *("constant_pad_nd", "reflection_pad2d", "replication_pad2d", "roll", "flip", "unbind", "index", "index_select"),
    *(
        "channel_shuffle",
        "native_channel_shuffle",
        "pixel_shuffle",
        "pixel_unshuffle",
        "masked_fill",
        "lift_fresh",
        "_reshape_alias",
    ),
    *("fill_", "zero_", "empty_like", "zeros_like", "ones_like", "new_empty", "new_zeros"),
}
ATTENTION = "_scaled_dot_product"  # how all its forms begin: queries, keys and values come first
WHOLE = {"_native_multi_head_attention", "_transformer_encoder_layer_fwd"}  # every token sees all


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
    coordinates = _coordinates(size, home)
    handing_on = _LargestHandedOn()
    with measuring(model), torch.no_grad():
        with record_activations(model, [layer]) as recorded, _runs(model, size), handing_on:
            model(coordinates)
        output = recorded_output(recorded, layer)
        if output.isnan().any():
            words = f"it computes '{handing_on.unknown}', whose receptive field is not known here"
            raise UsageError(f"model: {words}; take a layer before it, or another network")
        sides = MapsOf(model, layer)(output, coordinates)  # (4, C, h, w)
    top, left, bottom, right = _told(sides).long().cpu()
    return torch.stack([-top, -left, bottom, right], dim=-1)


def largest_fields(model: nn.Module, *, size: tuple[int, int]) -> dict[str, tuple[int, int] | None]:
    """For each layer that gives a tensor, height and width of the largest box of its units; None: not known.

    One pass for all. Raises UsageError for a network that cannot take pictures of size (H, W).
    """
    home = home_of(model, torch.empty(0))
    if home.dtype not in (torch.float32, torch.float64):
        return largest_fields(duplicate(model).float(), size=size)
    found: dict[str, tuple[int, int] | None] = {}

    def note(name: str, output: Tensor) -> None:
        with _disable_current_modes():
            known = not output.isnan().any() and len(output) % 4 == 0  # windows are counted among the pictures
            top, left, bottom, right = (
                _told(output.flatten().unflatten(0, (4, -1))) if known else output.new_zeros(4, 1)
            )
            found[name] = (int((bottom + top).max()), int((right + left).max())) if known else None

    with measuring(model), torch.no_grad(), watched(model, note), _runs(model, size), _LargestHandedOn():
        model(_coordinates(size, home))
    return found


def _coordinates(size: tuple[int, int], home: Tensor) -> Tensor:
    """The picture (4, 3, H, W) that is passed through the network."""
    down, right = (torch.arange(length, device=home.device, dtype=home.dtype) for length in size)
    down, right = torch.meshgrid(down, right, indexing="ij")  # (H, W)
    return OFFSET + torch.stack([-down, -right, down + 1, right + 1])[:, None].repeat(1, 3, 1, 1)


def _told(values: Tensor) -> Tensor:
    """Coordinates without the offset; what no pixel reached is a constant, so small, and becomes 0."""
    return torch.where(values > OFFSET / 2, values - OFFSET, 0)


def _runs(model: nn.Module, size: tuple[int, int]) -> AbstractContextManager[None]:
    return in_one_sentence(f"model: {type(model).__name__} cannot take pictures of {size[1]} x {size[0]} pixels")


class _LargestHandedOn(TorchDispatchMode):
    """Within the block, networks compute with coordinates: each operation hands on the largest of what it mixes.

    What an operation gives that is not known here is NaN, and so is what is computed of it.
    """

    unknown = ""  # the first such operation

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        if name in MOVED or not any(map(_has_coordinates, tree_leaves(args))):
            return function(*args, **(kwargs or {}))
        plain = name.removesuffix("_")
        largest = _largest(plain, args)
        if largest is None:
            self.unknown = self.unknown or name
            outputs = function(*args, **(kwargs or {}))
            return tree_map(lambda one: one.fill_(nan) if _is_floating(one) else one, outputs)
        if plain != name:
            return args[0].copy_(largest)
        outputs = len(function._schema.returns)  # batch normalisation has several, of which the first is used
        return largest if outputs == 1 else (largest, *(largest.new_empty(0) for _ in range(outputs - 1)))


def _is_floating(value: object) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


def _has_coordinates(value: object) -> bool:
    """Whether one of the numbers is a coordinate, or NaN, which is made of some."""
    return _is_floating(value) and value.numel() > 0 and not bool(value.max() < OFFSET / 2)


def _largest(name: str, args: Sequence) -> Tensor | None:
    """What the operation hands on; None where it is not known."""
    values = args[0]
    if name in BY_ITSELF:
        return values
    if name in OF_TWO:
        return torch.maximum(*torch.broadcast_tensors(*(torch.as_tensor(value) for value in args[:2])))
    if name == "as_strided" and tuple(args[1]) == values.shape:  # global average pooling calls it so, to no effect
        return values
    if name == "where":
        return torch.where(*args)
    if name == "convolution" and not args[6]:
        return _convolution(*args)
    if name in ("linear", "mm", "addmm"):
        values, weight = args[1:3] if name == "addmm" else args[:2]
        width = weight.shape[0 if name == "linear" else 1]
        return values.amax(dim=-1, keepdim=True).repeat_interleave(width, dim=-1)
    if name in ("bmm", "baddbmm"):
        rows, columns = args[-2:]
        return torch.maximum(rows.amax(dim=-1, keepdim=True), columns.amax(dim=-2, keepdim=True))
    if name.startswith(ATTENTION):
        queries, keys, contents = args[:3]  # (..., T, K)
        seen = torch.maximum(keys.amax(dim=(-2, -1), keepdim=True), contents.amax(dim=-2, keepdim=True))
        return torch.maximum(queries.amax(dim=-1, keepdim=True), seen)
    if name in WHOLE:
        return values.amax(dim=(1, 2), keepdim=True).expand_as(values)
    if name in ("mean", "sum", "amax"):
        return values.amax(*args[1:3])
    if name == "linalg_vector_norm":
        return values.amax(*args[2:4])
    if name in ("_softmax", "_safe_softmax", "_log_softmax"):
        return values.amax(dim=args[1], keepdim=True).expand_as(values).clone()
    if name == "native_layer_norm":
        compared = tuple(range(-len(args[1]), 0))
        return values.amax(dim=compared, keepdim=True).expand_as(values).clone()
    if name == "native_group_norm":
        grouped = values.unflatten(1, (args[6], -1))  # (4, groups, C / groups, ...)
        return grouped.amax(dim=tuple(range(2, grouped.dim())), keepdim=True).expand_as(grouped).flatten(1, 2)
    if name == "avg_pool2d":
        return _average_pooling(*args)
    if name == "max_pool2d_with_indices":
        return max_pool2d(*args)
    if name in ("_adaptive_avg_pool2d", "adaptive_max_pool2d"):
        return adaptive_max_pool2d(*args)
    return None


def _convolution(maps: Tensor, weight: Tensor, _bias, stride, padding, dilation, _transposed, _output, groups: int):
    """(4, C, h, w) -> (4, C', h', w'): the largest under the window, of all channels of the group."""
    largest = maps.unflatten(1, (groups, -1)).amax(dim=2)  # (4, groups, h, w)
    largest = pad(largest, [side for length in reversed(padding) for side in (length, length)])
    return max_pool2d(largest, weight.shape[2:], stride, 0, dilation).repeat_interleave(len(weight) // groups, dim=1)


def _average_pooling(maps: Tensor, kernel, stride=(), padding=0, ceil_mode=False, *_) -> Tensor:
    return max_pool2d(maps, kernel, stride or None, padding, ceil_mode=ceil_mode)
