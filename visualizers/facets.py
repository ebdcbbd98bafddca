"""Multifaceted feature visualization: a class has several looks, so show each of them. (Nguyen et al., 2016)

    features of many images of one class -> PCA -> t-SNE in the plane -> k-means: one cluster, one facet
    image* = argmax  score_y(image),  climbed from the mean of the images nearest to a facet's centre

One picture a class mixes all its looks: half a star with five points, half one with many rays. Started from the mean
of a facet's images, the same climb stays with that look. A facet is what the network itself sets apart: looks that it
does not tell apart come out mixed.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from torch import Tensor, nn
from torch.nn.functional import interpolate

from core.activations import record_activations
from core.ascent import Step
from core.errors import UsageError
from core.gradients import as_labels, class_map_layer, in_chunks, measuring, scores_and_maps
from visualizers.class_visualization import visualize_classes

LAYER = "features.10"
COUNTS = range(2, 9)  # among which the silhouette chooses


class Facets(NamedTuple):
    """The facets of one class, the largest first."""

    labels: Tensor  # (N,) the facet of each image
    nearest: list[Tensor]  # for each facet its images' places among the N, the nearest to its centre first
    plane: Tensor  # (N, 2) where t-SNE puts each image
    silhouette: float  # how well the facets are set apart in the plane, -1 to 1


def facet_features(model: nn.Module, images: Tensor, label: int, *, layer: str = LAYER) -> Tensor:
    """images (N, 3, H, W) of one class -> features (N, C) of length 1: the layer's mean over the class's evidence.

        feature = mean over positions of activation * relu(M_y)      M_y: the class map, scaled to the layer's size

    Flattened activations would sort images by where the object lies, a plain mean by their backgrounds; so each
    position counts as much as it speaks for the class. The paper's fc7 has neither trouble. An image that does not
    speak for the class anywhere, and a network without class maps, are pooled evenly.
    """
    labels = as_labels(label, len(images), model)

    def pooled(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        with record_activations(model, [layer]) as recorded:
            if class_map_layer(model) is None:
                model(chunk)
                evidence = chunk.new_zeros(len(chunk), 1, 1)
            else:
                evidence = scores_and_maps(model, chunk, chunk_labels)[1].relu()  # (N, h, w)
        activation = recorded[layer]  # (N, C, h', w')
        if activation.dim() != 4:
            raise UsageError(f"layer: '{layer}' gives no maps, but shape {tuple(activation.shape)}; name an earlier one")
        weight = interpolate(evidence[:, None], activation.shape[2:], mode="bilinear")
        weight = torch.where(weight.amax(dim=(2, 3), keepdim=True) > 0, weight, torch.ones_like(weight))
        return torch.nn.functional.normalize((activation * weight).mean(dim=(2, 3)))

    with measuring(model), torch.no_grad():
        return in_chunks(pooled, model, images, labels)


def find_facets(features: Tensor, *, count: int | None = None, components: int = 50, seed: int = 0) -> Facets:
    """features (N, C) -> the `count` facets of these images; None takes the count with the best silhouette.

    components: kept by the PCA. The seed is t-SNE's and k-means' own. Raises UsageError for fewer than ten images,
    too many facets or features all alike.
    """
    points = features.detach().cpu().double().numpy()
    most = len(points) // 3
    if len(points) < 10:
        raise UsageError(f"images: {len(points)} are too few to find facets; give at least 10 of one class")
    if count is not None and not 2 <= count <= most:
        raise UsageError(f"count: {count} facets of {len(points)} images; allowed are 2 to {most}")
    if len(np.unique(points, axis=0)) < 10:
        raise UsageError("images: fewer than 10 of them differ for the network; give more, and no copies")
    reduced = PCA(min(components, *points.shape), svd_solver="full").fit_transform(points)
    perplexity = min(30.0, (len(points) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed).fit_transform(reduced)
    tried = {
        k: KMeans(k, n_init=10, random_state=seed).fit(plane) for k in ([count] if count else COUNTS) if k <= most
    }
    silhouettes = {k: float(silhouette_score(plane, found.labels_)) for k, found in tried.items()}
    best = max(silhouettes, key=silhouettes.get)
    found = tried[best]
    order = np.argsort(-np.bincount(found.labels_, minlength=best), kind="stable")  # largest first
    labels = np.argsort(order)[found.labels_]
    away = np.linalg.norm(plane - found.cluster_centers_[found.labels_], axis=1)
    nearest = [np.flatnonzero(labels == facet) for facet in range(best)]
    nearest = [torch.from_numpy(members[np.argsort(away[members], kind="stable")]) for members in nearest]
    return Facets(torch.from_numpy(labels), nearest, torch.from_numpy(plane), silhouettes[best])


def mean_images(images: Tensor, facets: Facets, *, nearest: int = 15) -> Tensor:
    """The mean of the images (N, 3, H, W) nearest to each facet's centre: (facets, 3, H, W)."""
    return torch.stack([images[members[:nearest]].mean(dim=0) for members in facets.nearest])
