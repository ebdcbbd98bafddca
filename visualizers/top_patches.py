"""Which patches of many pictures excite a channel most? (Zeiler and Fergus, 2014; Girshick et al., 2014)

    patch of an image = its pixels that the unit a_c[row, column] sees, (row, column) = argmax a_c

The best position of each image, the best images of the stream. What the nine best patches have in common, and only
that, is what the channel may stand for; guided backpropagation of the same unit (`visualizers.unit_gradient`) shows
where in each patch it lies. Beware: patches of a small or one-sided stream share things that the channel does not
care for, and the weaker responses, most of them, are not shown at all.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import chunk_length, to_network
from core.inputs import check_images
from core.measuring import measuring
from core.objectives import layer_output, own_channels
from core.receptive_field import Box, receptive_fields


class Patch(NamedTuple):
    """Where a channel responds most in an image, and what it sees there."""

    value: float  # a_c[row, column]
    index: int  # of the image, counted along the stream from 0
    channel: int
    row: int  # of the layer's map
    column: int
    box: Box  # the pixels that the unit sees, clipped to the image
    image: Tensor  # (3, H, W), the whole image as it came in the stream

    @property
    def pixels(self) -> Tensor:
        """(3, h, w), the patch itself."""
        return self.box.cut(self.image)


def top_patches(
    model: nn.Module, layer: str, channels: Sequence[int], stream: Iterable[Tensor], *, count: int = 9
) -> list[list[Patch]]:
    """For each channel the `count` patches that excite it most, the best first; fewer if the stream is shorter.

    stream: images (n, 3, H, W) at a time, of any length, in the network's units; nothing but the best is kept of
    it, so memory grows with channels * count alone. Each image gives one patch a channel, at the position of the
    largest response, the first of equal ones (by rows). Of equal values the earlier image goes first; so the result is
    the same however the stream is cut into pieces. A channel that never responds has patches of value 0.

    Raises UsageError for an unknown layer or channel, an empty stream, or a network whose receptive fields are not
    known.
    """
    if count < 1:
        raise UsageError(f"count: {count} is out of range; at least one patch is needed")
    if not len(channels):
        raise UsageError("channels: none given; at least one is needed")
    heaps: list[list[tuple]] = [[] for _ in channels]  # of (value, -index, place, image); the first is the worst
    boxes: dict[tuple[int, ...], Tensor] = {}  # for each size of image
    with measuring(model), torch.no_grad():
        for index, part, maps in responses_of(model, layer, stream):
            if not boxes:  # now, since it may be impossible, and the stream long
                boxes[part.shape[2:]] = receptive_fields(model, layer, size=part.shape[2:])
            chosen = torch.stack([own_channels(maps, layer, channel) for channel in channels], dim=1)
            values, places = (each.tolist() for each in chosen.flatten(2).max(dim=2))  # (n, channels)
            for number, (image, *found) in enumerate(zip(part, values, places, strict=True), start=index):
                kept = None  # a copy, or the whole part would stay; one for all channels that want it
                for heap, value, place in zip(heaps, *found, strict=True):
                    if len(heap) < count or (value, -number) > heap[0][:2]:
                        kept = image.clone() if kept is None else kept
                        heapq.heappush(heap, (value, -number, divmod(place, maps.shape[3]), kept))
                        if len(heap) > count:
                            heapq.heappop(heap)
    result = []
    for channel, heap in zip(channels, heaps, strict=True):
        result.append([])
        for value, negative, (row, column), image in sorted(heap, key=lambda each: each[:2], reverse=True):
            size = image.shape[1:]
            if size not in boxes:
                boxes[size] = receptive_fields(model, layer, size=size)
            box = Box(*boxes[size][channel, row, column].tolist())
            result[-1].append(Patch(value, -negative, int(channel), row, column, box, image))
    return result


def responses_of(model: nn.Module, layer: str, stream: Iterable[Tensor]) -> Iterator[tuple[int, Tensor, Tensor]]:
    """A few images at a time: the number of the first, the images (n, 3, H, W), what the layer gives (n, C, h, w)."""
    output, seen = layer_output(model, layer), 0
    for images in stream:
        check_images(images)
        for part in images.detach().split(chunk_length(images)):
            maps = output(to_network(model, part))
            if maps.dim() != 4:
                raise UsageError(f"layer: '{layer}' gives shape {tuple(maps.shape)}, no maps; choose another")
            yield seen, part, maps
            seen += len(part)
    if not seen:
        raise UsageError("stream: it gave no images; at least one is needed")
