"""Which files are pictures, and how one is opened: by its content, never by another program, never from a pipe."""

import io
import logging
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple, TypeVar

from PIL import Image, UnidentifiedImageError

from core.errors import UsageError
from core.kept import Unreadable
from core.named_files import is_list, read_list, spread
from core.paths import as_path
from core.quiet import quietly
from core.shards import ENDING, Damage, Member, members_of

Result = TypeVar("Result")
MOST_PIXELS = 100_000_000  # decoding needs about four bytes for each
LONGEST_OVER_SHORTEST = 20  # scaling the short side up would blow the long one up
JOINERS = "\u200c\u200d"  # between the letters of Persian and Indian words
SHOWN = 5  # names of files that were left out
# What Pillow knows and is never opened. EPS starts Ghostscript; WMF needs Windows; of BUFR, GRIB, HDF5 and MPEG Pillow
# knows the names and reads nothing; IPTC, FPX and MIC hold a picture of any format, EPS among them. Of Photo CD (PCD)
# Pillow reads wrong colours, and XBM does not say which of its two colours is black.
NEVER = frozenset({"BUFR", "EPS", "FPX", "GRIB", "HDF5", "IPTC", "MIC", "MPEG", "PCD", "WMF", "XBM"})
COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM", "TIFF", "WEBP")  # asked first: no plugin of another is then loaded

logging.getLogger("PIL").addHandler(logging.NullHandler())  # what is wrong with a file is said by us, once


class Folder(NamedTuple):
    """What a folder holds. Hidden files and folders are in none of these."""

    pictures: list[Path]  # by name; a file whose ending is a picture's
    others: list[str]  # names of what is no picture
    folders: int  # within it, which are not looked into


@lru_cache(maxsize=1)
def formats() -> tuple[str, ...]:
    """The formats that are opened, by Pillow's names."""
    Image.init()
    return (*COMMON, *sorted(set(Image.OPEN) - NEVER - set(COMMON)))


@lru_cache(maxsize=1)
def suffixes() -> frozenset[str]:
    """Endings of the files that are pictures, in small letters; which they are depends on how Pillow was built."""
    allowed = {*formats(), "MPO"}  # opened as JPEG
    return frozenset(ending for ending, name in Image.registered_extensions().items() if name in allowed)


def is_picture(path: Path) -> bool:
    """Whether a path in a folder is taken for a picture: by its ending, if it is neither hidden nor a folder."""
    if path.name.startswith(".") or path.suffix.lower() not in suffixes():
        return False
    return path.is_file() or (path.is_symlink() and not path.exists())  # a link to nothing is named where it is read


def look_into(folder: Path) -> Folder:
    """What a folder holds, by name. Raises UsageError if it cannot be read."""
    pictures, others, folders = [], [], 0
    try:
        with os.scandir(folder) as entries:  # which knows what each is: to ask for each of a million takes minutes
            seen = [entry for entry in entries if not entry.name.startswith(".")]
        for entry in sorted(seen, key=lambda each: each.name):
            if os.path.splitext(entry.name)[1].lower() in suffixes() and _holds_picture(entry):
                pictures.append(folder / entry.name)
            elif _leads_to_folder(entry):
                folders += 1
            else:
                others.append(entry.name)
    except OSError as error:
        raise UsageError(f"images: the folder '{shown(folder)}' cannot be read ({error.strerror})") from None
    return Folder(pictures, others, folders)


def _holds_picture(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))
    except OSError:  # a link that leads back to itself, say: it is named where it is read
        return True


def _leads_to_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def list_image_files(
    paths: Iterable[str | Path], left_out: Callable[[str], None] = lambda sentence: None
) -> list[Path | Member | Damage]:
    """Expand files, folders, lists (`@list.txt`), tar shards and rows of names (`a-{000..099}.tar`) to picture files.

    Folders are in the order of their names, lists and shards in their own. left_out: is told, in a sentence for each
    folder, what it holds besides pictures. Raises UsageError for a folder without pictures, and for what is no list;
    what is wrong with a shard is told by what stands in its place, when that is read.
    """
    paths, files = list(paths), []
    if not all(map(str, paths)):
        raise UsageError("images: one of the names is empty; give picture files or folders")
    names = [name for path in paths for name in ([path] if isinstance(path, Path) else spread(path))]
    for name in names:
        if isinstance(name, str) and is_list(name):
            files += read_list(name)
            continue
        path = as_path(name, "images")
        if path.suffix.lower() == ENDING and not path.is_dir():
            files += members_of(path, suffixes())
            continue
        if not path.is_dir():
            files.append(path)
            continue
        found = look_into(path)
        rest = _in_words(found)
        if not found.pictures:
            kinds = "no picture that can be read (.jpg, .png, .tif, .webp and others)"
            raise UsageError(f"images: the folder '{shown(path)}' holds {kinds}{', but ' * bool(rest)}{rest}")
        if rest:
            left_out(f"left out of '{shown(path)}': {rest}")
        files += found.pictures
    return files


