"""What does the score lose when a window of the picture is changed? Computed only where the change reaches.

A small window touches a few cells of the next layer, a few more of the one after it, and so on: with 15 pixels,
squares 9, 6, 8, 10, 6, 8, 10, 6, 8, 10, 12 and 14 wide on SqueezeNet. All other cells stay as they are in the
untouched picture, which is computed once and remembered. So for many windows at a time each stage of the
network sees one small tile a window: the changed square, and around it the remembered cells it needs.
The score is the mean of relu(M_y), M_y the class map, and loses what the changed cells of that map lose.

Squares have one size for all windows of a stage; one that would stick out of the layer is moved inside.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, max_pool2d, pad
from torchvision.models.squeezenet import Fire, SqueezeNet

from core.gradients import chunk_length, class_map_layer, label_scores

WINDOWS = 24  # at a time; the cores are busy from 16 on, and above 28 memory is too large to stay warm


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
    """Along one axis, the cells that may have changed: start[b] to start[b] + length for window b."""

    start: Tensor  # (B,)
    length: int


class Memory(NamedTuple):
    """What a stage saw of the untouched picture, as a list of cells, and room behind it for the changed squares."""

    cells: Tensor  # (height * width + room, C)
    height: int  # border included
    width: int
    made: tuple[int, int]  # the size of what the stage made of it


def window_drops(
    model: nn.Module, image: Tensor, other: Tensor, label: Tensor, rows: Tensor, columns: Tensor, size: int
) -> Tensor:
    """score_y(image) - score_y(image with a window of `other` in it), for each window, (P,).

    image, other (3, H, W); label (1,); rows, columns (P,): where the windows of size x size pixels start. What
    sticks out of the picture is cut off. Call it within `measuring` and without gradients.
    """
    stages = _stages(model, int(label))
    length = min(WINDOWS, chunk_length(image[:, :size, :size]))
    if stages is not None:
        memories, class_map = _remember(stages, image, size, length)
        # Hooks, or a forward pass of its own, make a network more than its layers: then nothing can be left out.
        if torch.allclose(class_map.relu().mean(), label_scores(model, image[None], label), rtol=1e-4):
            parts = zip(rows.split(length), columns.split(length), strict=True)
            drops = [_fast_drops(stages, memories, class_map, image, other, *part, size) for part in parts]
            return torch.cat(drops)
    parts = zip(rows.split(chunk_length(image)), columns.split(chunk_length(image)), strict=True)
    return torch.cat([_full_drops(model, image, other, label, *part, size) for part in parts])


def _full_drops(model, image, other, label, rows: Tensor, columns: Tensor, size: int) -> Tensor:
    """By full forward passes, for any network: (B,)."""
    down, right = (torch.arange(length, device=image.device) for length in image.shape[1:])
    inside = _inside(down - rows[:, None], right - columns[:, None], (size, size))  # (B, H, W)
    scores = label_scores(model, torch.where(inside[:, None], other, image), label.expand(len(rows)))
    return label_scores(model, image[None], label) - scores


def _stages(model: nn.Module, label: int) -> list[Stage] | None:
    """SqueezeNet as stages, from the picture to the class map of the label; None for other networks."""
    head = class_map_layer(model)
    if not isinstance(model, SqueezeNet) or head is None:
        return None
    stages = []
    for module in model.features:
        if isinstance(module, nn.Conv2d):
            kernel, stride, padding = module.kernel_size[0], module.stride[0], module.padding[0]
            stages.append(Stage([_borderless(module)], kernel, stride, padding))
        elif isinstance(module, nn.ReLU):
            stages[-1].layers.append(torch.relu)
        elif isinstance(module, nn.MaxPool2d):
            kernel, stride, padding = module.kernel_size, module.stride, module.padding
            pool = _pooling(kernel, stride)
            stages.append(Stage([pool], kernel, stride, padding, -torch.inf, module.ceil_mode))
        elif isinstance(module, Fire):
            stages[-1].layers.append(_squeeze(module))
            stages.append(Stage([_expand(module)], kernel=3, padding=1))
        else:
            return None
    stages[-1].layers.append(_row(model.get_submodule(head), label))
    return stages


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


def _remember(stages: list[Stage], image: Tensor, size: int, windows: int) -> tuple[list[Memory], Tensor]:
    """Pass the untouched picture (3, H, W) through the stages; what each saw, and the class map (h, w)."""
    memories = []
    lengths = (size, size)
    seen = image[None].contiguous(memory_format=torch.channels_last)
    for stage in stages:
        made = tuple(stage.count(length) for length in seen.shape[2:])
        edges = []
        for length, count in zip(seen.shape[:1:-1], made[::-1], strict=True):  # `pad` wants the last axis first
            edges += [stage.padding, stage.extent(count) - stage.padding - length]  # cells that nothing sees go
        seen = pad(seen, edges, value=stage.border)
        cells = seen[0].permute(1, 2, 0).flatten(0, 1)  # (height * width, C)
        room = cells.new_empty(windows * lengths[0] * lengths[1], cells.shape[1])
        memories.append(Memory(torch.cat([cells, room]), *seen.shape[2:], made))
        lengths = tuple(_reached(stage, *pair) for pair in zip(lengths, made, strict=True))
        seen = stage(seen)
    return memories, seen[0, 0]


def _fast_drops(stages, memories, class_map: Tensor, image, other, rows: Tensor, columns: Tensor, size: int) -> Tensor:
    """For as many windows as there is room for: (B,)."""
    down, right = (
        Span(start.clamp(max=length - size), size)
        for start, length in zip((rows, columns), image.shape[1:], strict=True)
    )
    squares = _cut(torch.stack([image, other]), down, right)  # (2, 3, B, size, size)
    inside = _inside(_cells(down) - rows[:, None], _cells(right) - columns[:, None], (size, size))  # (B, size, size)
    squares = torch.where(inside, squares[1], squares[0]).transpose(0, 1)  # (B, 3, size, size)
    for stage, memory in zip(stages, memories, strict=True):
        next_down, next_right = (
            _reach(stage, span, count) for span, count in zip((down, right), memory.made, strict=True)
        )
        squares = stage(_tiles(stage, memory, squares, (down, right), (next_down, next_right)))
        down, right = next_down, next_right
    before = _cut(class_map, down, right)  # (B, h', w')
    return (before.relu() - squares[:, 0].relu()).sum(dim=(1, 2)) / class_map.numel()


def _reached(stage: Stage, length: int, made: int) -> int:
    """The most of the `made` cells in a row that see any of `length` neighbouring ones."""
    return min(made, (length + stage.kernel - 2) // stage.stride + 1)


def _reach(stage: Stage, changed: Span, made: int) -> Span:
    """The cells that see any of the changed ones; the first is the one whose last input is no earlier."""
    length = _reached(stage, changed.length, made)
    first = (changed.start + stage.padding - stage.kernel) // stage.stride + 1
    return Span(first.clamp(0, made - length), length)


def _tiles(stage: Stage, memory: Memory, squares: Tensor, changed: tuple[Span, Span], wanted: tuple[Span, Span]):
    """All that the stage needs to see, border included, to make the wanted cells: (B, C, h, w).

    squares (B, C, h', w'): the changed cells. Of each cell of a tile the index says where in the memory it lies:
    among the remembered ones, or among the changed ones, which are put behind them.
    """
    batch, _, height, width = squares.shape
    changed_cells = squares.permute(0, 2, 3, 1).flatten(0, 2)  # (B * h' * w', C)
    remembered = memory.height * memory.width
    memory.cells[remembered : remembered + len(changed_cells)] = changed_cells
    places = [
        (span.start * stage.stride)[:, None] + torch.arange(stage.extent(span.length), device=squares.device)
        for span in wanted
    ]  # (B, h) and (B, w): rows and columns of the remembered plane
    within = [
        place - stage.padding - span.start[:, None] for place, span in zip(places, changed, strict=True)
    ]  # the same, counted from the square's corner
    old = places[0][:, :, None] * memory.width + places[1][:, None, :]  # (B, h, w)
    corners = remembered + torch.arange(batch, device=squares.device).view(-1, 1, 1) * (height * width)
    new = corners + within[0][:, :, None] * width + within[1][:, None, :]
    index = torch.where(_inside(*within, (height, width)), new, old)
    tiles = memory.cells.index_select(0, index.flatten()).view(*index.shape, -1)  # (B, h, w, C)
    return tiles.permute(0, 3, 1, 2)  # channels last, which convolutions like best


def _cells(span: Span) -> Tensor:
    """The positions of the cells of a span, (B, length)."""
    return span.start[:, None] + torch.arange(span.length, device=span.start.device)


def _cut(maps: Tensor, down: Span, right: Span) -> Tensor:
    """The squares of the spans out of maps (..., H, W): (..., B, h, w)."""
    return maps[..., _cells(down)[:, :, None], _cells(right)[:, None, :]]


def _inside(down: Tensor, right: Tensor, size: tuple[int, int]) -> Tensor:
    """Which cells, at `down` (B, h) and `right` (B, w) from a square's corner, lie in the square: bool (B, h, w)."""
    rows, columns = ((0 <= place) & (place < length) for place, length in zip((down, right), size, strict=True))
    return rows[:, :, None] & columns[:, None, :]
