"""Sums over the positions of a layer, and their gradients for pictures of any size, added up tile by tile.

With a (N, C, h, w) what the layer gives, and b (C, K) what it gives at the K positions of a guide picture,

    1/2 ||a||^2                                   of all channels: the square of `core.objectives.layer_objective`
    sum over ij of a_cij                          of chosen channels: their mean, times the number of positions
    sum over ij of max over k of  a_ij . b_k      with a guide

A sum over positions is the sum over tiles of the picture, but for what lies near their borders. So memory does not
grow with the picture.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import chunk_length, to_network
from core.objectives import layer_output

SMALLEST_TILE = 256  # pixels: one at the edge of the picture may be a third of it
GRID = 32  # pixels: tiles start at its multiples, where no stride of the network falls out of step
MOST_PRODUCTS = 2**24  # dot products with a guide held at a time

Score = Callable[[Tensor], Tensor]  # pictures (N, 3, H, W) -> (N,)


def position_sum(model: nn.Module, layer: str, *, channels: Sequence[int] | None = None, guide: Tensor | None = None):
    """A function: pictures (N, 3, H, W) -> (N,), to be called within `core.gradients.measuring`.

    channels: of the layer, all if None. guide: (1, 3, H', W'). Raises UsageError for an unknown layer at once, and
    for a channel that it has not, or a layer that gives no map, when pictures are there.
    """
    output = layer_output(model, layer)

    def activations(pictures: Tensor) -> Tensor:
        maps = output(pictures)
        if maps.dim() != 4:
            raise UsageError(f"layer: '{layer}' gives shape {tuple(maps.shape)}, not a map; choose another")
        wrong = [channel for channel in channels or () if not 0 <= channel < maps.shape[1]]
        if wrong:
            raise UsageError(f"channels: '{layer}' has no channel {wrong[0]}; allowed are 0 to {maps.shape[1] - 1}")
        return maps if channels is None else maps[:, list(channels)]

    if guide is not None:
        with torch.no_grad():
            seen = activations(to_network(model, guide))[0].flatten(1)  # (C, K)
        return lambda pictures: _likeness(activations(pictures), seen)
    if channels is not None:
        return lambda pictures: activations(pictures).sum(dim=(1, 2, 3))
    return lambda pictures: activations(pictures).square().sum(dim=(1, 2, 3)) / 2


def _likeness(maps: Tensor, seen: Tensor) -> Tensor:
    """maps (N, C, h, w), seen (C, K) -> sum over positions of the largest dot product with a column of `seen`, (N,)."""
    cells = maps.flatten(2).transpose(1, 2)  # (N, P, C)
    with torch.no_grad():
        parts = cells.split(max(1, MOST_PRODUCTS // (len(cells) * seen.shape[1])), dim=1)
        best = torch.cat([(part @ seen).argmax(dim=2) for part in parts], dim=1)  # (N, P)
    return (cells * seen.T[best]).sum(dim=(1, 2))


def tiled_gradient(
    score: Score, images: Tensor, *, tile: int, shift: Sequence[float] = (0, 0)
) -> tuple[Tensor, Tensor]:
    """The score of each image (N,), and its gradient (N, 3, H, W), computed tile by tile and added up.

    Where no receptive field crosses a border between tiles, it is the gradient of the whole picture. shift: how far
    the borders lie off an even division, down and right, -0.25 to 0.25 of a tile: move them, and no seam is seen.
    """
    if tile < SMALLEST_TILE:
        raise UsageError(f"tile: {tile} pixels are too few; at least {SMALLEST_TILE} are needed")
    values, gradient = images.new_zeros(len(images)), torch.zeros_like(images)
    rows, columns = (_spans(length, tile, off) for length, off in zip(images.shape[2:], shift, strict=True))
    for row in rows:
        for column in columns:
            pieces = images[:, :, row, column]
            for chosen in torch.arange(len(images)).split(chunk_length(pieces)):
                piece = pieces[chosen].detach().requires_grad_(True)
                value = score(piece)
                values[chosen] += value.detach()
                gradient[chosen, :, row, column] = torch.autograd.grad(value.sum(), piece)[0]
    return values, gradient


def tiled_score(score: Score, images: Tensor, *, tile: int) -> Tensor:
    """The score of each image alone, (N,), without a gradient."""
    rows, columns = (_spans(length, tile, 0) for length in images.shape[2:])
    with torch.no_grad():
        return sum(score(images[:, :, row, column]) for row in rows for column in columns)


def _spans(length: int, tile: int, shift: float) -> list[slice]:
    """Cut a side into the fewest tiles, their borders moved by a share of one and laid on the grid."""
    count = -(-length // tile)
    borders = [GRID * round((index + shift) * length / count / GRID) for index in range(1, count)]
    return [slice(start, end) for start, end in zip([0, *borders], [*borders, length], strict=True)]