def _in_words(found: Folder) -> str:
    parts = []
    if found.others:
        parts.append(count_others(found.others))
    if found.folders:
        parts.append(f"{found.folders} folder{'' if found.folders == 1 else 's'}, whose files are not looked for")
    return " and ".join(parts)


def count_others(names: Sequence[str]) -> str:
    """How many files are no pictures, and which, in a few words."""
    first = ", ".join(shown(name) for name in names[:SHOWN]) + ", ..." * (len(names) > SHOWN)
    return f"{len(names)} file{'' if len(names) == 1 else 's'} of other kinds ({first})"


def shown(name: str | Path) -> str:
    """A name as it can be printed and drawn: bytes that are no UTF-8 become U+FFFD, control characters ?."""
    try:
        text = os.fsencode(name).decode("utf-8", "replace")
    except UnicodeEncodeError:  # no file's name
        text = str(name).encode("utf-8", "replace").decode()
    text = "".join(letter if letter.isprintable() or letter in JOINERS else "?" for letter in text)
    try:
        os.fsencode(text)
    except UnicodeEncodeError:  # of a file system in ASCII, say: as its other names are, so that a file can be named so
        return os.fsdecode(text.encode())
    return text


def read_file(
    path: str | Path | Member | Damage,
    read: Callable[[Image.Image], Result],
    *,
    longest: float = LONGEST_OVER_SHORTEST,
) -> Result:
    """What `read` makes of the opened file, or of the picture in a shard; what is wrong with it becomes a UsageError.

    longest: how many times the shorter side the longer one may be.
    """
    if not str(path):
        raise UsageError("image: the name is empty; give a picture file")
    in_shard = isinstance(path, (Member, Damage))
    path = path if in_shard else as_path(path, "image")
    name = f"image: '{shown(path)}'"
    if in_shard:
        path = _in_memory(path, name)
    else:
        _check_regular(path, name)
    try:
        # Pillow warns of huge and of slightly odd files; we judge the size, and a file that opens is fine.
        with quietly(), Image.open(path, formats=formats()) as image:
            _check_dimensions(name, *image.size, longest)
            return read(image)
    except UsageError:
        raise
    except PermissionError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror}); change its permissions") from None
    except Image.DecompressionBombError:
        raise UsageError(f"{name} is larger than {MOST_PIXELS} pixels; scale it down first") from None
    except UnidentifiedImageError:
        raise UsageError(f"{name} is not a picture that can be read here; save it as PNG or JPEG first") from None
    except MemoryError:
        raise UsageError(f"{name} needs more memory than there is; scale it down first") from None
    except Exception as error:  # truncated or damaged data: Pillow's plugins raise a dozen kinds
        raise UsageError(f"{name} is damaged ({' '.join(shown(str(error)).split())}); try to save it again") from None


def _in_memory(picture: Member | Damage, name: str) -> io.BytesIO:
    """The bytes of a picture in a shard, as a file."""
    try:
        return io.BytesIO(picture.read())
    except Unreadable as error:
        raise UsageError(f"{name} {error}") from None


def _check_regular(path: Path, name: str) -> None:
    """Refuse what is no file with content; a pipe would be waited for without end."""
    try:
        status = path.stat()
    except PermissionError as error:
        raise UsageError(f"{name} cannot be read ({error.strerror}); change its permissions") from None
    except (OSError, ValueError):  # ValueError: a name with a null byte
        raise UsageError(f"{name} is not there") from None
    if stat.S_ISDIR(status.st_mode):
        raise UsageError(f"{name} is a folder, not a file")
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{name} is a pipe, a socket or a device, not a file; save the picture first")
    if status.st_size == 0:
        raise UsageError(f"{name} is empty (0 bytes); give a picture file")


def _check_dimensions(name: str, width: int, height: int, longest: float) -> None:
    shape = f"{name} is {width} x {height} pixels"
    if min(width, height) < 1:
        raise UsageError(f"{shape}; it must have at least one")
    if width * height > MOST_PIXELS:
        raise UsageError(f"{shape}; at most {MOST_PIXELS} are allowed, scale it down first")
    if max(width, height) > longest * min(width, height):
        raise UsageError(f"{shape}; one side may be at most {LONGEST_OVER_SHORTEST} times the other, crop it first")
