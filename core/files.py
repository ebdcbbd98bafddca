"""Files that are there whole or not at all, and what they were made from."""

import os
from contextlib import suppress
from pathlib import Path

from core.errors import WorkError
from core.kept import Unreadable, read_png_text, sha256_of


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file beside its place first, then rename it: an interruption leaves no half-written one."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        os.replace(beside, path)
    except OSError as error:
        reason = error.strerror or error
        raise WorkError(f"output: '{path}' cannot be written ({reason}); choose another --output") from None
    finally:
        with suppress(OSError):
            beside.unlink()
    return path


def fingerprint(source: Path | str) -> str:
    """What a picture is, whatever its name and age: the hash of its file, or the name of a default photograph."""
    try:
        return sha256_of(source) if isinstance(source, Path) else source
    except Unreadable:  # not there, or not readable; that is said where it is read
        return ""


def is_there(target: Path, metadata: dict[str, str]) -> bool:
    """Whether the target was made from this picture, with these settings and weights."""

    try:
        texts = read_png_text(target)
    except Unreadable:  # not there, or not a whole PNG
        return False
    return all(texts.get(key) == metadata[key] for key in ("Script", "Settings", "Weights"))


def is_damaged(target: Path) -> bool:
    """Whether something lies at the target that is no whole PNG."""
    try:
        read_png_text(target)
    except Unreadable:
        return os.path.lexists(target)
    return False
