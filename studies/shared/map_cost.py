"""What each map of the catalogue costs, for one picture: its settings say how often it asks the network.

A new technique needs nothing here, unless it asks more than once and none of its settings says how often.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from studies.shared.cost import FORWARD_BYTES, Cost, forwards, gradients
from visualizers.catalogue import TECHNIQUES

# One occluded window is computed where it reaches: so many pixels forward, and so many for each pixel of its own.
WINDOW, WINDOW_PIXEL = 32_000, 13
CHANNELS, SHALLOW_CHANNELS = 512, 256  # of the layers from features.9 on, and at most before them
DEEP = 9  # from this module of `features` on, the way back to the layer costs little

Asked = Mapping[str, Any]  # a technique's settings, its own defaults for those that were not given


def one_gradient(_asked: Asked, side: int) -> Cost:
    return gradients(1, side**2)


def one_forward(_asked: Asked, side: int) -> Cost:
    return forwards(1, side**2)


def at_layer(asked: Asked, side: int) -> Cost:
    """Forward, and back to the layer."""
    return forwards(1.2, side**2, together=1) if depth(asked["layer"]) >= DEEP else gradients(1, side**2)


def noisy_copies(asked: Asked, side: int) -> Cost:
    work = gradients(asked["samples"], side**2) + Cost(at_once=0, held=4 * 12 * side**2)
    return replace(work, flags=("samples",))


def path(asked: Asked, side: int) -> Cost:
    return replace(gradients(asked["nodes"], side**2), flags=("nodes",))


def covered_windows(asked: Asked, side: int) -> Cost:
    across = max(1, -(-(side - asked["patch"]) // asked["stride"]) + 1)
    work = forwards(across**2, WINDOW + WINDOW_PIXEL * asked["patch"] ** 2, together=1)
    return replace(work, at_once=2 * FORWARD_BYTES * side**2, flags=("stride",))


def random_masks(asked: Asked, side: int) -> Cost:
    return replace(forwards(asked["masks"], side**2), flags=("masks",))


def masks_of_channels(asked: Asked, side: int) -> Cost:
    there = CHANNELS if depth(asked["layer"]) >= DEEP else SHALLOW_CHANNELS
    return replace(forwards(min(asked["channels"] or there, there), side**2), flags=("channels",))


def three_layers(_asked: Asked, side: int) -> Cost:
    return gradients(3, side**2, together=1)


def region_and_gradient(asked: Asked, side: int) -> Cost:
    return at_layer(asked, side) + one_gradient(asked, side)


def depth(layer: str | None) -> int:
    """The place in `features` of what a layer belongs to; of the classifier, other networks, or none, the last."""
    parts = (layer or "").split(".")
    return int(parts[1]) if parts[0] == "features" and len(parts) > 1 and parts[1].isdigit() else 99


# By the setting that says how often a technique asks the network: the first of these that it has.
BY_SETTING: dict[str, Callable[[Asked, int], Cost]] = {
    "samples": noisy_copies,
    "nodes": path,
    "patch": covered_windows,
    "masks": random_masks,
    "channels": masks_of_channels,
    "layer": at_layer,
}
OTHERS = {  # whose settings do not say it; of techniques that are in neither table, a gradient is counted
    "class-map": one_forward,
    "attention-rollout": one_forward,
    "fused-layer-cam": three_layers,
    "guided-grad-cam": region_and_gradient,
}


def map_cost(name: str, given: Mapping[str, Any], side: int) -> Cost:
    """One map of a square picture. given: settings, also of other techniques."""
    technique = TECHNIQUES[name]
    counted = next((BY_SETTING[setting] for setting in BY_SETTING if setting in technique.settings), one_gradient)
    return OTHERS.get(name, counted)(technique.with_defaults(given), side)


def maps_cost(
    names: Iterable[str], given: Mapping[str, Any], side: int, count: int, *, versus: bool, captum: bool
) -> Cost:
    """The maps of `count` pictures by each technique, a picture at a time, and where asked for Captum's of the same.

    versus: each picture is explained for two classes.
    """
    total = Cost()
    for name in names:
        times = (1 + versus) + (captum and bool(TECHNIQUES[name].captum))
        total += map_cost(name, given, side).freed * (count * times) + Cost(held=4 * 3 * count * side**2)
    return total
