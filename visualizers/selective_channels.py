"""Which channels of a layer are worth a look? Those that most images leave cold, and a few excite.

    selectivity_c = mean of the largest r_c / (mean of r_c + median over all channels of that mean)

with r_c(image) = max(0, a_c) at its largest. A layer has hundreds of channels, and many answer to a bit of everything;
the patches of a selective one (`visualizers.top_patches`) are alike. The median keeps out channels that hardly ever
respond at all. Units near the border are left out, for many of them answer to the padding that they see. Chosen so, the
channels are not typical of their layer.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.measuring import measuring
from visualizers.top_patches import responses_of

BORDER = 1 / 8  # of a map, on each side


class Tally(NamedTuple):
    """What is kept of a stream; its size does not grow with it."""

    largest: Tensor  # (count, C), float64: each channel's largest r, the largest first
    favourites: Tensor  # (count, C): the numbers of their images along the stream
    total: Tensor  # (C,), float64: the sum of all r
    seen: int  # images


def selective_channels(
    model: nn.Module, layer: str, stream: Iterable[Tensor], *, number: int = 6, count: int = 9
) -> list[int]:
    """The `number` most selective channels of a layer, the best first; `count`: how many r are the largest.

    A channel whose favourite image is among those `count` of a better channel is passed over: it shows the same again.
    stream: as of `top_patches`; memory does not grow with it. Fewer channels come back where images are few. Raises
    UsageError for an unknown layer, an empty stream, or a number or count below 1.
    """
    for name, value in (("number", number), ("count", count)):
        if value < 1:
            raise UsageError(f"{name}: {value} is out of range; at least 1 is needed")
    return most_selective(tally(model, layer, stream, count=count), number)


def tally(model: nn.Module, layer: str, stream: Iterable[Tensor], *, count: int = 9) -> Tally:
    """What is to be known of a stream, or of a part of it: `joined` puts parts together."""
    kept = None
    with measuring(model), torch.no_grad():
        for index, part, maps in responses_of(model, layer, stream):
            down, right = (int(BORDER * length) for length in maps.shape[2:])
            inner = maps[:, :, down : maps.shape[2] - down, right : maps.shape[3] - right]
            responses = inner.flatten(2).amax(dim=2).clamp(min=0).double().cpu()  # (n, C)
            numbers = torch.arange(index, index + len(part))[:, None].expand_as(responses)
            new = Tally(responses, numbers, responses.sum(dim=0), len(part))
            kept = joined([new] if kept is None else [kept, new], count=count)
    return kept


def joined(tallies: Sequence[Tally], *, count: int = 9) -> Tally:
    """One tally of several. Of equal r the earlier image goes first, in whatever order the tallies come."""
    largest, favourites = (torch.cat([each[place] for each in tallies]) for place in range(2))
    order = favourites.argsort(dim=0, stable=True)
    largest, favourites = largest.gather(0, order), favourites.gather(0, order)
    largest, order = largest.sort(dim=0, descending=True, stable=True)
    favourites = favourites.gather(0, order)
    total = torch.stack([each.total for each in tallies]).sum(dim=0)
    return Tally(largest[:count], favourites[:count], total, sum(each.seen for each in tallies))


def most_selective(found: Tally, number: int) -> list[int]:
    """The channels, the best first."""
    mean = found.total / found.seen
    selectivity = found.largest.mean(dim=0) / (mean + mean.median()).clamp(min=1e-12)
    chosen, shown = [], set()
    for channel in selectivity.argsort(descending=True, stable=True).tolist():
        if found.favourites[0, channel].item() not in shown:
            chosen.append(channel)
            shown.update(found.favourites[:, channel].tolist())
    return chosen[:number]
