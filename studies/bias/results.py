"""What the study finds out, and its names."""

from typing import NamedTuple

from torch import Tensor

NETWORKS = ("biased", "unbiased")  # called after how their training scenes are arranged
ARRANGEMENTS = ("biased", "swapped")  # of the test scenes: as in the biased training, and exchanged
MAPS = ("Grad-CAM", "saliency")


class Explained(NamedTuple):
    """What a network says of N scenes, and where it looks; on the CPU."""

    predicted: Tensor  # 0 or 1, (N,)
    probabilities: Tensor  # of the predicted classes, (N,)
    maps: dict[str, Tensor]  # one of MAPS: (N, H, W), zero and up
    masses: dict[str, Tensor]  # the share of each map that lies on the object, (N,); NaN where it is blank
