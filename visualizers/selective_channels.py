"""Which channels of a layer are worth a look? Those that most images leave cold, and a few excite.

    selectivity_c = mean of the largest r_c / (mean of r_c + median over all channels of that mean)

with r_c(image) = max(0, a_c) at its largest. A layer has hundreds of channels, and many answer to a bit of everything;
the patches of a selective one (`visualizers.top_patches`) are alike. The median keeps out channels that hardly ever
respond at all. Units near the border are left out, for many of them answer to the padding that they see. Chosen so, the
channels are not typical of their layer.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.measuring import measuring
from visualizers.top_patches import responses_of

BORDER = 1 / 8  # of a map, on each side


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
    with measuring(model), torch.no_grad():
        for index, part, maps in responses_of(model, layer, stream):
            down, right = (int(BORDER * length) for length in maps.shape[2:])
            inner = maps[:, :, down : maps.shape[2] - down, right : maps.shape[3] - right]
            responses = inner.flatten(2).amax(dim=2).clamp(min=0).double().cpu()  # (n, C)
            numbers = torch.arange(index, index + len(part))[:, None].expand_as(responses)
            if not index:
                largest, favourites = (
                    responses[:0],
                    numbers[:0],
                )  # (count, C), for each channel r and the image's number
                total = torch.zeros(responses.shape[1], dtype=torch.float64)
            largest, order = torch.cat([largest, responses]).sort(dim=0, descending=True, stable=True)
            favourites = torch.cat([favourites, numbers]).gather(0, order)[:count]
            largest = largest[:count]
            total = total + responses.sum(dim=0)
            seen = index + len(part)
    mean = total / seen
    selectivity = largest.mean(dim=0) / (mean + mean.median()).clamp(min=1e-12)
    chosen, shown = [], set()
    for channel in selectivity.argsort(descending=True, stable=True).tolist():
        if favourites[0, channel].item() not in shown:
            chosen.append(channel)
            shown.update(favourites[:, channel].tolist())
    return chosen[:number]
