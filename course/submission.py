"""A hand-in, folder or zip, as a copy that harms nothing: paths and sizes checked, links refused; and its edition."""

import os
import shutil
import stat
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import UsageError

MOST_FILES = 20_000
MOST_BYTES = 200_000_000  # of all files together, unpacked
MOST_OF_A_FILE = 30_000_000  # larger ones that are no code are left out of the copy
MOST_OF_AN_INDEX = 8_000_000  # bytes of a zip's list of contents
SKIPPED = {"__pycache__", "__MACOSX", "env", "node_modules", "venv"}  # and all hidden folders
NOT_NEEDED = {".ipynb", ".pdf", ".mp4", ".gif", ".zip", ".html", ".docx", ".pptx"}
MARKS = {  # edition: all of one group must be there; a trailing slash means a folder, and "|" either
    "project": (("core/squeezenet.py", "visualizers/"),),
    "cs231n": (("cs231n/net_visualization_pytorch.py | cs231n/style_transfer_pytorch.py",),),
    "eecs498": (("network_visualization.py",),),
    "cs7643-visualizers": (("visualizers/",), ("style_modules/", "gradcam.py | saliency_map.py")),
    "cs7643-helpers": (
        ("style_modules/ | helpers/", "gradcam_visualization.py | saliency_visualization.py | class_visualization.py"),
    ),
}
ALIKE = ("project", "cs7643-visualizers", "cs7643-helpers")  # of these, a folder is one


@dataclass(frozen=True)
class Submission:
    root: Path  # of the copy
    editions: tuple[str, ...]


def open_submission(path: str | Path, into: Path) -> Submission:
    """Copy or unpack a hand-in into the new folder `into`.

    Raises UsageError, in one sentence, for what is no hand-in: neither a folder nor a zip, a zip with links, paths that
    lead out of it, or too much in it, or none of the editions' files.
    """
    path = Path(path)
    if path.is_dir():
        copy_folder(path, into)
    elif path.is_file():
        unpack(path, into)
    else:
        raise UsageError(f"'{path}' is not there; name the folder of your hand-in, or its .zip")
    root = into
    while not editions_of(root):
        if (root / "style_modules").is_dir():
            return Submission(root, ("cs7643-visualizers",))
        below = [entry for entry in sorted(root.iterdir()) if entry.is_dir()]
        fitting = [entry for entry in below if editions_of(entry)]
        if len(fitting) == 1 or len(below) == 1:
            root = (fitting or below)[0]
            continue
        looked = "visualizers/, style_modules/, helpers/, cs231n/ or network_visualization.py"
        raise UsageError(f"'{path}' holds no hand-in: looked for {looked}; name the folder in which they lie")
    return Submission(root, editions_of(root))


def editions_of(root: Path) -> tuple[str, ...]:
    """The editions whose files lie in the folder."""

    def there(mark: str) -> bool:
        either = [part.strip() for part in mark.split("|")]
        return any((root / part).is_dir() if part.endswith("/") else (root / part).is_file() for part in either)

    found = [name for name, groups in MARKS.items() if any(all(map(there, group)) for group in groups)]
    alike = [name for name in found if name in ALIKE][:1]
    return tuple(name for name in found if name in alike or (name not in ALIKE and alike != ["project"]))


def is_skipped(parts: tuple[str, ...]) -> bool:
    return any(part in SKIPPED or part.startswith(".") for part in parts)


