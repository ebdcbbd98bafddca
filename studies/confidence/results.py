"""What a network says of pictures of each kind."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from measures.calibration import Reliability

OWN, FOOLED, NOISE, OTHER = KINDS = ("own world", "fooled", "noise", "other world")
SHOWN = 2  # pictures of each kind


class Shown(NamedTuple):
    """A picture that the network is sure of."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    words: str  # what the network says of it


class Calibration(NamedTuple):
    """How a network's confidence goes with being right, on scenes whose classes are known."""

    accuracy: float
    raw: Reliability
    cooled: Reliability  # after the temperature
    temperature: float


class Findings(NamedTuple):
    """What one network says, by kind of picture; a kind of which there is no picture is left out."""

    name: str
    weights_name: str
    size: int  # pixels: the side of the pictures
    probabilities: dict[str, Tensor]  # kind: (N, K)
    surest: dict[str, list[Shown]]  # kind: the pictures that it is surest of, of its own world the surest mistakes
    calibration: Calibration | None  # None: nobody knows the classes of its world
