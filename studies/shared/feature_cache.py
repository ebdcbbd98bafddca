"""Features and thumbnails kept between runs, found again by what the pictures are. For scripts only.

A folder holds what one network, layer and size gave; its name is the hash of all that could change the numbers. A
file in it holds some dozens of images, each with the hash of its content. A file's own name is the hash of its bytes:
one that was cut off or changed no longer fits its name, is not believed and is thrown away.
"""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save
from torch import nn

from core.errors import WorkError
from core.files import write_whole

FORMAT = 1  # to be raised when the same settings come to mean other numbers


class Entry(NamedTuple):
    """What is kept of an image."""

    features: np.ndarray  # float32 (C,)
    thumbnail: np.ndarray  # uint8 (T, T, 3)


def cache_folder(root: Path, model: nn.Module, settings: dict) -> Path:
    """Where the entries lie that this network gives with these settings, on this device and version of torch."""
    weights = hashlib.sha256()
    for name, value in model.state_dict().items():
        weights.update(name.encode() + value.cpu().numpy().tobytes())
    device = next(model.parameters()).device.type
    facts = {**settings, "weights": weights.hexdigest(), "device": device, "torch": torch.__version__, "format": FORMAT}
    return root / hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def load_entries(folder: Path, wanted: Iterable[bytes]) -> dict[bytes, Entry]:
    """The entries in the folder whose content hash, 32 bytes, is wanted. Damaged files are deleted."""
    wanted, found = set(wanted), {}
    for path in sorted(folder.glob("*.safetensors")):
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != path.stem:
                path.unlink()
                continue
        except OSError:  # another run was quicker, or it may not be read or deleted: the work goes on without
            continue
        try:
            kept = load(data)
            rows = zip(kept["hashes"], kept["features"], kept["thumbnails"], strict=True)
            entries = {hash_.tobytes(): (features, thumbnail) for hash_, features, thumbnail in rows}
        except (SafetensorError, KeyError, ValueError):  # whole, but not ours
            continue
        for hash_ in entries.keys() & wanted:  # copied, or the whole file would stay in memory
            found[hash_] = Entry(*(values.copy() for values in entries[hash_]))
    return found


def save_entries(folder: Path, entries: dict[bytes, Entry]) -> bool:
    """Write the entries to a file of their own, whole or not at all; return whether that could be done."""
    if not entries:
        return True
    data = save(
        {
            "hashes": np.stack([np.frombuffer(hash_, dtype=np.uint8) for hash_ in entries]),
            "features": np.stack([entry.features for entry in entries.values()]),
            "thumbnails": np.stack([entry.thumbnail for entry in entries.values()]),
        }
    )
    try:
        write_whole(folder / f"{hashlib.sha256(data).hexdigest()}.safetensors", data)
    except WorkError:  # a full disk, or a folder that may not be written to: the work goes on without
        return False
    return True
