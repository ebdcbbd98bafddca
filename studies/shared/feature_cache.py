"""Features and thumbnails kept between runs, found again by what the pictures are. For scripts only.

A folder holds what one network, layer and size gave; its name is the hash of all that could change the numbers. A
file in it holds some dozens of images, each with the hash of its content. A file's own name is the hash of its bytes:
one that was cut off or changed no longer fits its name, is not believed and is thrown away.
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.numpy import save
from torch import nn

from core.errors import WorkError
from core.files import write_whole
from core.kept import NoFile, Unreadable, sha256_of
from core.networks import hash_of
from core.tensor_files import read_tensors

FORMAT = 2  # to be raised when the same settings come to mean other numbers, or the files are of another kind
KINDS = {"hashes": torch.uint8, "features": torch.float32, "thumbnails": torch.uint8}  # of the tensors in a file


class Entry(NamedTuple):
    """What is kept of an image."""

    features: np.ndarray  # float32 (C,)
    thumbnail: np.ndarray  # uint8 (T, T, 3)


def cache_folder(root: Path, model: nn.Module, settings: dict) -> Path:
    """Where the entries lie that this network gives with these settings, on this device and version of torch."""
    network = [getattr(model, "model_name", None), getattr(model, "weights_name", None), hash_of(model)]
    device = next(model.parameters()).device.type
    facts = {**settings, "network": network, "device": device, "torch": torch.__version__, "format": FORMAT}
    return root / hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


class Found(dict[bytes, Entry]):
    """The entries by their content hash."""

    damaged = 0  # files that were no use; they were deleted, where that could be done


def load_entries(folder: Path, wanted: Iterable[bytes], shapes: tuple[int, int] | None = None) -> Found:
    """The entries in the folder whose content hash, 32 bytes, is wanted. Damaged files are deleted.

    shapes: the number of features and the thumbnails' side, where they are known; a file of others is damaged.
    """
    wanted, found = set(wanted), Found()
    for path in sorted(folder.glob("*.safetensors")):
        try:
            entries = read_entries(path, shapes)
        except NoFile:  # another run was quicker, or it is no file or may not be read: the work goes on without
            continue
        except Unreadable:
            found.damaged += 1
            with suppress(OSError):
                path.unlink()
            continue
        for hash_ in entries.keys() & wanted:  # copied, or the whole file would stay in memory
            found[hash_] = Entry(*(values.copy() for values in entries[hash_]))
    return found


def read_entries(path: Path, shapes: tuple[int, int] | None = None) -> dict[bytes, Entry]:
    """All entries of one file. Raises `core.kept.Unreadable` for one that `save_entries` did not write."""
    if sha256_of(path) != path.stem:
        raise Unreadable("is damaged: its name is the hash of other bytes")
    tensors, texts = read_tensors(path)
    if texts != {"format": str(FORMAT)}:
        raise Unreadable("is of another version of this program")
    kept = {name: values.numpy() for name, values in tensors.items() if values.dtype in KINDS.values()}
    if tensors.keys() != KINDS.keys() or any(tensors[name].dtype != kind for name, kind in KINDS.items()):
        raise Unreadable("holds no features")
    hashes, features, thumbnails = (kept[name] for name in KINDS)
    count = len(hashes)
    known = shapes or (features.shape[-1], thumbnails.shape[1] if thumbnails.ndim == 4 else 0)
    fits = features.shape == (count, known[0]) and thumbnails.shape == (count, known[1], known[1], 3)
    if not fits or hashes.shape != (count, 32) or not np.isfinite(features).all():
        raise Unreadable("holds features of another shape")
    return {hash_.tobytes(): Entry(*rest) for hash_, *rest in zip(hashes, features, thumbnails, strict=True)}


def save_entries(folder: Path, entries: dict[bytes, Entry]) -> bool:
    """Write the entries to a file of their own, whole or not at all; return whether that could be done."""
    if not entries:
        return True
    data = save(
        {
            "hashes": np.stack([np.frombuffer(hash_, dtype=np.uint8) for hash_ in entries]),
            "features": np.stack([entry.features for entry in entries.values()]),
            "thumbnails": np.stack([entry.thumbnail for entry in entries.values()]),
        },
        metadata={"format": str(FORMAT)},
    )
    try:
        write_whole(folder / f"{hashlib.sha256(data).hexdigest()}.safetensors", data)
    except WorkError:  # a full disk, or a folder that may not be written to: the work goes on without
        return False
    return True
