"""Eigen-CAM: what is most prominent in a layer, whatever the class. (Muhammad and Yeasin, 2020)

    A = U S V^T,    map = relu( A v_1 )        A: a layer's output, one row a position, one column a channel (h w, K)

The first principal component of the activations, taken about zero as in the paper: the pattern of channels that the
positions have most in common, and how strongly each position shows it. No gradient, and no class: the map is the same
for every label. It shows what the network sees most of, not why it decided.
"""

import torch
from torch import Tensor, nn

from core.activations import record_activations
from core.gradients import as_pairs, in_chunks, warn_of_blank_maps
from core.layers import layer_or_last
from core.layouts import MapsOf
from core.measuring import measuring
from core.passes import run_network


def eigen_cam(model: nn.Module, images: Tensor, labels, *, layer: str | None = None) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> coarse maps (N, h, w), >= 0.

    The labels are checked but change nothing. Raises and warns as `grad_cam` does.
    """
    images, labels = as_pairs(images, labels, model)
    layer = layer_or_last(model, layer, images)
    maps_of = MapsOf(model, layer)

    def cam(chunk: Tensor, _labels: Tensor) -> Tensor:
        with record_activations(model, [layer]) as recorded:
            run_network(model, chunk)
        return first_component(maps_of.recorded(recorded, chunk))

    with measuring(model), torch.no_grad():
        maps = in_chunks(cam, model, images, labels).relu()
    warn_of_blank_maps(model, images, labels, maps)
    return maps


def first_component(activation: Tensor) -> Tensor:
    """Activations (N, K, h, w) -> how strongly each position shows their first component, (N, h, w)."""
    positions = activation.flatten(2).transpose(1, 2)  # (N, h w, K)
    left, sizes, _ = torch.linalg.svd(positions, full_matrices=False)
    maps = left[..., 0] * sizes[..., :1]  # A v_1 = s_1 u_1, (N, h w)
    # A singular vector has no sign of its own: we take the one that is positive where the channels fire.
    agreement = (maps * positions.relu().sum(dim=2)).sum(dim=1, keepdim=True)
    return torch.where(agreement < 0, -maps, maps).unflatten(1, activation.shape[2:])
