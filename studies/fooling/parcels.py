"""What a process has fooled, as bytes: so it travels to the first, which draws. No code is run to read them."""

import io
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from studies.fooling.figure import Judged


class Told(NamedTuple):
    """An attack on one image, judged, and the line about it."""

    judged: Judged
    words: str


def packed(done: Mapping[int, Told]) -> bytes:
    """The jobs by their numbers."""
    data = io.BytesIO()
    arrays = {f"{number} words": np.array(told.words) for number, told in done.items()}
    for number, told in done.items():
        arrays |= {f"{number} {name}": np.asarray(value) for name, value in told.judged._asdict().items()}
    np.savez(data, **arrays)
    return data.getvalue()


def unpacked(part: bytes) -> dict[int, Told]:
    """What was packed, unchanged."""
    with np.load(io.BytesIO(part), allow_pickle=False) as arrays:
        numbers = [int(name.split()[0]) for name in arrays.files if name.endswith(" words")]

        def value(number: int, name: str) -> np.ndarray | str | bool:
            found = arrays[f"{number} {name}"]
            return found if found.ndim else found.item()

        return {
            number: Told(Judged(*(value(number, name) for name in Judged._fields)), value(number, "words"))
            for number in numbers
        }
