"""What keeps a synthesised picture natural: small operations on pixels, all on (N, 3, H, W) in the network's units."""

import numpy as np
import torch
from torch import Tensor

from core.errors import UsageError
from core.images import valid_range

NARROWEST_BLUR = 0.125  # pixels: below, no neighbour has a share that is counted
REACH = 4  # standard deviations: farther neighbours are not counted


def jitter(images: Tensor, right: int, down: int) -> Tensor:
    """Shift the picture around its own edges; `jitter(x, -right, -down)` is the way back."""
    return torch.roll(images, (down, right), dims=(2, 3))


def random_jitter(images: Tensor, most: int, generator: torch.Generator | None) -> Tensor:
    """Shift by up to `most` pixels each way, drawn anew at each call."""
    right, down = torch.randint(-most, most + 1, (2,), generator=generator).tolist()
    return jitter(images, right, down)


def blur(images: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with a standard deviation of `sigma` pixels, borders mirrored; at least in float32."""
    if sigma < 0:
        raise UsageError(f"sigma: {sigma} is negative; give the blur's standard deviation in pixels")
    images = images.detach().to(torch.promote_types(images.dtype, torch.float32), copy=sigma < NARROWEST_BLUR)
    if sigma < NARROWEST_BLUR:
        return images
    reach = int(REACH * sigma + 0.5)
    weights = np.exp(-0.5 / sigma**2 * np.arange(-reach, reach + 1) ** 2)
    weights = (weights / weights.sum())[reach:].tolist()  # of a pixel itself, and of those 1, 2, ... pixels away
    pixels = images.cpu()
    for axis in (2, 3):
        pixels = _sum_of_neighbours(pixels.double(), weights, axis).to(images.dtype)
    return pixels.to(images)


def _sum_of_neighbours(pixels: Tensor, weights: list[float], axis: int) -> Tensor:
    """Each pixel and its neighbours on both sides along an axis, weighted; beyond the border lies the mirror image."""
    length, reach = pixels.shape[axis], len(weights) - 1
    places = torch.arange(-reach, length + reach) % (2 * length)
    wide = pixels.index_select(axis, torch.minimum(places, 2 * length - 1 - places))
    result = pixels * weights[0]
    for away in range(reach, 0, -1):
        both = wide.narrow(axis, reach - away, length) + wide.narrow(axis, reach + away, length)
        result += both * weights[away]
    return result


@torch.no_grad()
def blur_in_place(images: Tensor, sigma: float = 1.0) -> Tensor:
    """Blur the picture itself, as the courses' scripts do, and return it."""
    return images.copy_(blur(images, sigma))


def clamp_to_valid(images: Tensor) -> Tensor:
    """Clip to colours that a file can hold: black to white in each channel."""
    black, white = valid_range(images)
    return images.clamp(black, white)


def zero_smallest(images: Tensor, size: Tensor, share: float) -> Tensor:
    """Set the `share` of pixels with the smallest `size` (N, 3, H, W) to zero, which is the mean colour.

    A pixel's size is its Euclidean norm over the three channels. With the picture itself as `size` this
    is Yosinski et al.'s (2015) clipping of pixels with small norm; with the gradient, or gradient times
    picture, the clipping of pixels with small contribution.
    """
    if not 0 <= share < 1:
        raise UsageError(f"share: {share} is out of range; give the share of pixels to clip, 0 to below 1")
    norms = size.norm(dim=1, keepdim=True)  # (N, 1, H, W)
    ordered = norms.flatten(1).sort(dim=1).values  # torch.quantile takes no more than 16 million numbers
    place = share * (ordered.shape[1] - 1)
    below, above = ordered[:, int(place)], ordered[:, min(int(place) + 1, ordered.shape[1] - 1)]
    smallest = below.lerp(above, place - int(place)).view(-1, 1, 1, 1)
    return images * (norms >= smallest)


def project_to_ball(difference: Tensor, *, linf: float | None = None, l2: float | None = None) -> Tensor:
    """The nearest difference whose L-infinity or L2 norm, per image, is at most the bound (same units)."""
    if linf is not None:
        difference = difference.clamp(-linf, linf)
    if l2 is not None:
        norms = difference.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
        difference = difference * (l2 / norms.clamp(min=1e-12)).clamp(max=1)
    return difference


def unit_norm(gradient: Tensor) -> Tensor:
    """Scale each image's gradient to Euclidean length 1; a zero gradient stays zero."""
    norms = gradient.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    return gradient / norms.clamp(min=1e-12)
