"""Files that are there whole or not at all, and what they were made from."""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from core.errors import UsageError
from core.kept import Unreadable, read_png_text, sha256_of
from core.protection import IN_FORCE, beside_name, cannot_write
from core.shards import Damage, Member


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


def fingerprint(source: Path | Member | Damage | str) -> str:
    """What a picture is, whatever its name and age: the hash of its bytes, or the name of a default photograph."""
    try:
        if isinstance(source, (Member, Damage)):
            return hashlib.sha256(source.read()).hexdigest()
        return sha256_of(source) if isinstance(source, Path) else source
    except (Unreadable, UsageError):  # not there, or not readable; that is said where it is read
        return ""


def is_there(target: Path, metadata: dict[str, str]) -> bool:
    """Whether the target was made from this picture, with these settings and weights."""
    return texts_if_there(target, metadata) is not None


def texts_if_there(target: Path, metadata: dict[str, str]) -> dict[str, str] | None:
    """All that the target says of itself, if it is a whole PNG, made from this picture, these settings and weights."""
    try:
        texts = read_png_text(target)
    except Unreadable:  # not there, or not a whole PNG
        return None
    return texts if all(texts.get(key) == metadata[key] for key in ("Script", "Settings", "Weights")) else None


def is_damaged(target: Path) -> bool:
    """Whether something lies at the target that is no whole PNG."""
    try:
        read_png_text(target)
    except Unreadable:
        return os.path.lexists(target)
    return False
