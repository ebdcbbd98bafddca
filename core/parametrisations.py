"""Pictures written as something easier to climb than pixels: a Fourier spectrum with decorrelated colours.

    rgb = sigmoid( A  irfft2( scale * spectrum ) ),   scale ~ 1 / frequency,   A A^T = correlation of the colours

A photograph's amplitudes fall like 1 / frequency and its three colours rise and fall together. Here each number of the
spectrum therefore stands for an equal share of what pictures are made of; a gradient step in it changes large shapes
and fine grain, lightness and hue in their natural proportions, where a step in pixels makes grain above all. The
sigmoid keeps every colour one that a file can hold. (Olah, Mordvintsev and Schubert, 2017: Feature Visualization.)
"""

import torch
from torch import Tensor

from core.images import denormalise, normalise
from core.inputs import check_images, precise
from core.measuring import without_autocast

# Between red, green and blue: the mean of two correlation matrices, one over the pixels of the five default
# photographs (224 x 224), one over a scene of each of the 36 classes (96 x 96, seed 0). A test recomputes it.
COLOUR_CORRELATION = (
    (1.000, 0.766, 0.608),
    (0.766, 1.000, 0.869),
    (0.608, 0.869, 1.000),
)


def random_spectrum(
    count: int, size: int, *, deviation: float = 0.1, generator: torch.Generator | None = None
) -> Tensor:
    """A start for `count` pictures, the same noise for all: (count, 3, size, size // 2 + 1, 2), real and imaginary.

    deviation: of each number. With 1 the pictures would have a photograph's contrast; with 0 they are plain grey.
    """
    spectrum = torch.randn(1, 3, size, size // 2 + 1, 2, generator=generator, dtype=torch.float32)
    return (deviation * spectrum).repeat(count, 1, 1, 1, 1)


def decode(spectrum: Tensor) -> Tensor:
    """Spectra (N, 3, S, S // 2 + 1, 2) -> pictures (N, 3, S, S) in the network's units, all of valid colours."""
    return normalise(decode_unbounded(spectrum).sigmoid())


def encode(images: Tensor, margin: float = 1e-3) -> Tensor:
    """The way back: square pictures (N, 3, S, S) -> their spectra. Black and white are drawn in by `margin`."""
    check_images(images)
    return encode_unbounded(denormalise(precise(images)).clamp(margin, 1 - margin).logit())


@without_autocast()
def decode_unbounded(spectrum: Tensor) -> Tensor:
    """The linear part of `decode`, without the sigmoid: (N, 3, S, S), of any value.

    For a picture that is to be rebuilt exactly: a sigmoid comes to black and white only at infinity.
    """
    size, spectrum = spectrum.shape[2], precise(spectrum)
    scaled = torch.view_as_complex(spectrum.contiguous()) * frequency_scale(size).to(spectrum)
    planes = torch.fft.irfft2(scaled, s=(size, size), norm="ortho")  # (N, 3, S, S), uncorrelated
    return torch.einsum("ij,njhw->nihw", colour_axes().to(spectrum), planes)


@without_autocast()
def encode_unbounded(images: Tensor) -> Tensor:
    """The exact way back: square pictures (N, 3, S, S) -> the spectra that `decode_unbounded` makes them of."""
    check_images(images)
    images = precise(images)
    planes = torch.einsum("ij,njhw->nihw", torch.linalg.inv(colour_axes()).to(images), images)
    return torch.view_as_real(torch.fft.rfft2(planes, norm="ortho") / frequency_scale(images.shape[2]).to(images))


def frequency_scale(size: int) -> Tensor:
    """What each number of a spectrum is multiplied by, (S, S // 2 + 1), in float64: c / max(frequency, 1 / S).

    Frequencies are in cycles a pixel. c makes the mean square over the full S x S spectrum 1, so by Parseval's theorem
    complex numbers of unit variance give pixels of unit variance, whatever the size.
    """
    frequency = torch.fft.fftfreq(size, dtype=torch.float64)
    radius = (frequency[:, None].square() + frequency[None].square()).sqrt().clamp(min=1 / size)  # (S, S)
    scale = 1 / radius
    return (scale / scale.square().mean().sqrt())[:, : size // 2 + 1]


def colour_axes() -> Tensor:
    """A (3, 3) with A A^T = COLOUR_CORRELATION, float64: its columns are lightness and two contrasts of hue."""
    variances, axes = torch.linalg.eigh(torch.tensor(COLOUR_CORRELATION, dtype=torch.float64))
    return (axes * axes[:1].sign() * variances.sqrt()).flip(1)  # red counts up, the largest variance comes first
