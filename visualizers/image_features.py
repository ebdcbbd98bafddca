"""What a layer makes of a whole image: one row of numbers, in which images that look alike to the network lie close.

    f_c = mean over positions of A_c        A: the layer's output (C, h, w)

The mean forgets where something is and keeps how much of it there is. Distances between such rows are what nearest
neighbours, PCA and t-SNE work on. Scaled to length 1 their Euclidean distance d is cosine similarity in another
dress, cos = 1 - d^2 / 2, and orders neighbours in the same way. The classic picture is the one of Krizhevsky et al.
(2012): images whose last hidden layers are nearest show the same thing, though their pixels differ.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from core.gradients import chunk_length, in_chunks
from core.inputs import as_images
from core.layers import layer_or_last
from core.measuring import measuring
from core.objectives import layer_output


def image_features(model: nn.Module, images: Tensor, *, layer: str | None = None) -> Tensor:
    """images (N, 3, H, W) -> the layer's output, its mean over all positions, (N, C).

    layer: None takes the last one with positions; one without, (N, C), is taken as it is. An image's numbers are the
    same, to the last bit, whatever images come with it. Raises UsageError for an unknown layer or one that gives no
    tensor.
    """
    images = as_images(images)
    output = layer_output(model, layer_or_last(model, layer, images))

    def pooled(chunk: Tensor, _labels: Tensor) -> Tensor:
        activation = output(chunk)  # (n, C, h, w) or (n, C)
        return activation.flatten(2).mean(dim=2) if activation.dim() > 2 else activation

    # Convolutions round by the size of their batch. So every chunk is a full one, if need be by repeating an image.
    count = len(images)
    missing = -count % chunk_length(images)
    padded = torch.cat([images, images[-1:].expand(missing, -1, -1, -1)]) if missing else images
    with measuring(model), torch.no_grad():
        return in_chunks(pooled, model, padded, torch.zeros(len(padded)))[:count]


def unit_length(features: Tensor) -> Tensor:
    """features (N, D) -> each row scaled to length 1, (N, D); a row of zeros, which has no direction, stays."""
    return normalize(features, dim=1)
