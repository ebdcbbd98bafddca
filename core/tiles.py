"""Sums over the positions of a layer, and their gradients for pictures of any size, added up tile by tile.

With a (N, C, h, w) what the layer gives, and b (C, K) what it gives at the K positions of a guide picture,

    1/2 ||a||^2                                   of all channels: the square of `core.objectives.layer_objective`
    sum over ij of a_cij                          of chosen channels: their mean, times the number of positions
    sum over ij of max over k of  a_ij . b_k      with a guide

A sum over positions is the sum over tiles of the picture, but for what lies near their borders. So memory does not
grow with the picture.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import chunk_length, to_network
from core.objectives import layer_output
from core.passes import gradients_of

SMALLEST_TILE = 256  # pixels: one at the edge of the picture may be a third of it
GRID = 32  # pixels: tiles start at its multiples, where no stride of the network falls out of step
MOST_PRODUCTS = 2**24  # dot products with a guide held at a time

Score = Callable[[Tensor], Tensor]  # pictures (N, 3, H, W) -> (N,)


def position_sum(
    model: nn.Module, layer: str, *, channels: Sequence[int] | None = None, guide: Tensor | None = None
) -> Score:
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
    rows, columns = (tile_spans(length, tile, off) for length, off in zip(images.shape[2:], shift, strict=True))
    for row in rows:
        for column in columns:
            pieces = images[:, :, row, column]
            for chosen in torch.arange(len(images)).split(chunk_length(pieces)):
                piece = pieces[chosen].detach().requires_grad_(True)
                value = score(piece)
                values[chosen] += value.detach()
                gradient[chosen, :, row, column] = gradients_of(value.sum(), [piece])[0]
    return values, gradient


def tiled_score(score: Score, images: Tensor, *, tile: int) -> Tensor:
    """The score of each image alone, (N,), without a gradient."""
    rows, columns = (tile_spans(length, tile, 0) for length in images.shape[2:])
    with torch.no_grad():
        return sum(score(images[:, :, row, column]) for row in rows for column in columns)


def tile_spans(length: int, tile: int, shift: float) -> list[slice]:
    """Cut a side into the fewest tiles, their borders moved by a share of one and laid on the grid."""
    count = -(-length // tile)
    borders = [GRID * round((index + shift) * length / count / GRID) for index in range(1, count)]
    return [slice(start, end) for start, end in zip([0, *borders], [*borders, length], strict=True)]


class CellGeometry(NamedTuple):
    """How a layer's cells lie on the pixels of either side: cell i sees i * stride - before to i * stride + after."""

    stride: int
    before: int
    after: int
    windows: tuple[tuple[int, int, int, bool], ...]  # kernel, stride, padding and whether it rounds up, of each module

    def count(self, length: int) -> int:
        """Cells along a side of so many pixels."""
        for kernel, stride, padding, rounds_up in self.windows:
            whole, rest = divmod(length + 2 * padding - kernel, stride)
            length = whole + 1 + (rounds_up and rest > 0)
        return length

    def missing(self, length: int) -> int:
        """Pixels that a side lacks for the first module's windows to see it to its end."""
        kernel, stride, padding, rounds_up = self.windows[0]
        return 0 if rounds_up else (kernel - length - 2 * padding) % stride


def cell_geometry(features: nn.Sequential, layer: int) -> CellGeometry:
    """Of a sequence's module at index `layer`. Of the branches of a Fire module the widest is what counts."""
    stride, before, after, windows = 1, 0, 0, []
    for module in features[: layer + 1].modules():
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
            kernel, step, padding = (
                value if isinstance(value, int) else value[0]
                for value in (module.kernel_size, module.stride, module.padding)
            )
            before += padding * stride
            after += (kernel - 1 - padding) * stride
            stride *= step
            windows.append((kernel, step, padding, getattr(module, "ceil_mode", False)))
    return CellGeometry(stride, before, after, tuple(windows))


class Tile(NamedTuple):
    """Part of a picture: the pixels [top:bottom, left:right] and, within them, those whose cells are its own."""

    rows: slice  # of the pixels to compute
    columns: slice
    own_rows: slice  # without the overlap; a stop of None is the picture's end
    own_columns: slice

    @property
    def pixels(self) -> tuple:
        """Index of a picture (1, 3, H, W)."""
        return (..., self.rows, self.columns)

    def own(self, geometry: CellGeometry) -> tuple[slice, ...]:
        """Index of the layer's cells (1, C, h, w) of the whole picture."""
        return (slice(None), slice(None), *(_cells(own, geometry.stride, 0) for own in self[2:]))

    def inside(self, geometry: CellGeometry) -> tuple[slice, ...]:
        """Index of the same cells among those of the tile."""
        offsets = (self.rows.start, self.columns.start)
        return (
            slice(None),
            slice(None),
            *(_cells(own, geometry.stride, off) for own, off in zip(self[2:], offsets, strict=True)),
        )


def _cells(own: slice, stride: int, offset: int) -> slice:
    return slice((own.start - offset) // stride, None if own.stop is None else (own.stop - offset) // stride)


def overlapping_tiles(size: Sequence[int], tile: int | None, reach: tuple[int, int]) -> list[Tile]:
    """Cut a picture of size (H, W) into tiles of at most about `tile` pixels that share no cell; None: into one.

    reach: how many pixels a cell sees before and after its own. Each tile has as many more on either side.
    """
    if tile is not None and tile < SMALLEST_TILE:
        raise UsageError(f"tile: {tile} pixels are too few; at least {SMALLEST_TILE} are needed")
    before, after = -(-reach[0] // GRID) * GRID, reach[1] + 1
    sides = []
    for length in size:
        spans = tile_spans(length, tile or length, 0)
        pieces = [slice(max(0, span.start - before), min(length, span.stop + after)) for span in spans]
        owns = [slice(span.start, None if span.stop == length else span.stop) for span in spans]
        sides.append(list(zip(pieces, owns, strict=True)))
    return [
        Tile(rows, columns, own_rows, own_columns) for rows, own_rows in sides[0] for columns, own_columns in sides[1]
    ]
