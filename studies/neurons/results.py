"""What the jobs find out and the figures draw."""

from typing import NamedTuple

import numpy as np


class Drawn(NamedTuple):
    """A figure, and the weights that it shows."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    weights: str


class Templates(NamedTuple):
    """What a linear classifier compares each image with."""

    pictures: np.ndarray  # (K, h, w, 3), both signs
    names: list[str]  # of the K classes
    accuracy: float  # the share of new scenes it names right
    chance: str  # what guessing would give, in words
    scenes: int  # that it was trained on
    weight_decay: float


class FirstFilters(NamedTuple):
    """The filters of a network's first layer, F of them, (F, kh, kw, 3) in [0, 1]."""

    network: str
    weights: str
    layer: str
    stride: int
    trained: np.ndarray
    untrained: np.ndarray


class HigherFilters(NamedTuple):
    """Some filters of a higher layer, one plane for each of the C channels below."""

    network: str
    weights: str
    layer: str
    count: int  # filters of the layer
    chosen: list[int]
    tiles: np.ndarray  # (chosen, C, kh, kw) in [0, 1]


class Activations(NamedTuple):
    """A picture and what a layer's channels make of it."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    title: str
    maps: np.ndarray  # (C, h, w)
    marked: list[int]  # channels
    enlarged: np.ndarray  # (marked, H, W)

    @property
    def peaks(self) -> list[str]:
        """ "182: 124", a marked channel and its largest value."""
        return [f"{channel}: {self.maps[channel].max():.3g}" for channel in self.marked]


class Patch(NamedTuple):
    """The pixels that a unit sees, cut at the image's border, and guided backprop of the unit, or its gradient."""

    pixels: np.ndarray  # uint8 (h, w, 3)
    guided: np.ndarray  # (h, w, 3), both signs
    at_top: bool  # of the image: what is cut off would lie above
    at_left: bool


class ChannelPatches(NamedTuple):
    """The patches that excite a channel most, and the value at the strongest and the weakest of them."""

    channel: int
    patches: list[Patch]
    largest: float
    smallest: float


class Climbs(NamedTuple):
    """Pictures climbed in one form, one a channel, and the objective of each at the first and at the last step."""

    form: str
    pictures: list[np.ndarray]  # uint8 (h, w, 3)
    first: list[float]
    last: list[float]
