"""What does the score lose when a window of the picture is changed? Computed only where the change reaches.

A small window changes a few cells of the next layer, some more of the one after it, and so on: on SqueezeNet, 15
pixels change squares up to 9, 6, 8, 10, 6, 8, 10, 6, 8, 10, 12 and 14 cells wide, fewer at a border. All other cells
stay as they are in the untouched picture, which is computed once and remembered. So each stage of the network is
given one small tile a window: the changed square, and around it the remembered cells that it looks at. The score
is the mean of relu(M_y), M_y the class map; it loses what the changed cells of that map lose.

Windows are computed some at a time, those together that change about as many cells, as squares of one size: the
smallest that holds what any of them changes, moved inside where it would stick out of the layer.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, pad
from torchvision.models.squeezenet import Fire, SqueezeNet

from core.gradients import chunk_length, class_map_layer, label_scores
from core.inputs import precise
from core.measuring import forward_of, is_hooked
from core.passes import home_of

WINDOWS = 24  # at a time: enough to keep the cores busy, few enough that their squares are alike and stay in the cache


class Stage(NamedTuple):
    """A layer that looks at neighbouring cells, and the layers behind it that look at single cells."""

    layers: list[Callable[[Tensor], Tensor]]  # the first takes cells with their border, and adds none
    kernel: int
    stride: int = 1
    padding: int = 0
    border: float = 0.0  # the value of the cells beyond the edge
    round_up: bool = False  # pooling's ceil_mode

    def __call__(self, tiles: Tensor) -> Tensor:
        for layer in self.layers:
            tiles = layer(tiles)
        return tiles

    def count(self, size: int) -> int:
        """How many cells it makes of `size` cells in a row."""
        whole, rest = divmod(size + 2 * self.padding - self.kernel, self.stride)
        return whole + 1 + (self.round_up and rest > 0)

    def extent(self, count: int) -> int:
        """How many cells in a row, border included, it needs to make `count`."""
        return (count - 1) * self.stride + self.kernel


class Span(NamedTuple):
    """Along one axis, the squares' cells: start[b] to start[b] + length for window b."""

    start: Tensor  # (B,)
    length: int

    def cells(self) -> Tensor:
        """Their positions, (B, length)."""
        return self.start[:, None] + torch.arange(self.length)


class Axis(NamedTuple):
    """Along one axis, the cells of the picture, row 0, and of what each of S stages makes, that P windows change."""

    first: Tensor  # (S + 1, P)
    last: Tensor  # (S + 1, P)
    sizes: Tensor  # (S + 1, 1), how many cells there are

    def squares(self, windows: Tensor) -> list[Span]:
        """For these windows (B,): spans of one length that hold all that changes, and lie inside; S + 1 of them."""
        first, last = self.first[:, windows], self.last[:, windows]
        lengths = (last - first).amax(dim=1, keepdim=True) + 1
        starts = torch.minimum(first, self.sizes - lengths)
        return [Span(*span) for span in zip(starts, lengths.flatten().tolist(), strict=True)]


class Memory(NamedTuple):
    """What a stage saw of the untouched picture, as a list of cells, and room behind it for the changed squares."""

    cells: Tensor  # (height * width + room, C)
    height: int  # border included
    width: int


def window_drops(
    model: nn.Module, image: Tensor, other: Tensor, label: Tensor, rows: Tensor, columns: Tensor, size: int
) -> Tensor:
    """score_y(image) - score_y(image with a window of `other` in it), for each window, (P,).

    image, other (3, H, W); label (1,); rows, columns (P,), on the CPU: where the windows of size x size pixels start.
    What sticks out of the picture is cut off. Call it within `measuring` and without gradients.
    """
    if not len(rows):
        return image.new_zeros(0)
    score = label_scores(model, image[None], label)  # (1,)
    # Tiles are computed in the picture's type, which is not that of a network in half precision.
    stages = _stages(model, int(label)) if home_of(model, image).dtype == image.dtype else None
    if stages is not None:
        down, right = (_follow(stages, x, size, edge) for x, edge in zip((rows, columns), image.shape[1:], strict=True))
        together = min(WINDOWS, chunk_length(image[:, :size, :size]))
        own = home_of(model, image).dtype  # a pass runs in the network's own type
        seen, cover = image.to(own), other.to(own)
        memories, class_map = _remember(stages, seen, down, right, together)
        # A network with a forward pass of its own is more than its layers: nothing can be left out then.
        if torch.allclose(precise(class_map).relu().mean(), score, rtol=1e-3):
            drops = image.new_zeros(len(rows))
            for windows in _alike(down, right).split(together):
                spans = list(zip(down.squares(windows), right.squares(windows), strict=True))
                squares = _cover(seen, cover, down, right, windows, spans[0])
                drops[windows] = _fast_drops(stages, memories, class_map, squares, spans)
            return drops
    parts = zip(rows.split(chunk_length(image)), columns.split(chunk_length(image)), strict=True)
    return score - torch.cat([full_scores(model, image, other, label, *part, size) for part in parts])


