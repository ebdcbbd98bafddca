"""Randomised smoothing: a radius within which no perturbation whatever changes the answer (Cohen et al., 2019).

    g(x) = the class that the network names most often for x + Normal(0, sigma^2)
    g names A for every picture within R of x,   R = sigma * Phi^-1(p),   p <= share of the noise for which it names A

An attack that fails proves nothing, a radius does: it holds against every attack, also those not yet invented. The
proof is about g, not about the network itself, and p is counted: with probability 1 - alpha the true share is at
least p, the end of Clopper and Pearson's (1934) exact interval for k of n draws,

    p = the alpha quantile of Beta(k, n - k + 1),   and if p <= 1/2 it abstains.

A network that never saw noise abstains nearly always; one trained with noise of the same sigma does not.
The noise is not clipped to valid colours: it would not be Gaussian any more.
"""

from typing import NamedTuple

import torch
from scipy.stats import beta, norm
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import chunk_length, to_network
from core.images import IMAGENET_STD
from core.inputs import as_images
from core.measuring import measuring
from core.passes import scores_of

ABSTAINS = -1


class Certificate(NamedTuple):
    """What is proved of N pictures, each with probability 1 - alpha."""

    labels: Tensor  # (N,), the class that g names, or ABSTAINS
    radii: Tensor  # (N,) float64, Euclidean, RGB with white 1; 0 where it abstains


def certify(
    model: nn.Module,
    images: Tensor,
    *,
    sigma: float = 0.12,
    n0: int = 50,
    n: int = 500,
    alpha: float = 0.001,
    generator: torch.Generator | None = None,
) -> Certificate:
    """images (N, 3, H, W) -> the smoothed network's class for each, and the radius within which it is certain.

    sigma: of the noise, RGB with white 1. n0: noisy copies of each image that choose the class; n: others, that count
    how often it is named. No radius is larger than sigma * Phi^-1(alpha^(1 / n)), what all n copies give. Raises
    UsageError for settings out of range.
    """
    images = as_images(images)
    if not sigma > 0:
        raise UsageError(f"sigma: {sigma:g}; it must be above 0")
    if n0 < 1 or n < 1:
        raise UsageError(f"n0 and n: {n0} and {n} noisy copies; at least one of each is needed")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha: {alpha:g}; allowed is what lies between 0 and 1")
    labels, radii = [], []
    with measuring(model), torch.no_grad():
        for image in images.split(1):
            chosen = int(_count_names(model, image, sigma, n0, generator).argmax())
            hits = int(_count_names(model, image, sigma, n, generator)[chosen])
            radius = certified_radius(hits, n, sigma=sigma, alpha=alpha)
            labels.append(chosen if radius > 0 else ABSTAINS)
            radii.append(radius)
    radii = torch.tensor(radii, dtype=torch.float64)
    return Certificate(torch.tensor(labels).to(images.device), radii.to(images.device))


def certified_radius(hits: int, draws: int, *, sigma: float, alpha: float) -> float:
    """sigma * Phi^-1(p) for a class named `hits` times of `draws`; 0 where p, the lower end, is at most 1/2."""
    share = float(beta.ppf(alpha, hits, draws - hits + 1)) if hits else 0.0
    return sigma * float(norm.ppf(share)) if share > 0.5 else 0.0


def certified_accuracy(certificate: Certificate, labels: Tensor, radii: Tensor) -> Tensor:
    """For each of `radii` (R,) the share of pictures named rightly, as labels (N,), for certain within it; (R,)."""
    right = certificate.labels.cpu() == labels.cpu()  # an abstention is no label, hence wrong
    reached = certificate.radii.cpu().view(1, -1) >= radii.double().cpu().view(-1, 1)
    return (right & reached).double().mean(dim=1)


def _count_names(model: nn.Module, image: Tensor, sigma: float, draws: int, generator) -> Tensor:
    """How often each class is named for the image (1, 3, H, W) with noise, (K,)."""
    image = to_network(model, image)
    scale = sigma / torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)
    counts, length = 0, chunk_length(image)
    for start in range(0, draws, length):
        noise = torch.randn(min(length, draws - start), *image.shape[1:], generator=generator, dtype=torch.float32)
        scores = scores_of(model, image + (scale * noise).to(image))
        counts = counts + torch.bincount(scores.argmax(dim=1), minlength=scores.shape[1])
    return counts
