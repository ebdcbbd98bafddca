"""Scenes of one class with planted kinds: the truth that facets found without labels are judged by."""

import numpy as np

from patterns.objects import FACETS
from patterns.scenes import CLASS_NAMES, class_number


def kind_names(label: int | str) -> tuple[str, ...]:
    """The names of the kinds planted in a class; none for most classes."""
    return FACETS.get(CLASS_NAMES[class_number(label)], ())


def planted_kinds(label: int | str, count: int, *, seed: int) -> list[int | None]:
    """The kind of each of `count` scenes, drawn at random; None where the class has no kinds."""
    kinds = len(kind_names(label))
    return np.random.default_rng(seed).integers(kinds, size=count).tolist() if kinds else [None] * count
