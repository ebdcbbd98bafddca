"""Integrated gradients: how much did each pixel contribute to the score? (Sundararajan et al., 2017)

    IG = (image - baseline) * integral over t from 0 to 1 of  d score_y / d (baseline + t (image - baseline)) dt

All contributions together are what the score gained on the way, score_y(image) - score_y(baseline): the method is
complete, and what a finite number of nodes misses of that sum is its completeness error. The integral is
taken by Gauss-Legendre quadrature, whose nodes never fall on the ends of the path.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import as_pairs, chunk_length, in_chunks, input_gradient, label_scores, warn_of_blank_maps
from core.inputs import like_images
from core.measuring import measuring


def integrated_gradients(
    model: nn.Module, images: Tensor, labels, *, nodes: int = 50, baseline: Tensor | float = 0.0
) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> signed contributions (N, 3, H, W), in units of the score.

    nodes: places on the way, of the quadrature. baseline: where nothing is to be seen, a tensor that broadcasts to the
    images or a number, in the network's units; 0 is the mean colour. Raises UsageError for a label out of range, fewer
    nodes than one or a baseline of another shape; warns of a blank map.
    """
    if nodes < 1:
        raise UsageError(f"nodes: {nodes} is too few; at least 1 is needed")
    images, labels = as_pairs(images, labels, model)
    start = like_images("baseline", baseline, images).detach()
    places, weights = np.polynomial.legendre.leggauss(nodes)  # on [-1, 1], where the weights sum to 2
    with measuring(model):
        result = torch.zeros_like(images)
        for index in range(len(images)):
            way = images[index] - start[index]  # (3, H, W)
            # As many nodes at a time as the network takes images, so memory does not grow with their number.
            for part in torch.arange(nodes).split(chunk_length(images)):
                times, shares = (torch.from_numpy(values[part.numpy()] / 2).to(images) for values in (places, weights))
                path = start[index] + (times + 0.5).view(-1, 1, 1, 1) * way  # (S, 3, H, W)
                gradients = input_gradient(model, path, labels[index])
                result[index] += torch.einsum("s,schw->chw", shares, gradients) * way
    warn_of_blank_maps(model, images, labels, result)
    return result


def completeness_error(
    model: nn.Module, images: Tensor, labels, contributions: Tensor, *, baseline: Tensor | float = 0.0
) -> Tensor:
    """How far the contributions are from summing to what the score gained, relative to that gain, (N,).

    0 is perfect; a tenth of a per cent is common at 50 nodes. Where the score gained nothing, the plain difference.
    """
    images, labels = as_pairs(images, labels, model)
    with measuring(model), torch.no_grad():
        start = like_images("baseline", baseline, images)
        ends = [in_chunks(partial(label_scores, model), model, each, labels) for each in (images, start)]
    gain = ends[0] - ends[1]
    missing = (contributions.to(images).sum(dim=(1, 2, 3)) - gain).abs()
    return torch.where(gain == 0, missing, missing / gain.abs())
