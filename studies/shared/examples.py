"""The scenes that the scripts show by default when the network is the embedded one."""

from typing import NamedTuple

import numpy as np
from torch import nn

from core.errors import UsageError
from patterns.scenes import CLASS_NAMES, render_scene

CLASSES = ("star", "honeycomb", "fish", "spiral", "butterfly")


class Example(NamedTuple):
    """A scene with the name of its class."""

    name: str
    image: np.ndarray  # uint8 (H, W, 3)
    mask: np.ndarray  # bool (H, W)


def check_classes(model: nn.Module) -> None:
    """Raise UsageError if the network's classes are not those of the scenes: its answers could not be judged."""
    if model.class_names != CLASS_NAMES:
        raise UsageError(f"weights: {model.weights_name} does not know the scenes' classes; use --weights patterns")


def example_scenes(class_names: tuple[str, ...], *, size: int, seed: int) -> list[Example]:
    """One scene of each of CLASSES; none, if the network's classes are not those of the scenes."""
    if tuple(class_names) != CLASS_NAMES:
        return []
    scenes = [render_scene(name, seed=seed, size=size) for name in CLASSES]
    return [Example(name, scene.image, scene.mask) for name, scene in zip(CLASSES, scenes, strict=True)]
