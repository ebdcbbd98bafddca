"""Arrays as .npz files, which say how they were made: what `numpy.load` reads, compressed, always the same bytes."""

import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from core.kept import Unreadable, opened

ABOUT = "about"  # the entry that holds a JSON text
MOST_SAID = 2**20  # bytes of that text


def array_bytes(arrays: Mapping[str, np.ndarray], about: Mapping[str, object]) -> bytes:
    """The file. No time is written into it, so that the same arrays give the same bytes."""
    file = io.BytesIO()
    np.savez_compressed(file, **{**arrays, ABOUT: np.array(json.dumps(about))})
    return file.getvalue()


def about_arrays(path: Path, *, whole: bool = False) -> dict[str, object]:
    """What an .npz file of ours says of itself. whole: only if all its checksums are right, which reads all of it.

    Raises Unreadable for a file that is none.
    """
    with opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if archive.getinfo(f"{ABOUT}.npy").file_size > MOST_SAID or (whole and archive.testzip()):
                    raise ValueError
                with archive.open(f"{ABOUT}.npy") as entry:
                    text = np.lib.format.read_array(entry, allow_pickle=False).item()
            said = json.loads(text)
        except Exception:  # zipfile, zlib, numpy and json raise a dozen kinds for a bad file
            raise Unreadable("holds no arrays of ours") from None
    if not isinstance(said, dict):
        raise Unreadable("holds no arrays of ours")
    return said