def is_wanted(name: str, size: int) -> bool:
    """Whether a file can matter to the check."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix == ".py" or (suffix not in NOT_NEEDED and size <= MOST_OF_A_FILE)


class Room:
    """Counts what is copied, and refuses too much."""

    def __init__(self, path: Path) -> None:
        self.path, self.files, self.bytes = path, 0, 0

    def take(self, size: int) -> None:
        self.files, self.bytes = self.files + 1, self.bytes + size
        if self.files > MOST_FILES:
            raise UsageError(f"'{self.path}' holds more than {MOST_FILES} files; name the folder with your code alone")
        if self.bytes > MOST_BYTES:
            words = f"more than {MOST_BYTES // 1_000_000} MB"
            raise UsageError(
                f"'{self.path}' holds {words}; take out what is no code, or name the folder with your code"
            )


def copy_folder(path: Path, into: Path) -> None:
    """Plain files alone; a link is followed to a file of the same folder, and left out otherwise."""
    room, top = Room(path), path.resolve()
    into.mkdir(parents=True)
    for place, folders, files in os.walk(top):
        here = Path(place).relative_to(top)
        folders[:] = sorted(each for each in folders if not is_skipped((each,)) and not Path(place, each).is_symlink())
        for name in sorted(files):
            file = Path(place, name)
            with suppress(FileNotFoundError):
                inside = not file.is_symlink() or top in file.resolve().parents
                size = file.stat().st_size
                if not inside or not file.is_file() or is_skipped((name,)) or not is_wanted(name, size):
                    continue
                room.take(size)
                (into / here).mkdir(parents=True, exist_ok=True)
                try:
                    shutil.copyfile(file, into / here / name)
                except PermissionError:
                    raise UsageError(f"'{file}' cannot be read; change its permissions") from None


def unpack(path: Path, into: Path) -> None:
    """A zip from anybody."""
    check_index(path)
    room = Room(path)
    into.mkdir(parents=True)
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            for entry in entries:
                check_entry(path, entry)
            for entry in entries:
                parts = PurePosixPath(entry.filename).parts
                if entry.is_dir() or is_skipped(parts) or not is_wanted(entry.filename, entry.file_size):
                    continue
                target = into.joinpath(*parts)
                target.parent.mkdir(parents=True, exist_ok=True)
                copied = 0
                with archive.open(entry) as source, open(target, "wb") as file:
                    while data := source.read(1 << 20):  # what it says of its size need not be true
                        copied += len(data)
                        if copied > entry.file_size:
                            raise UsageError(f"'{path}': '{entry.filename}' holds more than the zip says; pack it anew")
                        file.write(data)
                room.take(copied)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"'{path}' is no zip that can be read ({error}); pack your hand-in anew") from None
    except Exception as error:  # zlib, lzma and bz2 have errors of their own
        raise UsageError(f"'{path}' is damaged ({error}); pack your hand-in anew") from None


def check_index(path: Path) -> None:
    """Refuse a zip with more entries than are ever read, before Python reads them all."""
    size = path.stat().st_size
    if size > MOST_BYTES:
        raise UsageError(f"'{path}' is larger than {MOST_BYTES // 1_000_000} MB; take out what is no code")
    with open(path, "rb") as file:
        file.seek(max(0, size - 66_000))
        tail = file.read()
    place = tail.rfind(b"PK\5\6")
    if place < 0 or len(tail) < place + 22:
        raise UsageError(f"'{path}' is neither a folder nor a zip; name the folder of your hand-in, or its .zip")
    count = int.from_bytes(tail[place + 10 : place + 12], "little")
    index = int.from_bytes(tail[place + 12 : place + 16], "little")
    if count > MOST_FILES or index > MOST_OF_AN_INDEX or b"PK\6\7" in tail:
        raise UsageError(f"'{path}' lists more than {MOST_FILES} files; pack the folder with your code alone")


def check_entry(path: Path, entry: zipfile.ZipInfo) -> None:
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    parts = PurePosixPath(name).parts
    if name.startswith(("/", "\\")) or ".." in parts or "\\" in name or ":" in name or "\0" in name or not parts:
        raise UsageError(f"'{path}': '{name}' leads out of the folder; pack it anew, with plain names")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        what = "a link" if kind == stat.S_IFLNK else "no plain file"
        raise UsageError(f"'{path}': '{name}' is {what}; put the file itself into the zip")
    if entry.flag_bits & 1:
        raise UsageError(f"'{path}' is encrypted; pack it without a password")
    if entry.file_size > MOST_BYTES:
        raise UsageError(f"'{path}': '{name}' is larger than {MOST_BYTES // 1_000_000} MB; take it out")
