"""DeepDream: what does a layer see in this picture? What it saw faintly is made stronger (Mordvintsev et al., 2015).

    image <- image + step * g / mean|g|,    g = gradient of 1/2 ||a||^2,    a (C, h, w) what the layer gives

so that all that is active pushes itself up. Early layers paint strokes, late ones parts of objects. Octaves: a small
copy of the picture dreams first, and what it gained is carried over to the next larger one, so that forms of all sizes
appear. With chosen channels the sum of their activations is climbed instead, and with a guide picture, whose layer has
b_k at its positions k, the sum over all positions of  max over k of  a_ij . b_k :  the dream takes on its forms.

All three are sums over positions, so the gradient of a large picture can be added up tile by tile. Ours beside the
original: the gradient is slightly blurred, and jitter shifts the picture within its mirrored borders, not around them.

Mordvintsev, Olah, Tyka: Inceptionism: going deeper into neural networks. Google Research Blog, 2015.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from core.ascent import Step, optimise_pixels
from core.errors import UsageError
from core.gradients import to_network
from core.inputs import as_images, precise
from core.measuring import measuring
from core.priors import blur, clamp_to_valid
from core.tiles import position_sum, tiled_gradient

SMALLEST_SIDE = 33  # pixels: below, nothing is left of a picture at the deepest layers


def deepdream(
    model: nn.Module,
    images: Tensor,
    layer: str,
    *,
    channels: Sequence[int] | None = None,
    guide: Tensor | None = None,
    octaves: int = 5,
    ratio: float = 1.4,
    iterations: int = 12,
    step: float = 0.02,
    smoothing: float = 0.7,
    jitter: int = 32,
    tile: int = 512,
    generator: torch.Generator | None = None,
    callback: Callable[[Step], bool | None] | None = None,
) -> Tensor:
    """images (N, 3, H, W) -> their dreams (N, 3, H, W), in the network's units, within the valid colours.

    channels: of the layer, all if None. guide: (1, 3, H', W'), of any size. octaves, ratio: how many sizes, each
    `ratio` times the one before; those smaller than the network needs are left out. iterations: for each octave.
    step: mean change of a value at each, in the network's units (0.02 is about one grey level of 255). smoothing:
    standard deviation of the gradient's blur, in pixels. jitter: largest shift, in pixels. tile: side of the tiles that
    a large picture is cut into, in pixels, 256 or more. The callback's True ends the dream where it is. Raises
    UsageError for a picture or guide that is too small, a ratio below 1, or a tile, layer or channel not allowed.
    """
    if ratio < 1 or octaves < 1:
        raise UsageError(f"octaves and ratio: {octaves} and {ratio}; at least 1 and 1.0 are needed")
    pictures, stopped = to_network(model, images), False
    sizes = octave_sizes(pictures, octaves=octaves, ratio=ratio, jitter=jitter)
    if guide is not None:
        octave_sizes(as_images(guide, "guide", single=True), octaves=1, ratio=1, jitter=0, name="guide")

    def update(image: Tensor, gradient: Tensor, _iteration: int) -> None:
        smooth = blur(gradient, smoothing)
        image.add_(smooth / smooth.abs().mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-30), alpha=step)

    def watch(state: Step) -> bool:
        nonlocal stopped
        stopped = bool(callback is not None and callback(state))
        return stopped

    with measuring(model):
        score = position_sum(model, layer, channels=channels, guide=guide)

        def objective(image: Tensor) -> Tensor:
            """The score of the shifted picture, with the gradient that the tiles have given."""
            down, right = torch.randint(jitter + 1, (2,), generator=generator).tolist()
            cut = (torch.rand(2, generator=generator, dtype=torch.float32) / 2 - 0.25).tolist()
            shifted = F.pad(image.detach(), (right, jitter - right, down, jitter - down), mode="reflect")
            values, gradient = tiled_gradient(score, shifted, tile=tile, shift=cut)
            products = (image * F.pad(gradient, (-right, right - jitter, -down, down - jitter))).sum(dim=(1, 2, 3))
            return values + (products - products.detach())

        detail = torch.zeros_like(pictures)
        for size in sizes:
            base = _resize(pictures, size)
            start = clamp_to_valid(base + _resize(detail, size))
            settings = {"iterations": iterations, "constrain": lambda image, *_: clamp_to_valid(image)}
            dream = optimise_pixels(start, objective, update, callback=watch, **settings)
            detail = dream - base
            if stopped:
                break
    return clamp_to_valid(pictures + _resize(detail, pictures.shape[2:])).to(precise(images))


def octave_sizes(images: Tensor, *, octaves: int, ratio: float, jitter: int, name: str = "images") -> list[tuple]:
    """(height, width) of each octave, from small to large; UsageError if the picture itself is too small."""
    height, width = images.shape[2:]
    least = max(SMALLEST_SIDE, jitter + 1)  # no more can be mirrored than there is
    if min(height, width) < least:
        raise UsageError(f"{name}: {width} x {height} pixels are too few; at least {least} are needed each way")
    sizes = [(round(height / ratio**k), round(width / ratio**k)) for k in reversed(range(octaves))]
    return [size for size in sizes if min(size) >= least]


def zoom_sequence(
    model: nn.Module, image: Tensor, layer: str, *, frames: int, zoom: float = 1.05, **settings
) -> Iterator[Tensor]:
    """Dream, go in a little, dream on: yields `frames` pictures (1, 3, H, W); `settings` are those of `deepdream`."""
    for _ in range(frames):
        image = deepdream(model, image, layer, **settings)
        yield image
        image = _go_in(image, zoom)


def _go_in(image: Tensor, zoom: float) -> Tensor:
    """The middle of the picture (1, 3, H, W), `zoom` times as large."""
    zoomed = torch.eye(2, 3, dtype=torch.float64)[None] / zoom  # autocast would round a product in float32
    places = F.affine_grid(zoomed, list(image.shape), align_corners=False).to(image)
    return clamp_to_valid(F.grid_sample(image, places, "bicubic", "reflection", align_corners=False))


def _resize(images: Tensor, size: Sequence[int]) -> Tensor:
    return F.interpolate(images, size=tuple(size), mode="bicubic", antialias=True)
