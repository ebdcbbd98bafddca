"""Files that a program wrote earlier and reads again. Whatever has become of them, they are data and have limits.

Only regular files are opened: a named pipe or a device would never end. What cannot be used is one kind of error,
`Unreadable`, whose words go on after the file's name. Each kind of file has a name and a version of its format; what
must be in it is said where it is read.
"""

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from PIL import Image

from core.quiet import quietly

MOST_BYTES = 1 << 28  # of a file that is read whole: 256 MiB
NO_FILES: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "is a folder"),
    (stat.S_ISFIFO, "is a named pipe, not a file"),
    (stat.S_ISSOCK, "is a socket, not a file"),
    (stat.S_ISCHR, "is a device, not a file"),
    (stat.S_ISBLK, "is a device, not a file"),
)


class Unreadable(ValueError):
    """Why a file cannot be used, in words that follow its name: "is a folder"."""


class NoFile(Unreadable):
    """There is nothing at this path that can be opened and read."""


@contextmanager
def opened(path: str | Path, most: int = MOST_BYTES) -> Iterator[BinaryIO]:
    """A regular file of 1 to `most` bytes, open for reading. Raises Unreadable for anything else, without waiting."""
    try:
        _check(os.stat(path), most)
        # Without waiting, should a named pipe have taken its place since.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            _check(os.fstat(descriptor), most)
            yield file
    except FileNotFoundError:
        raise NoFile("is a link to nothing" if os.path.islink(path) else "is not there") from None
    except OSError as error:
        raise NoFile(f"cannot be read ({error.strerror or error}); change its permissions") from None


def _check(facts: os.stat_result, most: int) -> None:
    for is_kind, words in NO_FILES:
        if is_kind(facts.st_mode):
            raise NoFile(words)
    if facts.st_size == 0:
        raise Unreadable("is empty (0 bytes)")
    if facts.st_size > most:
        raise Unreadable(f"is too large: {facts.st_size} bytes, where at most {most} are read")


def read_bytes(path: str | Path, most: int = MOST_BYTES) -> bytes:
    """The whole file. Raises Unreadable as `opened` does."""
    with opened(path, most) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Unreadable(f"is too large: at most {most} bytes are read")
    return data


def sha256_of(path: str | Path, most: int = 1 << 34) -> str:
    """The hash of a file of any size. Raises Unreadable as `opened` does."""
    with opened(path, most) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse_json(text: str | bytes) -> Any:
    """What a JSON text holds. Raises Unreadable for what is none, NaN included, and for endless nesting."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise Unreadable("holds text that is no JSON") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def as_json(content: Any, *, kind: str, version: int) -> bytes:
    """What `read_json` reads: the content with its kind, version and checksum. There is no NaN in JSON: use None."""
    whole = {"kind": kind, "version": version, "sha256": _checksum(content), "content": content}
    return json.dumps(whole, allow_nan=False).encode()


def read_json(path: str | Path, *, kind: str, version: int, most: int = MOST_BYTES) -> Any:
    """The content that `as_json` wrote, unchanged. Raises Unreadable for another kind, version or checksum."""
    whole = parse_json(read_bytes(path, most))
    if not isinstance(whole, dict) or whole.keys() != {"kind", "version", "sha256", "content"}:
        raise Unreadable(f"holds no {kind}")
    if whole["kind"] != kind:
        raise Unreadable(f"holds no {kind}")
    if type(whole["version"]) is not int or whole["version"] != version:
        raise Unreadable("is of another version of this program")
    if whole["sha256"] != _checksum(whole["content"]):
        raise Unreadable("is damaged: its checksum is another one")
    return whole["content"]


def _checksum(content: Any) -> str:
    try:
        return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()
    except (ValueError, RecursionError):  # infinity, which JSON can hold as 1e999, or nested too deeply to be written
        raise Unreadable("holds numbers that are not finite, or is nested too deeply") from None


def read_png_text(path: str | Path) -> dict[str, str]:
    """What a PNG says of itself before its pixels. It is whole, as its checksums tell; the pixels are not decoded.

    Raises Unreadable for a file that is no whole PNG, or whose size or texts pass Pillow's limits.
    """
    with opened(path) as file, quietly():  # Pillow warns of large pictures: it is the text that is wanted
        try:
            with Image.open(file, formats=["PNG"]) as image:
                texts = {key: str(value) for key, value in image.info.items() if isinstance(value, str)}
                image.verify()
        except Exception:  # Pillow raises a dozen kinds for a bad file
            raise Unreadable("is no whole PNG") from None
    return texts
