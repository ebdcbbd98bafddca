"""Which channels of a layer are worth a look? Those that most images leave cold, and a few excite.

    selectivity_c = (mean of the largest r_c - mean of r_c) / standard deviation of r_c

with r_c(image) = max over positions of a_c. A layer has hundreds of channels, and many answer to a bit of everything;
the patches of a selective one (`visualizers.top_patches`) are alike. Chosen so, they are not typical of their layer.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import measuring
from visualizers.top_patches import responses_of


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
            responses = maps.flatten(2).amax(dim=2).double().cpu()  # (n, C)
            numbers = torch.arange(index, index + len(part))[:, None].expand_as(responses)
            if not index:
                largest, favourites = (
                    responses[:0],
                    numbers[:0],
                )  # (count, C), for each channel r and the image's number
                total = squares = torch.zeros(responses.shape[1], dtype=torch.float64)
            largest, order = torch.cat([largest, responses]).sort(dim=0, descending=True, stable=True)
            favourites = torch.cat([favourites, numbers]).gather(0, order)[:count]
            largest = largest[:count]
            total, squares = total + responses.sum(dim=0), squares + responses.square().sum(dim=0)
            seen = index + len(part)
    mean = total / seen
    deviation = (squares / seen - mean.square()).clamp(min=0).sqrt()
    selectivity = (largest.mean(dim=0) - mean) / deviation.clamp(min=1e-6 * mean.abs().max())
    chosen, shown = [], set()
    for channel in selectivity.argsort(descending=True, stable=True).tolist():
        if favourites[0, channel].item() not in shown:
            chosen.append(channel)
            shown.update(favourites[:, channel].tolist())
    return chosen[:number]
