"""Files that are there whole or not at all, and what they were made from."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from PIL import Image

from core.protection import IN_FORCE, beside_name, cannot_write


def write_whole(path: Path, data: bytes) -> Path:
    """Write a file beside its place first, then rename it: an interruption leaves no half-written one.

    Raises UsageError for a file that the protection in force keeps, WorkError where it cannot be written.
    """
    protection = IN_FORCE.get()
    if protection:
        protection.about_to_write(path)
    beside = beside_name(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        os.replace(beside, path)
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from None
    finally:
        with suppress(OSError, ValueError):
            beside.unlink()
    if protection:
        protection.wrote(path)
    return path


def fingerprint(source: Path | str) -> str:
    """What a picture is, whatever its name and age: the hash of its file, or the name of a default photograph."""
    try:
        if not isinstance(source, Path):
            return source
        # A pipe would be waited for without end.
        return hashlib.sha256(source.read_bytes()).hexdigest() if source.is_file() else ""
    except OSError:  # not there, or not readable; that is said where it is read
        return ""


def is_there(target: Path, metadata: dict[str, str]) -> bool:
    """Whether the target was made from this picture, with these settings and weights."""

    try:
        with Image.open(target) as image:
            return all(image.text.get(key) == metadata[key] for key in ("Script", "Settings", "Weights"))
    except (OSError, AttributeError, SyntaxError):  # not there, or not a PNG that says how it was made
        return False
