"""Where a study's words, pictures and progress go. This one is the terminal and files; a page or a test has its own."""

import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from tqdm import tqdm

from core.errors import UsageError
from core.gradients import BlankMapWarning
from drawing.files import save_animation, save_picture
from drawing.words import words_in_latin
from studies.shared.progress import progress

Result = TypeVar("Result")


class Report:
    """Says what happens on standard output, what fails on standard error, and writes files."""

    def __init__(self) -> None:
        self.failed = False  # a part of the work: the others are done, and the exit code is 1

    def say(self, text: str) -> None:
        """A line of results."""
        print(text)

    def fail(self, text: str) -> None:
        """A line about a part of the work that could not be done."""
        print(text, file=sys.stderr)
        self.failed = True

    def skip(self, error: UsageError) -> None:
        """Name a file that could not be used; the others are done."""
        self.fail(f"skipped: {error}")

    def picture(self, pixels: np.ndarray | Image.Image, path: Path, metadata: dict[str, str]) -> Path:
        """Write a picture, whole or not at all, and say where."""
        self.say(f"wrote {save_picture(pixels, path, metadata)}")
        if sentence := words_in_latin():
            self.say(sentence)
        return path

    def animation(self, frames: Sequence[np.ndarray], path: Path, metadata: dict[str, str], **settings: Any) -> Path:
        """Write a GIF, and say where. settings: those of `drawing.files.save_animation`."""
        self.say(f"wrote {save_animation(frames, path, metadata, **settings)}")
        return path

    def progress(self, steps: Iterable | None = None, **words: Any) -> tqdm:
        """A progress bar over `steps`, or to be updated by hand; none where nobody watches (no terminal)."""
        return progress(steps, **words)


def with_reason(explain: Callable[[], Result]) -> tuple[Result, str]:
    """What `explain()` returns, and why its map is blank, in the technique's own words; nothing if it is not."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", BlankMapWarning)
        result = explain()
    reasons = [str(warning.message).partition("is blank: ")[2] for warning in said]
    return result, next(filter(None, reasons), "")
