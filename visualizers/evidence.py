"""Any map of the catalogue, called in one way, and as one number a pixel: so that maps can be drawn and compared."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from visualizers.catalogue import Technique
from visualizers.gradcam import upsample
from visualizers.occlusion import spread


def explain(
    technique: Technique,
    model: nn.Module,
    images: Tensor,
    labels: Tensor | int,
    *,
    settings: Mapping[str, Any],
    generator: torch.Generator | None = None,
    additive: bool = False,
    callback: Callable[[int], object] | None = None,
) -> Tensor:
    """What the technique gives for images (N, 3, H, W): its own maps, those of windows spread over the pixels.

    settings: keyword arguments of the technique; those that it does not have are passed over. generator: its chance, if
    it has any. With `additive` its form whose maps of two classes may be subtracted. callback: is told how much more is
    done, if the technique counts.
    """
    given = {name: value for name, value in settings.items() if name in technique.settings}
    if technique.seeded:
        given["generator"] = generator
    if technique.counts and callback is not None:
        given["callback"] = callback
    maps = technique.call(additive=additive)(
        model, images, labels, **given, **(technique.additive_settings if additive else {})
    )
    if technique.result == "window map":
        window = technique.with_defaults(settings)
        maps = spread(maps, images.shape[2:], window["patch"], window["stride"])
    return maps


def pixel_values(technique: Technique, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """What `explain` gave -> one number a pixel, (N, H, W), with its sign where it has one.

    Of a signed picture the sum of the channels, or their largest size where its colours are looked at; a coarse map
    enlarged.
    """
    if maps.dim() == 4:
        return maps.abs().amax(dim=1) if technique.picture else maps.sum(dim=1)
    return maps if maps.shape[1:] == size else upsample(maps, size)


def evidence(technique: Technique, maps: Tensor, size: tuple[int, int]) -> Tensor:
    """What `explain` gave -> one number a pixel, (N, H, W), not negative: what speaks for the class.

    Of a signed picture the largest size over the channels, or the size of their sum where they are contributions; of a
    coarse map what is positive, enlarged.
    """
    if maps.dim() == 4:
        return maps.sum(dim=1).abs() if technique.total else maps.abs().amax(dim=1)
    return maps.relu() if maps.shape[1:] == size else upsample(maps.relu(), size)
