"""The pictures of one class: those of a folder, or rendered scenes whose kinds are known."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from torch import nn

from core.errors import UsageError
from core.images import centre_crop
from patterns.kinds import kind_names, planted_kinds
from patterns.scenes import CLASS_NAMES, render_indexed
from studies.facets.flags import CLASSES
from studies.shared.options import find_class
from studies.shared.pictures import Picture, list_pictures, load_pictures, open_picture
from studies.shared.report import Report


class Pictures(NamedTuple):
    """The pictures of one class, read one by one, so that memory does not grow with their number."""

    label: int
    count: int
    read: Callable[[int], np.ndarray]  # number -> uint8 (H, W, 3)
    kinds: list[str]  # the kind of each, by name, where it is known


def folder(
    model: nn.Module, paths: Sequence[str], labels: Sequence[str], *, size: int, report: Report
) -> list[Pictures]:
    """The pictures named, as of one class: the one label, or the class predicted most often. Broken ones are named."""
    good, broken, predicted = [], [], Counter()
    for picture in report.progress(list_pictures(paths, report.say), desc="read", unit="picture"):
        try:
            batch = load_pictures(model, [picture], [None], size, report)
        except UsageError as error:
            broken.append(error)
            continue
        good.append(picture)
        predicted.update(batch.labels.tolist())
    if not good:
        raise broken[0]
    for error in broken:
        report.skip(error)
    label = find_class(labels[0], model.class_names) if labels else predicted.most_common(1)[0][0]
    seen = f"which the network sees in {predicted[label]} of {len(good)} pictures"
    report.say(f"class {model.class_names[label]}, {seen}")
    return [Pictures(label, len(good), partial(read_picture, good, size), [])]


def read_picture(pictures: Sequence[Picture], size: int, index: int) -> np.ndarray:
    """Picture `index`, cropped, uint8 (size, size, 3)."""
    return np.asarray(centre_crop(open_picture(pictures[index], longest=math.inf), size))


def scenes(model: nn.Module, labels: Sequence[str], *, count: int, size: int, seed: int) -> list[Pictures]:
    """Rendered scenes of each class asked for, their kinds drawn at random."""
    if model.class_names != CLASS_NAMES:
        raise UsageError(
            f"images: none given, and {model.weights_name} does not know the rendered scenes; "
            "give a folder of pictures of one class, or --weights patterns"
        )
    groups = []
    for label in [find_class(text, CLASS_NAMES) for text in labels or CLASSES]:
        kinds, names = planted_kinds(label, count, seed=seed), kind_names(label)
        read = partial(read_scene, label, kinds, size, seed)
        groups.append(Pictures(label, count, read, [names[kind] for kind in kinds] if names else []))
    return groups


def read_scene(label: int, kinds: Sequence[int | None], size: int, seed: int, index: int) -> np.ndarray:
    """Scene `index` of a class, in its kind, uint8 (size, size, 3)."""
    return render_indexed(label, seed=seed, index=index, size=size, facet=kinds[index]).image
