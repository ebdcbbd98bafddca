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
from core.files import write_whole
from core.gradients import BlankMapWarning
from core.own_files import LARGEST_TABLE, is_ours, read_some
from core.protection import expect
from core.sharing import company
from drawing.files import OF_MANY, save_animation, save_picture
from drawing.tables import csv_bytes, markdown, signed
from drawing.words import words_in_latin
from studies.shared.progress import progress

Result = TypeVar("Result")
Rows = Sequence[Sequence[str]]


class Report:
    """Says what happens on standard output, what fails on standard error, and writes files.

    Of several processes the first alone says what happens; what fails in another is said with its number.
    """

    def __init__(self) -> None:
        self.failed = False  # a part of the work: the others are done, and the exit code is 1

    def say(self, text: str) -> None:
        """A line of results."""
        if company().leads:
            print(text)

    def fail(self, text: str) -> None:
        """A line about a part of the work that could not be done."""
        print(f"{company().name}{text}", file=sys.stderr)
        self.failed = True

    def skip(self, error: UsageError) -> None:
        """Name a file that could not be used; the others are done."""
        self.fail(f"skipped: {error}")

    def expect(self, paths: Iterable[Path]) -> None:
        """Check, before the work, files that it will write and that the settings' `outputs` do not tell.

        Raises UsageError for one of the inputs, or a file of other origin; WorkError for one that cannot be written.
        """
        expect(paths)

    def picture(
        self, pixels: np.ndarray | Image.Image, path: Path, metadata: dict[str, str], *, silently: bool = False
    ) -> Path:
        """Write a picture, whole or not at all, and say where; `silently`, if it is one of many, counted."""
        save_picture(pixels, path, metadata, **(OF_MANY if silently else {}))
        if not silently:
            self.say(f"wrote {path}")
        if sentence := words_in_latin():
            self.say(sentence)
        return path

    def animation(self, frames: Sequence[np.ndarray], path: Path, metadata: dict[str, str], **settings: Any) -> Path:
        """Write a GIF, say where and how large it came out. settings: those of `drawing.files.save_animation`."""
        save_animation(frames, path, metadata, **settings)
        self.say(f"wrote {path}, {len(frames)} frames, {path.stat().st_size / 1e6:.1f} MB")
        return path

    def table(
        self, path: Path, header: Sequence[str], rows: Rows, note: str = "", *, numbers: tuple[Sequence[str], Rows] = ()
    ) -> None:
        """Write a table for people, to `path` with its ending made .md, and one for programs, .csv; say the first.

        note: stands below. numbers: header and rows of the second, if it is not the same table.
        """
        text = markdown(header, rows) + (f"\n{note}\n" if note else "")
        data, there = csv_bytes(*(numbers or (header, rows))), path.with_suffix(".csv")
        last = read_some(there, LARGEST_TABLE) if is_ours(there) else None
        self.say(f"{text}wrote {write_whole(path.with_suffix('.md'), signed(text, data, last=last))}")
        self.say(f"wrote {write_whole(path.with_suffix('.csv'), data)}")

    def progress(self, steps: Iterable | None = None, **words: Any) -> tqdm:
        """A progress bar over `steps`, or to be updated by hand; none where nobody watches (no terminal).

        Of several processes the first has one, of its own share.
        """
        return progress(steps, **words) if company().leads else tqdm(steps, **words | {"disable": True})

    def of_all(self) -> "Report":
        """For what all processes do alike: this one in the first of them, a silent one in the others."""
        return self if company().leads else Silent()


class Silent(Report):
    """Says nothing, for the same is said elsewhere; its progress can be watched."""

    def say(self, text: str) -> None:
        """Nothing."""

    def fail(self, text: str) -> None:
        """Nothing."""


def with_reason(explain: Callable[[], Result]) -> tuple[Result, str]:
    """What `explain()` returns, and why its map is blank, in the technique's own words; nothing if it is not."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", BlankMapWarning)
        result = explain()
    reasons = [str(warning.message).partition("is blank: ")[2] for warning in said]
    return result, next(filter(None, reasons), "")


def counted(number: int, thing: str) -> str:
    """ "1 picture", "3 pictures"."""
    return f"{number} {thing}{'s' * (number != 1)}"
