"""What is measured of a network."""

from typing import NamedTuple

import numpy as np
from torch import Tensor

from visualizers.randomised_smoothing import Certificate

SIZES = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # radii of the attacks, in multiples of the bound
CLASSES = ("star", "butterfly", "fish", "house", "gear", "spiral")  # whose maps and pictures are drawn


class Findings(NamedTuple):
    """What was measured of one network."""

    name: str
    linf: Tensor  # (len(SIZES), N) bool: named rightly within the bound times each of SIZES
    l2: Tensor  # (N,) bool, within the L2 bound
    by_steps: dict[int, float]  # steps of the attack: share named rightly within the bound
    certificate: Certificate  # of the first scenes
    localisation: Tensor  # (N, 3) scores of its saliency maps
    maps: Tensor  # (len(CLASSES), H, W), of a scene of each class
    pictures: np.ndarray  # (len(CLASSES), H, W, 3) uint8, climbed for each class
    titles: list[str]  # what the judge sees in them
    named: int | None  # of the pictures of all classes, by the judge, as meant; None: it is the judge itself
    classes: int  # of these pictures

    @property
    def clean(self) -> float:
        """The share of the scenes named rightly without an attack."""
        return float(self.linf[0].double().mean())


def percent(hits: Tensor) -> str:
    """ "96.1 %" of hits (N,) bool."""
    return f"{100 * float(hits.double().mean()):.1f} %"
