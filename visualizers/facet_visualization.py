"""Multifaceted feature visualization: a class has several looks, so show each of them. (Nguyen et al., 2016)

    image_k* = argmax  score_y(image) + facet_weight * <feature(image), d_k>,   climbed from the mean image of facet k
    d_k      = mean feature of facet k - mean of the other facets' ones, of length 1

A climb from noise mixes all looks of a class, or shows the one that scores most. Here each starts from the mean of the
images nearest to a facet's centre. The paper stops there (facet_weight 0) and holds a picture to its facet by changing
its centre first. On SqueezeNet the start is soon forgotten: round trees turn into firs, since firs score more. So we
let the whole picture change, but climb along the facet's direction d_k, too.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.ascent import Callback
from core.errors import UsageError
from core.gradients import as_labels
from core.inputs import as_images
from core.layouts import MapsOf
from visualizers.class_visualization import climb_pixels
from visualizers.facets import climb_and_features


def facet_visualization(
    model: nn.Module,
    starts: Tensor,
    label: int,
    directions: Tensor,
    *,
    layers: Sequence[str],
    facet_weight: float = 20.0,
    iterations: int = 100,
    learning_rate: float = 10.0,
    l2_reg: float = 3e-5,
    blur_every: int = 2,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """One picture a facet, (K, 3, H, W), from `mean_images` (K, 3, H, W) and `facet_directions` (K, C).

    layers: those that the features are of. facet_weight: how much the facet counts beside the class's score;
    ImageNet's scores are larger, 100 shows its facets better but may lose the class. The rest: see `climb_pixels`.
    Raises UsageError for an unknown class or layer, or directions that do not fit.
    """
    starts = as_images(starts, "starts")
    labels = as_labels(label, len(starts), model)
    if len(directions) != len(starts):
        raise UsageError(f"directions: {len(directions)} for {len(starts)} pictures; give one for each")

    maps_of = [MapsOf(model, layer) for layer in layers]

    def objective(pictures: Tensor) -> Tensor:
        climb, features = climb_and_features(model, pictures, labels, maps_of)
        if features.shape != directions.shape:
            sizes = f"{directions.shape[1]} numbers, {features.shape[1]} channels"
            raise UsageError(f"directions: {sizes}; take those of the same layers")
        return climb + facet_weight * (features * directions.to(features)).sum(dim=1)

    settings = {"iterations": iterations, "learning_rate": learning_rate, "l2_reg": l2_reg, "blur_every": blur_every}
    return climb_pixels(model, objective, starts, **settings, generator=generator, callback=callback)