def full_scores(model, image, other, label, rows: Tensor, columns: Tensor, size: int) -> Tensor:
    """The scores with the windows covered by full forward passes, for any network: (B,)."""
    down, right = (torch.arange(edge) for edge in image.shape[1:])
    inside = _inside(down - rows[:, None], right - columns[:, None], size, size)  # (B, H, W)
    covered = torch.where(inside[:, None].to(image.device), other, image)  # (B, 3, H, W)
    return label_scores(model, covered, label.expand(len(rows)))


def _stages(model: nn.Module, label: int) -> list[Stage] | None:
    """SqueezeNet as stages, from the picture to the class map of the label; None for other networks."""
    head = class_map_layer(model)
    if forward_of(model) is not SqueezeNet.forward or head is None or is_hooked(*model.modules()):
        return None
    stages = []
    for module in model.features:
        if type(module) is nn.Conv2d and _is_square(module):
            kernel, stride, padding = module.kernel_size[0], module.stride[0], module.padding[0]
            stages.append(Stage([_borderless(module)], kernel, stride, padding))
        elif type(module) is nn.ReLU:
            stages[-1].layers.append(torch.relu)
        elif type(module) is nn.MaxPool2d and _is_square(module):
            kernel, stride, padding = module.kernel_size, module.stride, module.padding
            pool = _pooling(kernel, stride)
            stages.append(Stage([pool], kernel, stride, padding, -torch.inf, module.ceil_mode))
        elif type(module) is Fire and _is_square(module.expand3x3):
            stages[-1].layers.append(_squeeze(module))
            stages.append(Stage([_expand(module)], kernel=3, padding=1))
        else:
            return None
    stages[-1].layers.append(_row(model.get_submodule(head), label))
    return stages


def _is_square(module: nn.Module) -> bool:
    """Whether a layer looks at squares as torchvision's do: the owner may have put another one in its place."""
    numbers = (module.kernel_size, module.stride, module.padding)
    if type(module) is nn.MaxPool2d:
        return all(type(each) is int for each in numbers) and module.dilation == 1 and not module.return_indices
    plain = (getattr(module, "dilation", 0), getattr(module, "groups", 0), getattr(module, "padding_mode", ""))
    alike = all(type(each) is tuple and len(set(each)) == 1 for each in numbers)
    return type(module) is nn.Conv2d and alike and plain == ((1, 1), 1, "zeros")


def _borderless(convolution: nn.Conv2d) -> Callable[[Tensor], Tensor]:
    return lambda tiles: conv2d(tiles, convolution.weight, convolution.bias, convolution.stride)


def _pooling(kernel: int, stride: int) -> Callable[[Tensor], Tensor]:
    return lambda tiles: max_pool2d(tiles, kernel, stride)


def _squeeze(fire: Fire) -> Callable[[Tensor], Tensor]:
    return lambda tiles: fire.squeeze(tiles).relu_()


def _expand(fire: Fire) -> Callable[[Tensor], Tensor]:
    """Both halves of a Fire module, 1 x 1 and 3 x 3, side by side in the channels."""
    wide = _borderless(fire.expand3x3)
    return lambda tiles: torch.cat([fire.expand1x1(tiles[:, :, 1:-1, 1:-1]), wide(tiles)], dim=1).relu_()


def _row(convolution: nn.Conv2d, label: int) -> Callable[[Tensor], Tensor]:
    """The class map of one class alone."""
    bias = None if convolution.bias is None else convolution.bias[label : label + 1]
    return lambda tiles: conv2d(tiles, convolution.weight[label : label + 1], bias)


