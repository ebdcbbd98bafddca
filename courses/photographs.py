"""The pictures that the courses' scripts explain: the course's own file where it is there, else five photographs."""

import io
import os
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from torchvision.models import SqueezeNet1_1_Weights

from core import images
from core.defaults import PHOTOGRAPHS
from core.errors import UsageError

VARIABLE = "COURSE_IMAGES"
FILE = "imagenet_val_25.npz"
PLACES = (f"data/{FILE}", f"cs231n/datasets/{FILE}", FILE)  # in the folder that a script is run in
# ImageNet's classes of PHOTOGRAPHS: Egyptian cat, espresso, missile, moped, monastery.
PHOTOGRAPH_LABELS = (285, 967, 657, 665, 663)
SIDE = 224


class Photographs(NamedTuple):
    """Pictures with their classes."""

    X: np.ndarray  # uint8 (N, 224, 224, 3)
    y: np.ndarray  # int64 (N,), ImageNet's class numbers
    class_names: dict[int, str]  # of all classes


def load_imagenet_val(num: int | None = None) -> tuple[np.ndarray, np.ndarray, dict[int, str]]:
    """The first `num` pictures, or all -> X uint8 (N, 224, 224, 3), y (N,), class_names: number -> name.

    They come from the course's imagenet_val_25.npz, if the environment variable COURSE_IMAGES names it or it lies in
    data/ or cs231n/datasets/ of the current folder. Else they are five photographs, and a line on stderr says so.
    Raises UsageError, one sentence, for a file that is not the course's.
    """
    if num is not None and num < 1:
        raise UsageError(f"num: {num} pictures asked for; give 1 or more, or None for all")
    path = find_file()
    found = default_photographs() if path is None else read_npz(path)
    if path is None:
        many = f", not {num}" if num is not None and num > len(found.X) else ""
        print(
            f"no {FILE} in data/, and {VARIABLE} is not set: these are {len(found.X) if many else 'the'} "
            f"photographs that come with scikit-image and scikit-learn{many}",
            file=sys.stderr,
        )
    return found.X[:num], found.y[:num], found.class_names


def load_images(num: int = 5) -> tuple[np.ndarray, np.ndarray, list[str], dict[int, str]]:
    """As `load_imagenet_val`, and the names of the pictures' own classes -> X, y, labels (N names), class_names."""
    X, y, class_names = load_imagenet_val(num)
    return X, y, [class_names[label] for label in y.tolist()], class_names


def find_file() -> Path | None:
    """The course's file, if there is one."""
    named = os.environ.get(VARIABLE)
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise UsageError(f"{VARIABLE}: '{named}' is not a file; set it to the course's {FILE}, or unset it")
        return path
    return next((Path(place) for place in PLACES if Path(place).is_file()), None)


def default_photographs() -> Photographs:
    """Five photographs, cropped to squares, with the classes that a person would give them."""
    crops = [np.asarray(images.centre_crop(images.default_photograph(name), SIDE)) for name in PHOTOGRAPHS]
    names = dict(enumerate(SqueezeNet1_1_Weights.IMAGENET1K_V1.meta["categories"]))
    return Photographs(np.stack(crops), np.array(PHOTOGRAPH_LABELS), names)


def read_npz(path: Path) -> Photographs:
    """Read the course's file: X, y and label_map. Its pickle may hold a dictionary of names and nothing else."""
    try:
        with np.load(path, allow_pickle=False) as file:
            X, y = file["X"], file["y"]
        with zipfile.ZipFile(path) as archive:
            names = _read_object(archive.read("label_map.npy"))
        class_names = {int(number): str(name) for number, name in names.items()}
    except (KeyError, ValueError, AttributeError, OSError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise UsageError(
            f"images: '{path}' is not the course's file of X, y and label_map ({error}); download it again"
        ) from None
    if X.ndim != 4 or X.shape[3] != 3 or X.dtype != np.uint8 or len(X) != len(y):
        got = f"X {X.dtype} {X.shape} and y {y.shape}"
        raise UsageError(f"images: '{path}' holds {got}; uint8 (N, H, W, 3) and (N,) are needed, download it again")
    return Photographs(X, y, class_names)


class _DictionaryOnly(pickle.Unpickler):
    """Reads arrays of Python dictionaries, lists, texts and numbers; refuses whatever could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in {"_reconstruct", "ndarray", "dtype", "scalar"}:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it wants to run {module}.{name}")


def _read_object(data: bytes) -> Any:
    """The one Python object in an .npy file."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    (np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0)(stream)
    return _DictionaryOnly(stream, encoding="latin1").load().item()
