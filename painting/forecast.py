"""What will a style transfer cost? Told before it starts.

Memory: the floats that a gradient keeps for each pixel are counted in one small pass, what each module gives forward
and the same again backward; those of the picture, of its optimiser and of the content's features come on top. Time:
one gradient at a small scale is timed; the others cost as many times more as they have pixels. Not at the smallest:
there what the Wasserstein loss needs for every gradient, however few the pixels, is half of it.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.activations import feature_sequence
from core.gradients import to_network
from core.measuring import add_hook, in_own_thread, measuring
from core.passes import home_of
from core.tiles import overlapping_tiles
from painting.scales import objective_at, resize, scale_sizes
from painting.targets import Style

MOST_BYTES = 1.5e9  # of the whole picture at once: with what the process holds and scales leave, below 3 GB
TIMED = 3  # which scale, if there are so many
TILE = 768  # pixels, where the whole would be more
PROBE = 128  # pixels
FORWARD_AND_BACK = 4.5  # measured, as the next: buffers of the convolutions, and products of features, come on top
FORWARD = 1.3  # the same, of a style, which goes forward alone
ALWAYS = 70e6  # bytes: what smaller scales leave behind
OF_THE_PICTURE = 3 * 30 + 8  # floats a pixel: copies of its 3 values (L-BFGS keeps 20), and the content's features
OF_A_STYLE = 3 * 3  # likewise: as it was read, scaled, and on the way


class Forecast(NamedTuple):
    """What to expect of a run."""

    bytes: float  # of memory, above what the process holds
    seconds: float
    tile: int | None  # the side of its tiles at the largest scale
    sizes: list[tuple[int, int]]  # (height, width) of each scale


def forecast(
    model: nn.Module,
    content: Tensor,
    styles: Sequence[Style],
    *,
    smallest: int,
    iterations: int,
    tile: int | None,
    **settings,
) -> Forecast:
    """For a content (1, 3, H, W) and the settings of `style_transfer`, of which those of the objective are needed."""
    picture = to_network(model, content)
    sizes = scale_sizes(picture.shape[2:], smallest)
    reached = max(*settings["layers"], settings["content_layer"])
    timed = sizes[:TIMED][-1]
    objective = objective_at(model, picture, styles, timed, **settings)
    image = resize(picture, timed)
    objective.terms_and_gradient(image)  # warms up
    begun = time.perf_counter()
    objective.terms_and_gradient(image)
    one = time.perf_counter() - begun
    chosen = tile or best_tile(model, sizes[-1], reached)
    seconds = sum(
        one * iterations * _work(size, chosen, objective.reach) / _work(timed, None, (0, 0)) for size in sizes
    )
    share = settings["style_scale"] * min(sizes[-1]) / min(picture.shape[2:])
    seen = [style.image.shape[2] * style.image.shape[3] * share**2 for style in styles]
    return Forecast(needed_bytes(model, sizes[-1], reached, chosen, seen), seconds, chosen, sizes)


def _work(size: Sequence[int], tile: int | None, reach: tuple[int, int]) -> float:
    """Pixels that are computed for one gradient; tiles need a forward pass more, a third of the work."""
    tiles = overlapping_tiles(size, tile, reach)
    pixels = sum((t.rows.stop - t.rows.start) * (t.columns.stop - t.columns.start) for t in tiles)
    return pixels if len(tiles) == 1 else pixels * 4 / 3


def best_tile(model: nn.Module, size: Sequence[int], layer: int) -> int | None:
    """None where a picture of size (H, W) fits as a whole, else TILE."""
    return None if needed_bytes(model, size, layer, None) <= MOST_BYTES else TILE


def needed_bytes(
    model: nn.Module, size: Sequence[int], layer: int, tile: int | None, styles: Sequence[float] = ()
) -> float:
    """Of one run at size (H, W) that looks at the modules up to `layer`. styles: pixels of each, seen before it."""
    most, pixels = (tile + 128) ** 2 if tile else float("inf"), size[0] * size[1]
    floats, width = _floats_per_pixel(feature_sequence(model), layer)
    at_once = FORWARD_AND_BACK * min(pixels, most)
    for style in styles:
        at_once = max(at_once, FORWARD * min(style, most))
    return ALWAYS + width * (floats * at_once + OF_THE_PICTURE * pixels + OF_A_STYLE * sum(styles))


def _floats_per_pixel(features: nn.Sequential, layer: int) -> tuple[float, int]:
    """Of what the modules give, and bytes of each."""
    counts, parameter = [], home_of(features, torch.empty(0))

    def count(_module, _inputs, output: Tensor) -> None:
        counts.append(output.numel())

    leaves = [m for m in features[: layer + 1].modules() if isinstance(m, nn.Conv2d | nn.MaxPool2d)]
    handles = [add_hook(module, in_own_thread(count)) for module in leaves]
    try:
        with measuring(features), torch.no_grad():
            features[: layer + 1](torch.zeros(1, 3, PROBE, PROBE).to(parameter))
    finally:
        for handle in handles:
            handle.remove()
    return sum(counts) / PROBE**2, parameter.element_size()
