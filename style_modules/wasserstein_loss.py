"""Wasserstein-2 style loss: how far must features move to become the style's, if both are Gaussian?

    W^2 = ||m1 - m2||^2 + tr S1 + tr S2 - 2 tr (S2^1/2 S1 S2^1/2)^1/2

with the mean m and the covariance S of the features over all positions. A Gram matrix compares products of features,
so strong features count by their fourth power; this distance is in the features' own units squared, and treats weak
features and strong ones alike. Its square is divided by  tr S2 + ||m2||^2,  its value against a constant 0.

    d tr (R S1 R)^1/2 / dS1 = 1/2 R (R S1 R)^-1/2 R        R = S2^1/2, taken once

has no bound where a direction has no variance, as with fewer positions than channels. Roots r of eigenvalues are
therefore taken as  sqrt(r^2 + e^2) - e:  the loss is too large by at most 2 C e, e a ten thousandth of the style's
mean variance.

Dowson and Landau (1982) give the distance; Heitz et al. (2021) and Vacher et al. (2020) use it for textures.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from style_modules.moments import Moments

SOFTNESS = 1e-4  # of the mean variance


class RootTrace(torch.autograd.Function):
    """tr (R S R)^1/2 of symmetric S (C, C) and R (C, C), softened by `softness`, and its gradient for S."""

    @staticmethod
    def forward(ctx, covariance: Tensor, root: Tensor, softness: Tensor) -> Tensor:
        product = root @ covariance @ root
        values, vectors = torch.linalg.eigh((product + product.T) / 2)
        softened = (values.clamp(min=0) + softness.square()).sqrt()
        ctx.save_for_backward(softened, root @ vectors)
        return (softened - softness).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:
        softened, turned = ctx.saved_tensors
        return gradient / 2 * (turned / softened) @ turned.T, None, None


class WassersteinDistance:
    """The squared distance from a style's moments, in float64, whatever it is given: differences of large traces."""

    def __init__(self, target: Moments) -> None:
        self.mean, second = target.mean.double(), target.second.double()
        covariance = second - torch.outer(self.mean, self.mean)
        values, vectors = torch.linalg.eigh((covariance + covariance.T) / 2)
        self.root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
        self.trace = covariance.trace()
        self.softness = SOFTNESS * self.trace / len(self.mean)
        self.size = float(second.trace())  # tr S + ||m||^2

    def __call__(self, moments: Moments) -> Tensor:
        """-> scalar, float64; differentiable in both moments."""
        mean, second = moments.mean.double(), moments.second.double()
        covariance = second - torch.outer(mean, mean)
        shift = (mean - self.mean).square().sum()
        distance = shift + covariance.trace() + self.trace - 2 * RootTrace.apply(covariance, self.root, self.softness)
        return distance.clamp(min=0)  # sums of float32 features may leave less
