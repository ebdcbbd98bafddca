"""Tensors out of files, as data: safetensors files, and what torch.save wrote.

A file of torch.save is a pickle, which names classes and functions to be called. Only those that torch holds for data
are; others of the PASSED_OVER packages are replaced by `StandIn`, which keeps what the object held and runs nothing.
"""

import json
import pickletools
import struct
import threading
import warnings
import zipfile
from collections.abc import Collection, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors.torch import load
from torch import Tensor

from core.kept import MOST_BYTES, Unreadable, opened, read_bytes

# Objects of these are passed over, or searched for weights. Nothing of these packages is called.
PASSED_OVER = ("torch.", "torchvision.", "argparse.Namespace", "pathlib.", "numpy.", "collections.defaultdict")
PLAIN = (  # what torch reads as data by itself
    *("collections.OrderedDict", "collections.Counter", "_codecs.encode"),
    *("builtins.set", "builtins.bytearray", "builtins.complex"),
)
SAVE_THE_STATE = "save the weights alone: torch.save(network.state_dict(), FILE)"
CHECKSUM = "checksum"  # the entry of a safetensors file that this program wrote

_one_at_a_time = threading.Lock()  # torch keeps the classes that may be read in one place for all threads


class StandIn:
    """In the place of any object of a file: it keeps what the object held, as data."""

    held: dict[str, Any]

    def __new__(cls, *_arguments: Any) -> "StandIn":
        made = object.__new__(cls)
        made.held = {}
        return made

    def __init__(self, *_arguments: Any) -> None:
        """Whatever the object was made with is passed over."""

    def __setstate__(self, state: Any) -> None:
        self.held = state if isinstance(state, dict) else {}


def read_tensors(path: Path, most: int = MOST_BYTES) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors of a safetensors file and its texts. Raises `core.kept.Unreadable` for any other file.

    Where the texts tell a checksum, as `checksum_of` gives it, it must be the tensors' own.
    """
    data = read_bytes(path, most)
    try:
        tensors = load(data)  # it checks that the header is sound and that every byte belongs to a tensor
        (length,) = struct.unpack("<Q", data[:8])
        texts = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    except Exception:  # safetensors, json and torch raise a dozen kinds for a bad file
        raise Unreadable(f"is no whole safetensors file ({len(data)} bytes): cut off or damaged") from None
    if CHECKSUM in texts and texts[CHECKSUM] != checksum_of(tensors, texts):
        raise Unreadable("is damaged: its checksum is another one")
    return tensors, texts


def checksum_of(tensors: Mapping[str, Tensor], texts: Mapping[str, str]) -> str:
    """A hash of the texts, and of the tensors' names, types, shapes and bytes: safetensors itself has none."""
    told = sorted((name, text) for name, text in texts.items() if name != CHECKSUM)
    digest = sha256(json.dumps(told).encode())
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_pickled(path: Path, most: int = MOST_BYTES) -> Any:
    """What torch.save wrote, as data: nothing that the file names is run, see `StandIn`.

    Raises `core.kept.Unreadable` for a file that is damaged, that unpacks to more than its size, or that holds objects
    which cannot be passed over.
    """
    with opened(path, most) as file:
        size = file.seek(0, 2)
        broken = f"({size} bytes) is not a readable weights file"
        named: set[str] = set()
        try:
            is_archive = zipfile.is_zipfile(file)
            file.seek(0)
            named = _named_in_archive(file, size) if is_archive else _named_in_pickles(file)
            file.seek(0)
            with _one_at_a_time, warnings.catch_warnings(), torch.serialization.safe_globals(_stand_ins(named)):
                warnings.simplefilter("ignore")
                whole = torch.load(file, map_location="cpu", weights_only=True)
        except Unreadable as error:
            raise Unreadable(f"{broken}: {error}") from None
        except Exception:  # torch, zipfile and pickle raise a dozen kinds for a bad file
            foreign = sorted(name for name in named if name not in PLAIN and not name.startswith(PASSED_OVER))
            if foreign:
                words = f"it holds {foreign[0]} besides weights, and to read that could run code of the file"
                raise Unreadable(f"{broken}: {words}; {SAVE_THE_STATE}") from None
            raise Unreadable(f"{broken}: truncated, damaged or of another format; get it again") from None
    return whole


def _named_in_archive(file: BinaryIO, size: int) -> set[str]:
    """The classes and functions that a file of today's torch.save names. Raises Unreadable for a damaged one."""
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if any(Path(entry.filename).name == "constants.pkl" for entry in entries):
            raise Unreadable(f"it is a TorchScript archive, which holds a program; {SAVE_THE_STATE}")
        if sum(entry.file_size for entry in entries) > size:
            raise Unreadable("it unpacks to more than its size, which torch.save never writes")
        if archive.testzip() is not None:
            raise Unreadable("damaged, its checksums do not agree; get it again")
        pickles = [entry for entry in entries if Path(entry.filename).name == "data.pkl"]
        named = set()
        for entry in pickles:
            with archive.open(entry) as stream:
                named |= _named_in(stream)
        return named


def _named_in_pickles(file: BinaryIO) -> set[str]:
    """The same of the older format: a magic number, a version, the system, what was saved."""
    return set().union(*(_named_in(file) for _ in range(4)))


def _named_in(stream: BinaryIO) -> set[str]:
    """Listed, not run: "torch.nn.modules.conv.Conv2d"."""
    return {argument.replace(" ", ".") for code, argument, _ in pickletools.genops(stream) if code.name == "GLOBAL"}


def _stand_ins(named: Collection[str]) -> list[type]:
    """A stand-in for each class that may be passed over. What torch reads as data by itself stays torch's."""
    return [_stand_in(name) for name in sorted(named) if name.startswith(PASSED_OVER)]


@cache
def _stand_in(name: str) -> type:
    module, _, last = name.rpartition(".")
    return type(last, (StandIn,), {"__module__": module, "__qualname__": last})
