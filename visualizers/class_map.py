"""The exact class map: SqueezeNet's score for a class, cell by cell, before it is averaged. (Zhou et al., 2016)

    M = classifier.1(features)        the last convolution, one map a class: (N, K, h, w)
    score_y = mean( relu(M_y) )

No weighting and no gradient: a network that ends in convolution, ReLU and mean computes this map on its way, and the
mean of the map drawn is the score. So it is the map that the others can be judged by. Lin et al. (2014) made
networks end so; for a linear layer after the mean, Zhou et al. take the same product.
"""

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.gradients import as_pairs, class_map_layer, in_chunks, warn_of_blank_maps
from core.measuring import measuring
from core.zero_scores import scores_and_maps


def class_map(model: nn.Module, images: Tensor, labels, *, relu: bool = True) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> coarse maps (N, h, w), whose means are the scores.

    `relu=False` shows also how far below 0 the other cells are, which the score does not see. Raises UsageError for a
    label out of range or a network with another end; warns of a blank map.
    """
    images, labels = as_pairs(images, labels, model)
    check_class_map(model, images)

    def own(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        return scores_and_maps(model, chunk, chunk_labels)[1]

    with measuring(model), torch.no_grad():
        maps = in_chunks(own, model, images, labels)
    maps = maps.relu() if relu else maps
    warn_of_blank_maps(model, images, labels, maps)
    return maps


def check_class_map(model: nn.Module, _images: Tensor) -> None:
    """Raise UsageError for a network with another end."""
    if class_map_layer(model) is None:
        raise UsageError(
            f"model: {type(model).__name__} does not end in convolution, ReLU and mean as SqueezeNet does, "
            "so it has no class map; use grad_cam"
        )
