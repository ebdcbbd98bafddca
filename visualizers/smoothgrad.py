"""SmoothGrad: which pixels matter however the image is disturbed a little? (Smilkov et al., 2017)

    g_s = d score_y / d image  at  image + noise_s,   noise_s ~ Normal(0, sigma^2),   sigma = noise * image range

    SmoothGrad          max over c of | mean over s of g_s |
    SmoothGrad-Squared  max over c of   mean over s of g_s^2                         (Hooker et al., 2019)
    VarGrad             max over c of   mean over s of g_s^2 - (mean over s of g_s)^2  (Adebayo et al., 2018)

The gradient of a ReLU network jumps from one place to the next, which makes saliency maps grainy; the mean over a
neighbourhood does not. Squares keep what the mean cancels. The variance drops the mean itself: it shows where
the gradient is unsteady, not where it is large.
"""

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import as_pairs, chunk_length, input_gradient, warn_of_blank_maps
from core.inputs import as_images

SAMPLES = 25  # noisy copies of each image
NOISE = 0.15  # standard deviation, as a share of the image's range of values
DROWNED = "its score is 0 on every noisy copy, so there is no gradient; take less noise, or another class"


def smoothgrad(
    model: nn.Module,
    images: Tensor,
    labels,
    *,
    samples: int = SAMPLES,
    noise: float = NOISE,
    generator: torch.Generator | None = None,
) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> maps (N, H, W), >= 0; without noise, the saliency maps.

    samples: noisy copies of each image, the same noise for all of them. noise: its standard deviation, as a share of
    the image's range of values. Raises UsageError for a label out of range, fewer samples than one or negative
    noise; warns of a blank map.
    """
    maps = mean_gradient(model, images, labels, samples=samples, noise=noise, generator=generator).abs()
    warn_of_blank_maps(model, images, labels, maps, otherwise=DROWNED)
    return maps.amax(dim=1)


def smoothgrad_squared(
    model: nn.Module,
    images: Tensor,
    labels,
    *,
    samples: int = SAMPLES,
    noise: float = NOISE,
    generator: torch.Generator | None = None,
) -> Tensor:
    """As `smoothgrad`, with the mean of the squares; without noise, the squares of the saliency maps."""
    maps = noisy_gradients(model, images, labels, samples=samples, noise=noise, generator=generator)[1]
    warn_of_blank_maps(model, images, labels, maps, otherwise=DROWNED)
    return maps.amax(dim=1)


def vargrad(
    model: nn.Module,
    images: Tensor,
    labels,
    *,
    samples: int = SAMPLES,
    noise: float = NOISE,
    generator: torch.Generator | None = None,
) -> Tensor:
    """As `smoothgrad`, with the variance. Raises UsageError for a single sample or no noise: nothing would vary."""
    check_variation(samples, noise)
    mean, square = noisy_gradients(model, images, labels, samples=samples, noise=noise, generator=generator)
    # Rounding alone would make the difference a little negative, or positive where an image got no noise at all.
    maps = (square - mean.square()).clamp(min=0) * (noise_levels(images, noise) > 0)
    cause = "its gradient does not vary under the noise; take less or more noise, or another class"
    warn_of_blank_maps(model, images, labels, maps, otherwise=cause)
    return maps.amax(dim=1)


def check_variation(samples: int, noise: float) -> None:
    if samples < 2 or noise == 0:
        raise UsageError(f"samples and noise: {samples} and {noise} let nothing vary; give at least 2 and more than 0")


def mean_gradient(
    model: nn.Module,
    images: Tensor,
    labels,
    *,
    samples: int = SAMPLES,
    noise: float = NOISE,
    generator: torch.Generator | None = None,
) -> Tensor:
    """SmoothGrad before its signs are dropped, (N, 3, H, W): linear in the score, so those of two classes subtract."""
    return noisy_gradients(model, images, labels, samples=samples, noise=noise, generator=generator)[0]


def noise_levels(images: Tensor, noise: float) -> Tensor:
    """The standard deviation of each image's noise, (N, 1, 1, 1)."""
    flat = as_images(images).flatten(1)
    return noise * (flat.amax(dim=1) - flat.amin(dim=1)).view(-1, 1, 1, 1)


def noisy_gradients(
    model: nn.Module, images: Tensor, labels, *, samples: int, noise: float, generator: torch.Generator | None
) -> tuple[Tensor, Tensor]:
    """The mean of the gradients over noisy copies, and of their squares, each (N, 3, H, W)."""
    if samples < 1:
        raise UsageError(f"samples: {samples} is too few; at least 1 is needed")
    if not 0 <= noise < float("inf"):
        raise UsageError(f"noise: {noise} is not a share of the image's range; give 0 or more, 0.1 to 0.2 is usual")
    images, labels = as_pairs(images, labels, model)
    levels = noise_levels(images, noise)
    mean, square = torch.zeros_like(images), torch.zeros_like(images)
    for part in torch.arange(samples).split(chunk_length(images)):
        # The same noise for every image, so that a batch gives the maps of its images one by one.
        disturbance = torch.randn(len(part), *images.shape[1:], generator=generator, dtype=torch.float32).to(
            images
        )  # (S, 3, H, W)
        for index in range(len(images)):
            gradients = input_gradient(model, images[index] + levels[index] * disturbance, labels[index])
            mean[index] += gradients.sum(dim=0) / samples
            square[index] += gradients.square().sum(dim=0) / samples
    return mean, square
