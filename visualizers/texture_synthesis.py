"""Texture synthesis: what do Gram matrices keep of a picture? (Gatys, Ecker and Bethge, 2015)

    texture* = argmin  mean over layers of ||G - A||^2 / ||A||^2  +  tv_weight * total variation

G and A are the Gram matrices of the texture and of the sample: which features occur together, wherever they do. The
descent starts from noise, so all that is seen in the result is what they hold. The first layer sees 3 pixels: it keeps
colours and short edges. Each deeper one that is added keeps larger structures. It is the style loss of style transfer
alone, without any content.

We depart from the paper in three ways. Each layer counts relative to its size, so that no weights are to be found for a
network. The noise is drawn from the sample's own pixels, so the colours are right from the start. And the result
grows from coarse to fine, as in `style_transfer`: a structure larger than what the layers see is laid out first in a
small picture, which holds it. The faint total variation decides where the network is blind, as it is in part to
the finest grain.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from core.activations import feature_sequence
from core.errors import UsageError
from core.gradients import to_network
from core.inputs import as_images
from painting.scales import SMALLEST_SIDE
from painting.targets import Style
from visualizers.style_transfer import StyleStep, style_terms, style_transfer

LAYERS = (1, 4, 6, 7)  # of `features`
LAYER_SETS = tuple(LAYERS[:count] for count in range(1, len(LAYERS) + 1))  # growing


def synthesize_texture(
    model: nn.Module,
    sample: Tensor,
    size: tuple[int, int],
    *,
    layers: Sequence[int] = LAYERS,
    iterations: int = 150,
    scales: int = 3,
    tv_weight: float = 0.003,
    generator: torch.Generator | None = None,
    callback: Callable[[StyleStep], bool | None] | None = None,
) -> Tensor:
    """sample (1, 3, h, w) -> a texture (1, 3, H, W) of the given size (H, W), normalised, of valid colours.

    layers: which of `features`, counted from 0. iterations: steps of L-BFGS at each scale. scales: how many sizes, each
    sqrt(2) larger than the one before; fewer where the smallest would be too small for the network. tv_weight: relative
    to the style loss, as above. callback: as in `style_transfer`; True ends the descent.

    Raises UsageError for a sample or size below SMALLEST_SIDE, and for layers that are not there.
    """
    sample = as_images(sample, "sample", single=True)
    _check(model, sample, size, layers, scales)
    smallest = max(2 ** ((1 - scales) / 2), SMALLEST_SIDE / min(*sample.shape[2:], *size)) * min(size)
    height, width = (side | 1 for side in size)  # the first layer's windows end with an odd side; beyond, specks grow
    texture = style_transfer(
        model,
        colour_noise(sample, (height, width), generator=generator),
        [Style(sample)],
        content_weight=0.0,
        style_weight=1.0,
        content_layer=layers[0],  # counts for nothing; one that is computed in any case
        tv_weight=tv_weight,
        layers=layers,
        smallest=int(0.999 * smallest),  # so that rounding does not lose a scale
        iterations=iterations,
        optimiser="lbfgs",
        loss="gram",
        callback=callback,
    )
    return texture[:, :, : size[0], : size[1]].contiguous()


def colour_noise(sample: Tensor, size: tuple[int, int], *, generator: torch.Generator | None = None) -> Tensor:
    """Pixels of the sample (1, 3, h, w), drawn anew for each place: noise (1, 3, H, W) in the sample's colours."""
    pixels = as_images(sample, "sample", single=True).flatten(2)  # (1, 3, P)
    chosen = torch.randint(pixels.shape[2], (size[0] * size[1],), generator=generator).to(pixels.device)
    return pixels[:, :, chosen].unflatten(2, size)


def gram_distance(model: nn.Module, texture: Tensor, sample: Tensor, *, layers: Sequence[int] = LAYERS) -> float:
    """mean over layers of ||G - A||^2 / ||A||^2 for any two pictures (1, 3, H, W), (1, 3, h, w); 0 for equal ones.

    Both are normalised and of valid colours. How a texture was made is not asked, so it compares those of all methods.
    """
    settings = {"content_weight": 0.0, "style_weight": 1.0, "tv_weight": 0.0, "content_layer": layers[0]}
    texture = to_network(model, texture, "texture")
    return style_terms(model, texture, texture, [Style(sample)], layers=layers, loss="gram", **settings).style


def _check(model: nn.Module, sample: Tensor, size: tuple[int, int], layers: Sequence[int], scales: int) -> None:
    for name, (height, width) in {"sample": tuple(sample.shape[2:]), "size": size}.items():
        if min(height, width) < SMALLEST_SIDE:
            raise UsageError(f"{name}: {width} x {height} pixels; at least {SMALLEST_SIDE} are needed each way")
    most = len(feature_sequence(model)) - 1
    if not layers or min(layers) < 0 or max(layers) > most:
        raise UsageError(f"layers: got {list(layers)}; give one or more numbers from 0 to {most}")
    if scales < 1:
        raise UsageError(f"scales: {scales} is too few; give at least 1")
