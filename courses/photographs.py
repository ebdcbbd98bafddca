"""The pictures that the courses' scripts explain: the course's own file where it is there, else five photographs."""

import io
import math
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
from core.kept import Unreadable, opened

VARIABLE = "COURSE_IMAGES"
FILE = "imagenet_val_25.npz"
PLACES = (f"data/{FILE}", f"cs231n/datasets/{FILE}", FILE)  # in the folder that a script is run in
# ImageNet's classes of PHOTOGRAPHS: Egyptian cat, espresso, missile, moped, monastery.
PHOTOGRAPH_LABELS = (285, 967, 657, 665, 663)
SIDE = 224
MOST_BYTES = 1 << 29  # of the file, and of what it unpacks to: 512 MiB
NOT_THE_FILE = "is not the course's file of X, y and label_map"


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
        with opened(path, MOST_BYTES) as file, zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
            if unpacked > MOST_BYTES:
                raise Unreadable(f"it unpacks to {unpacked} bytes, where {MOST_BYTES} are read")
            X, y = (_read_array(archive.read(f"{name}.npy")) for name in ("X", "y"))
            names = _read_object(archive.read("label_map.npy"))
    except Unreadable as error:
        raise UsageError(f"images: '{path}' {NOT_THE_FILE} ({error}); download it again") from None
    except Exception as error:  # zipfile, numpy and pickle raise a dozen kinds for a bad file
        words = " ".join(f"{type(error).__name__} {error}".split())[:100]
        raise UsageError(f"images: '{path}' {NOT_THE_FILE} ({words}); download it again") from None
    wrong = _misfit(X, y, names)
    if wrong:
        raise UsageError(f"images: '{path}' holds {wrong}; download it again")
    return Photographs(X, y, {int(number): str(name) for number, name in names.items()})


def _misfit(X: np.ndarray, y: np.ndarray, names: object) -> str:
    """What is wrong with the three, in words; nothing if they are what they should be."""
    if X.ndim != 4 or X.shape[3] != 3 or X.dtype != np.uint8 or y.shape != X.shape[:1] or 0 in X.shape:
        return f"X {X.dtype} {X.shape} and y {y.shape}; uint8 (N, H, W, 3) and (N,) are needed"
    if not np.issubdtype(y.dtype, np.integer):
        return f"classes y of {y.dtype}; whole numbers are needed"
    if not isinstance(names, dict) or not all(isinstance(number, (int, np.integer)) for number in names):
        return "a label_map that does not give each number its name"
    if not all(isinstance(name, str) for name in names.values()):
        return "a label_map whose names are no texts"
    lacking = sorted(set(y.tolist()) - {int(number) for number in names})
    return f"class {lacking[0]} in y, which has no name in label_map" if lacking else ""


def _read_array(data: bytes) -> np.ndarray:
    """The array in an .npy file, which must be as long as its header says: that is checked before memory is taken."""
    stream = io.BytesIO(data)
    shape, dtype = _read_header(stream)
    if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise Unreadable("an array in it is cut off, or holds objects")
    stream.seek(0)
    return np.lib.format.read_array(stream, allow_pickle=False)


def _read_header(stream: io.BytesIO) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and dtype of an .npy file; the stream is left where the values begin."""
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise Unreadable("an array in it is of another format")
    shape, _, dtype = read(stream)
    return shape, dtype


class _DictionaryOnly(pickle.Unpickler):
    """Reads arrays of Python dictionaries, lists, texts and numbers; refuses whatever could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy") and name in {"_reconstruct", "ndarray", "dtype", "scalar"}:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it wants to run {module}.{name}")


def _read_object(data: bytes) -> Any:
    """The one Python object in an .npy file."""
    stream = io.BytesIO(data)
    _read_header(stream)
    return _DictionaryOnly(stream, encoding="latin1").load().item()
