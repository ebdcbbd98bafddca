"""Activation maps: where in the image does each channel of a layer fire? (Yosinski et al., 2015)

    A_c(i, j)    what channel c of the layer gives at row i, column j
    strength_c = max over positions of A_c

Each map is the image as one channel sees it: bright where its filter finds what it looks for. Most are dark at most
places, more so at higher layers. A channel that fires says that it fires, not for what: look at other images that
excite it, too (`top_patches`).
"""

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import in_chunks, measuring
from core.objectives import layer_output


def activation_maps(model: nn.Module, images: Tensor, *, layer: str) -> Tensor:
    """images (N, 3, H, W) -> (N, C, h, w), what the layer itself gives, before a ReLU that may follow.

    Raises UsageError for an unknown layer or one that gives no maps.
    """
    output = layer_output(model, layer)

    def maps(chunk: Tensor, _labels: Tensor) -> Tensor:
        result = output(chunk)
        if result.dim() != 4:
            raise UsageError(
                f"layer: '{layer}' gives shape {tuple(result.shape)}, no maps (N, C, h, w); choose another"
            )
        return result

    with measuring(model), torch.no_grad():
        return in_chunks(maps, model, images, torch.zeros(len(images)))


def strongest_channels(maps: Tensor, count: int) -> Tensor:
    """maps (N, C, h, w) -> each image's `count` channels of largest strength, the strongest first, (N, count)."""
    _check_count(count, maps.shape[1])
    # Equal ones, such as those that are zero everywhere, in the order of their numbers.
    return maps.flatten(2).amax(dim=2).argsort(dim=1, descending=True, stable=True)[:, :count]


def selective_channels(strengths: Tensor, count: int, *, best: int = 9, alike: float = 0.5) -> list[int]:
    """Strengths over many images (M, C) -> `count` channels that some images excite much more than most do.

        selectivity_c = mean of the `best` largest strengths of c / (mean strength of c + median of all channels' means)

    The median keeps channels out that hardly ever fire. The most selective comes first; one whose strengths correlate
    by more than `alike` with a chosen one's has to wait until no other is left.
    """
    _check_count(count, strengths.shape[1])
    strengths = strengths.double()
    means = strengths.mean(dim=0)
    top = strengths.topk(min(best, len(strengths)), dim=0).values.mean(dim=0)
    order = (top / (means + means.median()).clamp(min=1e-12)).argsort(descending=True, stable=True).tolist()
    centred = strengths - means
    directions = centred / centred.norm(dim=0).clamp(min=1e-12)
    chosen: list[int] = []
    for channel in order:
        if len(chosen) < count and all(directions[:, channel] @ directions[:, other] <= alike for other in chosen):
            chosen.append(channel)
    return (chosen + [channel for channel in order if channel not in chosen])[:count]


def _check_count(count: int, channels: int) -> None:
    if not 1 <= count <= channels:
        raise UsageError(f"count: {count} is out of range; the layer has {channels} channels, allowed are 1 to that")
