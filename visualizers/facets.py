"""The facets of a class: the different looks that a network sets apart among its images. (Nguyen et al., 2016)

    features of many images of one class -> PCA -> t-SNE in the plane -> k-means: one cluster, one facet

A class seldom has one look: there are stars with five points and stars with many rays. The images of a facet show what
the network sees as alike. Facets are found without labels; kinds that the network does not tell apart come out mixed.
`visualizers.facet_visualization` climbs a picture of each.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize
from torchvision.models import SqueezeNet

from core.activations import record_activations, recorded_output
from core.errors import UsageError
from core.gradients import as_pairs, class_map_layer, in_chunks, label_scores
from core.inputs import as_images, precise
from core.layers import spread_layers
from core.layouts import MapsOf
from core.measuring import measuring
from core.zero_scores import scores_and_maps

LAYERS = ("features.6", "features.9", "features.10")  # of three depths: kinds may differ in detail or in shape
NEAREST = 15  # images in the mean of a facet, as in the paper
COUNTS = range(2, 9)  # among which the silhouette chooses


class Facets(NamedTuple):
    """The facets of one class, the largest first."""

    labels: Tensor  # (N,) the facet of each image
    nearest: list[Tensor]  # for each facet its images' places among the N, the nearest to its centre first
    plane: Tensor  # (N, 2) where t-SNE puts each image
    silhouette: float  # how well the facets are set apart in the plane, -1 to 1


def facet_features(model: nn.Module, images: Tensor, label: int, *, layers: Sequence[str] | None = None) -> Tensor:
    """images (N, 3, H, W) of one class -> features (N, C) of length 1: the layers' means over the class's evidence.

        feature = mean over positions of activation * relu(M_y)      M_y: the class map, scaled to a layer's size

    Each layer's part has the same length. Pooled and not flattened, so that it does not matter where the object lies;
    weighted, so that the background counts less: a position counts as much as it speaks for the class. Where none
    does, and in a network without class maps, all count alike. layers: None takes LAYERS of SqueezeNet, of another
    network the last ones of its three coarsest resolutions. Raises UsageError for an unknown class or layer, one
    whose output is no map, or one of the classifier that makes the class maps.
    """
    images, labels = as_pairs(images, label, model)
    if layers is None:
        layers = LAYERS if isinstance(model, SqueezeNet) else spread_layers(model, images, count=len(LAYERS))
    maps_of = [MapsOf(model, layer) for layer in layers]
    with measuring(model), torch.no_grad():
        return in_chunks(lambda *chunk: climb_and_features(model, *chunk, maps_of)[1], model, images, labels)


def climb_and_features(
    model: nn.Module, images: Tensor, labels: Tensor, maps_of: Sequence[MapsOf]
) -> tuple[Tensor, Tensor]:
    """What to climb for the class (see `core.zero_scores.label_climb`), (N,), and the features (N, C)."""
    layers = [each.layer for each in maps_of]
    evidence, head = images.new_ones(len(images), 1, 1), class_map_layer(model)
    with record_activations(model, layers) as recorded:
        for layer in layers if head else ():
            if layer.split(".")[0] == head.split(".")[0]:  # of it no more is computed than this class's row
                raise UsageError(f"layer: '{layer}' is of the classifier; name one of the features, e.g. {LAYERS[-1]}")
        if head is None:
            climb = label_scores(model, images, labels)
        else:
            scores, maps = scores_and_maps(model, images, labels)  # (N,), (N, h, w)
            climb = torch.where(scores > 0, scores, maps.mean(dim=(1, 2)))
            # Where to look is no part of the gradient.
            evidence = torch.where(scores.view(-1, 1, 1) > 0, maps.relu(), torch.ones_like(maps)).detach()
    parts = []
    for each in maps_of:
        activation = precise(each(recorded_output(recorded, each.layer), images))
        weights = interpolate(evidence[:, None], activation.shape[2:], mode="bilinear")
        parts.append(normalize((activation * weights).mean(dim=(2, 3))))
    return climb, normalize(torch.cat(parts, dim=1))


def find_facets(
    features: Tensor, *, count: int | None = None, components: int = 50, generator: torch.Generator | None = None
) -> Facets:
    """features (N, C) -> the `count` facets of these images; None takes the count with the best silhouette.

    components: kept by the PCA. The paper takes 10 facets always. Raises UsageError for fewer than four images that
    differ, or fewer than two of them a facet.
    """
    points = features.detach().cpu().double().numpy()
    different = len(np.unique(points, axis=0))
    most = different // 2
    if most < 2:
        raise UsageError(f"images: the network sees {different} different ones; give at least 4 of one class")
    if count is not None and not 2 <= count <= most:
        raise UsageError(f"facets: {count} of {different} different images; allowed are 2 to {most}")
    seed = int(torch.randint(2**31, (), generator=generator))
    reduced = PCA(min(components, *points.shape), svd_solver="full").fit_transform(points)
    perplexity = min(30.0, (len(points) - 1) / 3)
    plane = TSNE(2, perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed).fit_transform(reduced)
    tried = {k: KMeans(k, n_init=10, random_state=seed).fit(plane) for k in ([count] if count else COUNTS) if k <= most}
    silhouettes = {k: float(silhouette_score(plane, found.labels_)) for k, found in tried.items()}
    best = max(silhouettes, key=silhouettes.get)
    found = tried[best]
    order = np.argsort(-np.bincount(found.labels_, minlength=best), kind="stable")  # largest first
    labels = np.argsort(order)[found.labels_]
    away = np.linalg.norm(plane - found.cluster_centers_[found.labels_], axis=1)
    nearest = [np.flatnonzero(labels == facet) for facet in range(best)]
    nearest = [torch.from_numpy(members[np.argsort(away[members], kind="stable")]) for members in nearest]
    return Facets(torch.from_numpy(labels), nearest, torch.from_numpy(plane), silhouettes[best])


def mean_images(nearest: Sequence[Tensor]) -> Tensor:
    """For each facet the images nearest to its centre, (M, 3, H, W), e.g. NEAREST -> their means, (K, 3, H, W)."""
    return torch.stack([as_images(images).mean(dim=0) for images in nearest])


def facet_directions(features: Tensor, facets: Facets) -> Tensor:
    """features (N, C) -> for each facet the way from the other facets' mean features to its own: (K, C), length 1."""
    own = torch.stack([features[members.to(features.device)].mean(dim=0) for members in facets.nearest])
    others = (own.sum(dim=0) - own) / (len(own) - 1)
    return normalize(own - others)
