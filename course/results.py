"""What is known about one part of a hand-in after its check, and the line that tells it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Status = Literal["right", "wrong", "not written", "missing", "crashed", "too slow"]
WIDTH = 24  # of the column of titles
LARGE = 1e-3  # an error above it looks wrong


@dataclass(frozen=True)
class PartResult:
    """One part of one hand-in.

    Attributes:
        part: the part's key, such as "gram_matrix".
        title: the part's name for people, such as "Gram matrix".
        status: the verdict.
        error: the course's error, the largest |x - y| / max(1e-8, |x| + |y|), or None where nothing can be compared.
        sentence: what is wrong and where to look, for the student.
        mistakes: names of the catalogue's mistakes that were recognised; one, or a pair.
        notes: sentences on side effects, such as an input that was changed in place.
        output: what the student's own code printed, cut.
        seconds: how long the check of this part took.
        picture: (theirs, right) for parts that return maps or pictures: both (H, W) or both (H, W, 3).
    """

    part: str
    title: str
    status: Status
    error: float | None = None
    sentence: str = ""
    mistakes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    output: str = ""
    seconds: float = 0.0
    picture: tuple[np.ndarray, np.ndarray] | None = None


def error_of(result: PartResult) -> str:
    """The error in words. The course's is relative: where a number is near 0, rounding alone makes it large."""
    near_zero = result.status == "right" and result.error > LARGE
    return f"error {result.error:.2g}{', by rounding where numbers are near 0' if near_zero else ''}"


def line(result: PartResult) -> str:
    """One part in one line: title, verdict, error where there is one, then the sentence and the notes."""
    verdict = result.status
    if result.error is not None:
        verdict += f" ({error_of(result)})"
    said = " ".join(" ".join((result.sentence, *result.notes)).split())
    return f"{result.title:<{WIDTH}} {verdict}" + (f": {said}" if said else "")