def _follow(stages: list[Stage], start: Tensor, size: int, edge: int) -> Axis:
    """Along an axis of `edge` pixels, what windows of `size` pixels from start (P,) change, stage by stage."""
    first, last, sizes = [start], [(start + size).clamp(max=edge) - 1], [edge]
    for stage in stages:
        sizes.append(stage.count(sizes[-1]))
        # A cell sees `kernel` cells from cell * stride - padding on; the first to see a change sees it last.
        first.append(((first[-1] + stage.padding - stage.kernel) // stage.stride + 1).clamp(0, sizes[-1] - 1))
        last.append(((last[-1] + stage.padding) // stage.stride).clamp(max=sizes[-1] - 1).maximum(first[-1]))
    return Axis(torch.stack(first), torch.stack(last), torch.tensor(sizes)[:, None])


def _alike(down: Axis, right: Axis) -> Tensor:
    """The windows, (P,), in an order in which neighbours change about as many cells of the class map."""
    heights, widths = (axis.last[-1] - axis.first[-1] for axis in (down, right))
    return (heights * right.sizes[-1] + widths).argsort(stable=True)


def _remember(
    stages: list[Stage], image: Tensor, down: Axis, right: Axis, together: int
) -> tuple[list[Memory], Tensor]:
    """Pass the untouched picture (3, H, W) through the stages: what each of them saw, and the class map (h, w)."""
    memories = []
    largest = list(zip(*(((axis.last - axis.first).amax(dim=1) + 1).tolist() for axis in (down, right)), strict=True))
    seen = image[None].contiguous(memory_format=torch.channels_last)
    for stage, (height, width) in zip(stages, largest[:-1], strict=True):
        edges = []
        for length in seen.shape[:1:-1]:  # `pad` wants the last axis first
            needed = stage.extent(stage.count(length))  # may be less than there is: what no cell sees is cut off
            edges += [stage.padding, needed - stage.padding - length]
        seen = pad(seen, edges, value=stage.border)
        cells = seen[0].permute(1, 2, 0).flatten(0, 1)  # (height * width, C)
        room = cells.new_empty(together * height * width, cells.shape[1])
        memories.append(Memory(torch.cat([cells, room]), *seen.shape[2:]))
        seen = stage(seen)
    return memories, seen[0, 0]


def _cover(image: Tensor, other: Tensor, down: Axis, right: Axis, windows: Tensor, spans: tuple[Span, Span]) -> Tensor:
    """The picture's squares with the windows covered, (B, 3, h, w). A square holds its window, and maybe more."""
    corners = [axis.first[0, windows, None] for axis in (down, right)]  # (B, 1)
    sizes = [axis.last[0, windows, None] - corner + 1 for axis, corner in zip((down, right), corners, strict=True)]
    within = [span.cells() - corner for span, corner in zip(spans, corners, strict=True)]
    inside = _inside(*within, *sizes).to(image.device)
    return torch.where(inside, _cut(other, *spans), _cut(image, *spans)).transpose(0, 1)


def _fast_drops(stages, memories, class_map: Tensor, squares: Tensor, spans: list[tuple[Span, Span]]) -> Tensor:
    """The drops by tiles, (B,). squares (B, 3, h, w): the covered picture's; spans: where they lie at each stage."""
    for stage, memory, (changed, wanted) in zip(stages, memories, pairwise(spans), strict=True):
        squares = stage(_tiles(stage, memory, squares, changed, wanted))
    before, after = precise(_cut(class_map, *spans[-1])), precise(squares[:, 0])  # (B, h, w)
    return (before.relu() - after.relu()).sum(dim=(1, 2)) / class_map.numel()


def _tiles(
    stage: Stage, memory: Memory, squares: Tensor, changed: tuple[Span, Span], wanted: tuple[Span, Span]
) -> Tensor:
    """All that the stage looks at, border included, to make the wanted cells: (B, C, h, w).

    squares (B, C, h', w'): the changed cells. Each cell of a tile is either a remembered one or a changed one; the
    changed ones are put behind the remembered ones, so that one index tells where each cell is found.
    """
    height, width = squares.shape[2:]
    cells = squares.permute(0, 2, 3, 1).flatten(0, 2)  # (B * h' * w', C)
    remembered = memory.height * memory.width
    memory.cells[remembered : remembered + len(cells)] = cells
    # Rows (B, h) and columns (B, w) of the tile, first in the remembered plane, then from the corner of the square.
    down, right = (Span(span.start * stage.stride, stage.extent(span.length)).cells() for span in wanted)
    below, beside = (
        place - stage.padding - span.start[:, None] for place, span in zip((down, right), changed, strict=True)
    )
    old = down[:, :, None] * memory.width + right[:, None, :]  # (B, h, w)
    corner = remembered + torch.arange(len(squares))[:, None, None] * (height * width)
    new = corner + below[:, :, None] * width + beside[:, None, :]
    index = torch.where(_inside(below, beside, height, width), new, old)
    tiles = memory.cells.index_select(0, index.flatten().to(squares.device))
    return tiles.view(*index.shape, -1).permute(0, 3, 1, 2)  # channels last, which convolutions like best


def _cut(maps: Tensor, down: Span, right: Span) -> Tensor:
    """The squares out of maps (..., H, W): (..., B, h, w)."""
    return maps[..., down.cells()[:, :, None], right.cells()[:, None, :]]


def _inside(down: Tensor, right: Tensor, height: int | Tensor, width: int | Tensor) -> Tensor:
    """Which cells, `down` (B, h) and `right` (B, w) from a rectangle's corner, lie in it: bool (B, h, w).

    Its height and width: one for all, or (B, 1).
    """
    rows, columns = ((place >= 0) & (place < length) for place, length in ((down, height), (right, width)))
    return rows[:, :, None] & columns[:, None, :]
