"""What a layer gives, as maps (N, K, h, w), in whatever order its network counts channels and places.

    (N, K, h, w)  convolutions      (N, h, w, K)  Swin's and ConvNeXt's blocks      (N, T, K)  tokens of a transformer

Which of these it is, and which tokens are which patches, is asked of the network, never guessed from the sizes.
"""

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import Tensor, nn

from core.activations import record_activations, recorded_output
from core.errors import UsageError
from core.passes import check_finite, run_network
from core.tokens import TokenGrid, token_grid


class MapsOf:
    """A function: what the layer gives for images (N, 3, H, W) -> the same as maps (N, K, h, w), a view of it.

    How the layer counts is found when the first output comes, and kept. Raises UsageError, with the shape, for an
    output that has no places, or whose channels cannot be told from its places.
    """

    def __init__(self, model: nn.Module, layer: str) -> None:
        self.model, self.layer = model, layer
        self._axis: int | None = None  # that counts channels
        self._grids: dict[tuple[int, ...], TokenGrid] = {}  # for each number of tokens and size of pictures

    def __call__(self, output: Tensor, images: Tensor) -> Tensor:
        if output.dim() == 3:
            return self._patches(output, images)
        if self._axis is None:
            self._axis = channel_axis(self.model, self.layer, output, images)
        return output if self._axis == 1 else output.permute(0, 3, 1, 2)

    def _patches(self, tokens: Tensor, images: Tensor) -> Tensor:
        """Tokens (N, T, K) -> those of the patches, where they are in the picture, (N, K, h, w)."""
        kind = (tokens.shape[1], *images.shape[2:])
        if kind not in self._grids:
            self._grids[kind] = token_grid(self.model, images, self.layer)
        rows, columns, first = self._grids[kind]
        return tokens[:, first : first + rows * columns].transpose(1, 2).unflatten(2, (rows, columns))

    def recorded(self, recorded: dict[str, Tensor], images: Tensor) -> Tensor:
        """What was recorded of the layer for the images, in their type; WorkError where it is not finite."""
        output = check_finite(recorded_output(recorded, self.layer), f"what its layer '{self.layer}' gives")
        return self(output, images).to(images.dtype)


def channel_axis(model: nn.Module, layer: str, output: Tensor, images: Tensor) -> int:
    """Which axis of what the layer gives for the images (N, 3, H, W) counts channels: 1 or 3.

    Of a square picture h = w. Where that leaves it open, the network tells: a taller picture makes only h longer, a
    wider one only w. Raises UsageError for what has no places, or hides them.
    """
    shape = tuple(output.shape)
    if len(shape) != 4:
        words = f"gives shape {shape}, not maps (N, K, h, w)"
        raise UsageError(f"layer: '{layer}' {words}; choose one before the places are flattened or pooled")
    if len(output) != len(images) or _is_attention(output):
        what = "weights of attention" if len(output) == len(images) else "parts of pictures"
        words = f"gives shape {shape}, {what}, not maps (N, K, h, w)"
        raise UsageError(f"layer: '{layer}' {words}; choose the block that it is in")
    side, square = min(images.shape[2:]), shape
    if images.shape[2] != images.shape[3]:
        square = _shape_for(model, layer, images, side, side) or shape
    if square[2] == square[3] != square[1]:
        return 1
    tall = _grown(square, _shape_for(model, layer, images, 2 * side, side))
    if square[1] == square[2] != square[3] and tall in (None, {1}):
        return 3
    wide = _grown(square, _shape_for(model, layer, images, side, 2 * side))
    if (tall, wide) in (({2}, {3}), (set(), set())):  # nothing grows where maps are pooled to a grid: (N, K, h, w)
        return 1
    if (tall, wide) == ({1}, {2}):
        return 3
    if (tall, wide) == (None, None) and images.shape[2] != images.shape[3] and shape[1] != shape[2]:
        return 1  # a network of this one size, not square: nothing can be asked, and most count so
    words = f"gives shape {shape}, whose channels cannot be told from its places"
    raise UsageError(f"layer: '{layer}' {words}; choose another")


def _is_attention(output: Tensor) -> bool:
    """Whether it says how much each token reads of each, (N, heads, T, T): shares that add up to 1."""
    if output.shape[2] != output.shape[3] or output.shape[3] == 1:
        return False
    sums = output.detach().float().sum(dim=-1)
    return bool(((sums - 1).abs() < 1e-2).all() and (output >= 0).all())


def _grown(shape: Sequence[int], other: Sequence[int] | None) -> set[int] | None:
    """The axes at which the other shape differs; None if there is none."""
    return other and {axis for axis in (1, 2, 3) if shape[axis] != other[axis]}


def _shape_for(model: nn.Module, layer: str, images: Tensor, height: int, width: int) -> Sequence[int] | None:
    """The shape of what the layer gives for a picture of another size; None where the network takes no other.

    A network that takes one size alone mostly says so at its end, after the layer.
    """
    with record_activations(model, [layer]) as recorded, torch.no_grad(), suppress(UsageError):
        run_network(model, images.new_zeros(1, images.shape[1], height, width))
    return tuple(recorded[layer].shape) if layer in recorded else None
