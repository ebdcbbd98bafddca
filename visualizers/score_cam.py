"""Score-CAM: keep only what a channel sees, and ask the network what it makes of that. (Wang et al., 2020)

    mask_k   = A_k, upsampled to the image and scaled to [0, 1]        A: a layer's output (N, K, h, w)
    weight_k = softmax over k of  score_y(image * mask_k) - score_y(0)
    map      = relu( sum over k of weight_k * A_k )

No gradient: a channel counts as much as the score of the picture seen through it. 0 is the mean colour. Its score is
the same for all channels, which a softmax does not see, so it is not computed. Scores differ by several units, so the
softmax leaves a handful of channels in charge. It costs a forward pass a channel, 512 at SqueezeNet's last layer.
"""

import torch
from torch import Tensor, nn

from core.activations import record_activations
from core.errors import UsageError
from core.gradients import as_pairs, chunk_length, in_chunks, label_scores, warn_of_blank_maps
from core.layers import layer_or_last
from core.layouts import MapsOf
from core.measuring import measuring
from core.passes import run_network
from visualizers.gradcam import scale_each, upsample


def score_cam(
    model: nn.Module, images: Tensor, labels, *, layer: str | None = None, channels: int | None = None
) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> coarse maps (N, h, w), >= 0.

    channels: take only so many of the layer's, those that vary most over the picture, since a flat one masks nothing;
    None takes all. Raises as `grad_cam` does, and UsageError for less than one channel; warns of a blank map.
    """
    if channels is not None and channels < 1:
        raise UsageError(f"channels: {channels} is too few; at least 1 is needed, or None for all")
    images, labels = as_pairs(images, labels, model)
    layer = layer_or_last(model, layer, images)
    maps_of = MapsOf(model, layer)

    def cams(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        with record_activations(model, [layer]) as recorded:
            run_network(model, chunk)  # all classes: at the last convolution each is a channel
        activations = maps_of.recorded(recorded, chunk)
        return torch.stack([cam(*one) for one in zip(chunk, chunk_labels, activations, strict=True)])

    def cam(image: Tensor, label: Tensor, activation: Tensor) -> Tensor:
        """One image (3, H, W) and the layer's output for it, (K, h, w) -> (h, w)."""
        if channels is not None:
            activation = activation[
                activation.flatten(1).std(dim=1, correction=0).topk(min(channels, len(activation))).indices
            ]
        scores = []
        for part in activation.split(chunk_length(image)):
            masks = scale_each(upsample(part, image.shape[1:]))  # (k, H, W)
            scores.append(label_scores(model, image * masks.unsqueeze(1), label.expand(len(part))))
        return torch.einsum("k,khw->hw", torch.cat(scores).softmax(dim=0), activation)

    with measuring(model), torch.no_grad():
        maps = in_chunks(cams, model, images, labels).relu()
    warn_of_blank_maps(model, images, labels, maps)
    return maps
