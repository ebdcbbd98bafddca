"""The pictures to compare, named but not yet read: rendered scenes, handwritten digits, files."""

import hashlib
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import patterns
from core.defaults import PHOTOGRAPHS
from core.files import fingerprint
from core.images import centre_crop, default_photograph, load_image
from core.named_files import is_list, spread
from core.paths import as_path
from core.picture_files import count_others, is_picture, list_image_files, shown
from core.shards import Damage, Member
from patterns.scenes import CLASS_NAMES, render_indexed
from studies.embedding.flags import Settings
from studies.shared.report import Report, counted


class Source(NamedTuple):
    """A picture that is named but not yet read."""

    name: str
    class_name: str  # "" where nobody knows
    content: Callable[[], bytes]  # a hash of all that its pixels depend on
    read: Callable[[int], np.ndarray]  # side in pixels -> uint8 (side, side, 3), as the network gets it


def list_sources(settings: Settings, report: Report) -> tuple[str, list[Source]]:
    """What the images are, in words, and the images."""
    if settings.digits:
        return "handwritten digits", digit_sources()
    if settings.images:
        return "images", [source for path in settings.images for source in path_sources(path, report)]
    return "rendered scenes", scene_sources(settings.scenes, settings.seed)


def scene_sources(count: int, seed: int) -> list[Source]:
    """Rendered scenes of all classes in turn. A scene depends on its numbers and on the code that renders it."""
    code = hashlib.sha256(np.__version__.encode())
    for path in sorted(Path(patterns.__file__).parent.glob("*.py")):
        code.update(path.read_bytes())

    def source(index: int) -> Source:
        scene = {"seed": seed, "index": index}
        name = CLASS_NAMES[index % len(CLASS_NAMES)]
        return Source(
            f"scene {index}",
            name,
            lambda: hashlib.sha256(f"{name} {scene} {code.hexdigest()}".encode()).digest(),
            lambda size: render_indexed(name, **scene, size=size).image,
        )

    return [source(index) for index in range(count)]


def digit_sources() -> list[Source]:
    """The 1797 digits of 8 x 8 pixels that come with scikit-learn, black on white."""
    digits = load_digits()
    greys = (255 - digits.images * (255 / 16)).round().astype(np.uint8)  # (N, 8, 8), 0 to 16 -> 255 to 0

    def source(index: int) -> Source:
        return Source(
            f"digit {index}",
            str(digits.target[index]),
            lambda: hashlib.sha256(b"8 x 8 " + greys[index].tobytes()).digest(),
            lambda size: np.asarray(Image.fromarray(greys[index]).convert("RGB").resize((size, size), Image.BICUBIC)),
        )

    return [source(index) for index in range(len(greys))]


def path_sources(path: str, report: Report) -> list[Source]:
    """The pictures of a file, list or shard, of a folder, or of a folder's subfolders, each of which is a class."""
    if path in PHOTOGRAPHS:
        return [photograph_source(path)]
    if is_list(path) or spread(path) != [path]:
        return [file_source(file) for file in list_image_files([path], report.say)]
    folder = as_path(path, "images")
    inside = sorted(folder.iterdir()) if folder.is_dir() else []
    classes, others = [], []
    for below in (entry for entry in inside if entry.is_dir() and not entry.name.startswith(".")):
        files = sorted(file for file in below.rglob("*") if is_picture(file))
        others += sorted(file.name for file in below.rglob("[!.]*") if not (file.is_dir() or is_picture(file)))
        classes += [file_source(file, below.name) for file in files]
    if not classes:
        return [file_source(file) for file in list_image_files([path], report.say)]
    if others:
        report.say(f"left out of the folders in '{shown(path)}': {count_others(others)}")
    beside = sum(map(is_picture, inside))
    if beside:
        report.say(
            f"left out: {counted(beside, 'picture')} of '{shown(path)}' beside its subfolders, which have no class"
        )
    return classes


def photograph_source(name: str) -> Source:
    """A default photograph."""
    hash_ = hashlib.sha256(f"photograph {name}".encode()).digest()
    return Source(name, "", lambda: hash_, lambda size: np.asarray(centre_crop(default_photograph(name), size)))


def file_source(file: Path | Member | Damage, class_name: str = "") -> Source:
    """A picture file, or one in a shard."""
    return Source(
        shown(file.stem),
        shown(class_name),
        lambda: file_hash(file),
        lambda size: np.asarray(centre_crop(load_image(file, longest=math.inf), size)),
    )


def file_hash(path: Path | Member | Damage) -> bytes:
    """A hash of the file's content; of its name where it cannot be read, which is said where the picture is wanted."""
    if not isinstance(path, Path):
        return hashlib.sha256(f"in a shard {fingerprint(path) or path}".encode("utf-8", "surrogateescape")).digest()
    try:
        if path.is_file():  # a pipe would be waited for without end
            return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        pass
    return hashlib.sha256(b"unreadable " + os.fsencode(path)).digest()
