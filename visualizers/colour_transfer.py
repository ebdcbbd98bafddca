"""Style without its colours (Gatys et al., 2016, "Preserving color in neural artistic style transfer").

Two ways, for RGB in [0, 1]; each keeps the colours of the content:

    luminance only      Y of the styled picture, chrominance I, Q of the content (YIQ), after the transfer:
                        rgb = y + s (content - Y(content)),   y = Y(styled),   s = 1 where that is a colour
    histogram matched   the style is recoloured before the transfer: mean and covariance of its colours become
                        the content's,  x' = A (x - m_s) + m_c,  so that  A C_s A' = C_c

Of all such A the symmetric one moves the colours least (Pitie and Kokaram, 2007), so it is taken here; the paper has
A = C_c^1/2 C_s^-1/2. The transfer sees all three channels in both; the paper's first way lets it see only Y.
"""

import torch
from torch import Tensor

from core.errors import UsageError
from core.images import denormalise, normalise
from core.inputs import as_images

LUMINANCE = (0.299, 0.587, 0.114)  # Y of RGB, in YIQ
SMALLEST_SPREAD = 0.01  # of the style's colours: along a direction where they do not vary, only noise would grow


def keep_luminance(styled: Tensor, content: Tensor) -> Tensor:
    """The styled picture's luminance with the content's colours; both (1, 3, H, W), in the network's units.

    Where light and colour together leave [0, 1], the colour is made paler, not another: s is the largest that fits.
    Raises UsageError if the two differ in shape.
    """
    styled = as_images(styled, "styled", single=True)
    content = as_images(content, "content", single=True).to(styled)
    if styled.shape != content.shape:
        raise UsageError(f"styled: it has shape {tuple(styled.shape)}, the content {tuple(content.shape)}; give one")
    rgb = denormalise(content).clamp(0, 1)
    light = _luminance(denormalise(styled).clamp(0, 1))  # (1, 1, H, W)
    colour = rgb - _luminance(rgb)  # (1, 3, H, W): what I and Q add to each channel
    room = torch.where(colour > 0, 1 - light, light) / colour.abs().clamp(min=1e-6)
    return normalise(light + colour * room.amin(dim=1, keepdim=True).clamp(max=1))


def match_colours(style: Tensor, content: Tensor) -> Tensor:
    """The style (1, 3, h, w) with mean and covariance of the colours of the content (1, 3, H, W), both normalised.

    Colours that leave [0, 1] are clipped, so there mean and covariance are met only nearly.
    """
    style = as_images(style, "style", single=True)
    content = as_images(content, "content", single=True).to(style.device)
    colours = denormalise(style).clamp(0, 1).double()
    mean, covariance = _statistics(colours)
    target_mean, target = _statistics(denormalise(content).clamp(0, 1).double())
    root, inverse = _roots(covariance)
    middle, _ = _roots(root @ target @ root)
    map_ = inverse @ middle @ inverse  # (3, 3), symmetric: C_s^-1/2 (C_s^1/2 C_c C_s^1/2)^1/2 C_s^-1/2
    moved = torch.einsum("ij,njhw->nihw", map_, colours - mean.view(1, 3, 1, 1)) + target_mean.view(1, 3, 1, 1)
    return normalise(moved.clamp(0, 1).to(style))


def _luminance(rgb: Tensor) -> Tensor:
    """RGB (1, 3, H, W) -> (1, 1, H, W)."""
    return (rgb * torch.tensor(LUMINANCE).to(rgb).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def _statistics(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """RGB (1, 3, H, W) -> mean (3,) and covariance (3, 3) of its pixels."""
    pixels = rgb[0].flatten(1)  # (3, P)
    mean = pixels.mean(dim=1)
    centred = pixels - mean[:, None]
    return mean, centred @ centred.T / pixels.shape[1]


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """The square root of a covariance (3, 3), and its inverse where the spread is not next to nothing."""
    values, vectors = torch.linalg.eigh(matrix)
    spreads = values.clamp(min=0).sqrt()
    return vectors * spreads @ vectors.T, vectors / spreads.clamp(min=SMALLEST_SPREAD) @ vectors.T
