"""Standard output and error as they are found: closed under some schedulers, or on a full disk. The work is done."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO


class Patient:
    """A stream that goes on when its file takes no more: the rest is lost, and `error` says why."""

    def __init__(self, stream: TextIO, *, until_nobody_reads: bool) -> None:
        """until_nobody_reads: whether a pipe that was closed at its other end is told, as BrokenPipeError."""
        self.stream, self.until_nobody_reads = stream, until_nobody_reads
        self.error: OSError | None = None

    def write(self, text: str) -> int:
        return self._try(self.stream.write, text) or 0

    def flush(self) -> None:
        self._try(self.stream.flush)

    def _try(self, act: Callable[..., int | None], *arguments: str) -> int | None:
        try:
            return act(*arguments)
        except OSError as error:
            if self.until_nobody_reads and isinstance(error, BrokenPipeError):
                raise
            self.error = error
            lead_nowhere(self.stream)
            return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def patient_streams() -> Iterator[Patient]:
    """Within the block printing never stops the work, but where a reader closed the pipe. Yields standard output."""
    open_closed_streams()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Patient(sys.stdout, until_nobody_reads=True), Patient(sys.stderr, until_nobody_reads=False)
    try:
        yield sys.stdout
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(BrokenPipeError):
                stream.flush()
        sys.stdout, sys.stderr = before


def lead_nowhere(stream: TextIO) -> None:
    """What waits in Python's buffer goes nowhere, too, or it would be tried again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def open_closed_streams() -> None:
    """Let a closed standard stream lead nowhere.

    Python leaves None in its place, and the next file that is opened would get its number: whatever prints by number
    would print into that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free: this one
    for number, name in enumerate(("stdout", "stderr"), start=1):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", errors="replace", closefd=False))
        elif hasattr(stream := getattr(sys, name), "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # what the terminal's alphabet lacks is printed as its number
