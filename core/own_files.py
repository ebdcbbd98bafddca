"""Whether a file was written by this program: it says so itself, each kind in its own way.

    .png, .gif, .jpg    text of the names SAYS, as `drawing.files.describe` makes it: PNG text, a comment elsewhere
    .npz                an entry "about" of the names MAPS_SAY, as `core.array_files` writes it
    .safetensors        facts of the names TRAINED in its header
    .pt (checkpoint)    the names CHECKPOINT at its head
    .md, .html          its last line is a comment, `sign(...)`
    .csv                can hold no comment that every reader passes over, so the file that is written with it keeps its
                        hash: the .md beside it in its last line, the picture beside it as "Table"

Tables of earlier versions bear no sign. They are known by the picture of the same name that a study which writes tables
left beside them within the same minute: a table that somebody changed later is not. Some pictures of the gallery, which
docs/gallery.md says how to make again, bear an empty comment.

A file that is asked about may be anybody's: only regular files are opened, never waited for, and little of them read.
"""

import hashlib
import io
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from PIL import Image

from core.array_files import about_arrays
from core.defaults import ROOT
from core.kept import Unreadable, opened
from core.quiet import quietly

SAYS = ("Script", "Settings", "Weights", "Versions")
MAPS_SAY = {"Script", "Settings", "Weights"}
TRAINED = {"architecture", "licence", "seed", "steps"}
CHECKPOINT = ("recipe", "network", "optimizer", "generator", "losses", "seconds", "step")
SIGN = "<!-- written by cnn-interpretability"
WITH_TABLES = ("confidence", "inversion", "robustness", "train", "trust")  # so begin the scripts of earlier versions
SAME_MINUTE = 60  # seconds
HEADS = (2**16, 2**23)  # bytes of a file that are read: nearly always the first suffice
LARGEST_TABLE = 2**28  # bytes
PICTURES = (".png", ".jpg", ".jpeg", ".gif")
GALLERY = ROOT.resolve() / "visualization" / "gallery"


def is_ours(path: Path) -> bool:
    """Whether this program wrote the file. One that cannot be read, or is of no kind that it writes, is not ours."""
    ending = path.suffix.lower()
    if ending in PICTURES:
        return bool(description_of(path)) or _of_the_gallery(path)
    if ending == ".md":
        return _last_line(path).startswith(SIGN) or _of_an_earlier_version(path)
    if ending == ".html":
        return _last_line(path).startswith(SIGN)
    if ending == ".csv":
        kept, digest = _kept_digests(path), _digest(path)
        return bool(digest) and digest in kept if kept else _of_an_earlier_version(path)
    if ending == ".npz":
        with suppress(Unreadable):
            return about_arrays(path).keys() >= MAPS_SAY
    if ending == ".safetensors":
        return facts_of(path).keys() >= TRAINED
    if ending == ".pt":
        head = read_some(path, HEADS[0])
        return head.startswith(b"PK") and all(name.encode() in head for name in CHECKPOINT)
    return False


def sign(table: bytes | None = None, *, last: bytes | None = None) -> str:
    """The last line of a Markdown file of ours. table: the bytes of the .csv that is written beside it, after it.

    last: of the one that lies there until then, should the disk be full or the power fail in between.
    """
    digests = " ".join(digest_of(data) for data in (table, last) if data is not None)
    return f"{SIGN}{f'; table {digests}' if digests else ''} -->"


def digest_of(data: bytes) -> str:
    """What a table is known by."""
    return hashlib.sha256(data).hexdigest()


def description_of(path: Path) -> dict[str, str]:
    """What a picture of ours says of itself; nothing, if it is not ours."""
    for length in HEADS:
        head = read_some(path, length)
        said = _said_in(head)
        if said or len(head) < length:
            return said
    return {}


def facts_of(path: Path) -> dict[str, str]:
    """What a .safetensors file says of itself; nothing, if it says nothing or is no such file."""
    head = read_some(path, HEADS[1])
    with suppress(ValueError, RecursionError, AttributeError):
        end = 8 + int.from_bytes(head[:8], "little")
        facts = json.loads(head[8:end]).get("__metadata__") if end <= len(head) else None
        return facts if isinstance(facts, dict) else {}
    return {}


def read_some(path: Path, length: int, *, last: bool = False) -> bytes:
    """The first (or last) bytes of a regular file, at most so many; nothing of any other, or if it cannot be read."""
    try:
        with opened(path, most=sys.maxsize) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - length) if last else 0)
            return file.read(length)
    except ValueError:  # Unreadable, or a NUL in the name
        return b""


def _said_in(head: bytes) -> dict[str, str]:
    try:
        # Pillow warns of huge pictures; this one is not decoded.
        with quietly(), Image.open(io.BytesIO(head), formats=("PNG", "JPEG", "GIF")) as image:
            # Not `text`, for which a PNG is decoded to its end.
            said = image.info if image.format == "PNG" else json.loads(image.info["comment"])
            return {name: str(said[name]) for name in SAYS} | {"Table": str(said.get("Table", ""))}
    except Exception:  # Pillow raises a dozen kinds for a damaged file, which is then not ours
        return {}


def _last_line(path: Path) -> str:
    lines = read_some(path, 1000, last=True).decode(errors="replace").splitlines()
    return lines[-1] if lines else ""


def _digest(path: Path) -> str:
    with suppress(OSError):
        if path.stat().st_size <= LARGEST_TABLE:
            return digest_of(read_some(path, LARGEST_TABLE))
    return ""


def _kept_digests(path: Path) -> str:
    """The hashes of tables that the files of the same name keep, in one text."""
    pictures = [description_of(path.with_suffix(ending)).get("Table", "") for ending in PICTURES]
    line = _last_line(path.with_suffix(".md"))
    return " ".join([line if line.startswith(SIGN) else "", *pictures]).strip()


def _of_the_gallery(path: Path) -> bool:
    """Whether it is a picture of visualization/gallery as an earlier version wrote some, with an empty comment."""
    if os.path.realpath(path.parent) != str(GALLERY):
        return False
    with suppress(Exception), Image.open(io.BytesIO(read_some(path, HEADS[0])), formats=("JPEG",)) as image:
        return image.info.get("comment") == b"{}"
    return False


def _of_an_earlier_version(path: Path) -> bool:
    for ending in PICTURES:
        picture = path.with_suffix(ending)
        if description_of(picture).get("Script", "").startswith(WITH_TABLES):
            with suppress(OSError):
                if abs(picture.stat().st_mtime - path.stat().st_mtime) <= SAME_MINUTE:
                    return True
    return False
