"""Files that are there whole or not at all, and what they were made from."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from PIL import Image

from core.errors import WorkError


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
