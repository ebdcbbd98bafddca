"""What a run may not write over: the files that it reads, and files of other origin.

`write_whole`, through which every file of ours goes, asks the protection that is in force. The commands put one in
force around each study and training (`protecting`), so none of these can forget it. Where none is in force, files are
replaced as ever: that is so for the courses' own functions, which write pictures of fixed names and must work again and
again in their clients' hands, and for callers from Python, who decide themselves.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from threading import get_native_id
from typing import Any

from core.defaults import ROOT
from core.errors import UsageError, WorkError
from core.named_files import is_list, read_list, spread
from core.own_files import facts_of, is_ours
from core.sharing import started

OWN_PICTURES = tuple(ROOT / folder for folder in ("images/content", "images/styles", "styles_images"))
# Files of our caches, which end in a hash. Not more: `photos_cache/IMG_0123456789abcdef.png` is somebody's picture.
CACHED = (
    ("trust_cache", re.compile(r".*_[0-9a-f]{16}\.json")),
    ("embedding_cache", re.compile(r"[0-9a-f]{64}\.safetensors")),
)
IN_FORCE: ContextVar["Protection | None"] = ContextVar("protection", default=None)


class Protection:
    """Which files a run reads, and whether it may replace files that this program did not write."""

    def __init__(self, inputs: Iterable[Path | str] = (), *, overwrite: bool = False, subfolders: bool = False) -> None:
        """inputs: files, lists of them ("@list.txt"), and folders all of whose files are read, with `subfolders` those
        of folders in them, too.
        """
        self.inputs, self.overwrite, self.subfolders = tuple(inputs), overwrite, subfolders
        self.expected: set[str] = set()
        self.written: set[str] = set()
        self.left_out: set[str] = set()  # within a folder of inputs, but not read
        self._allowed: dict[str, tuple[int, ...]] = {}  # what may be replaced, as it was when it was looked at
        self._read: set[tuple[int, int]] | None = None

    def expect(self, paths: Iterable[Path]) -> None:
        """Check, before the work, files that it will write. Raises UsageError or WorkError for one that it may not."""
        for path in paths:
            self.check(path)
            check_place(path)
            self.expected.add(_absolute(path))

    def check(self, path: Path) -> None:
        """Raise UsageError for a file that may not be replaced, WorkError for a name that no file can have."""
        try:
            status = os.stat(path)
        except FileNotFoundError:  # or a link to nothing
            return
        except (OSError, ValueError) as error:  # e.g. too long a name, or one below a file
            raise cannot_write(path, error) from None
        name, now = _absolute(path), (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        if name in self.written or self._allowed.get(name) == now or _is_cached(path):
            return
        if stat.S_ISDIR(status.st_mode):
            raise UsageError(f"output: '{path}' is a folder; give the name of a file")
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"output: '{path}' is no regular file; choose another --output")
        if (status.st_dev, status.st_ino) in self.read and name not in self.left_out:
            raise UsageError(f"output: '{path}' is one of the files that this reads; choose another --output")
        if status.st_size and not self.overwrite and not is_ours(path):
            words = "is there already and was not written by this program"
            raise UsageError(f"output: '{path}' {words}; choose another --output, or replace it with --overwrite")
        self._allowed[name] = now

    def about_to_write(self, path: Path) -> None:
        """Check a file at the last moment, whether or not it was expected."""
        if _absolute(path) not in self.expected and not _is_cached(path):
            self.on_surprise(path)
        self.check(path)

    def on_surprise(self, path: Path) -> None:
        """A study writes a file that it did not tell before its work. Nothing is lost by that; the tests forbid it."""

    def wrote(self, path: Path) -> None:
        """It is ours from now on."""
        self.written.add(_absolute(path))

    @property
    def read(self) -> set[tuple[int, int]]:
        """What tells the files that are read, whatever their names: device and number."""
        if self._read is None:
            self._read = {each for path in (*self.inputs, *OWN_PICTURES) for each in _identities(path, self.subfolders)}
        return self._read


@contextmanager
def protecting(protection: Protection) -> Iterator[Protection]:
    """Within the block every file is written under this protection."""
    token = IN_FORCE.set(protection)
    try:
        yield protection
    finally:
        IN_FORCE.reset(token)


def expect(paths: Iterable[Path]) -> None:
    """Check files that will be written, before the work, if a protection is in force."""
    if protection := IN_FORCE.get():
        protection.expect(paths)


def leave_out(paths: Iterable[Path]) -> None:
    """Tell a protection in force, if there is one, of files in a folder of inputs that are not read after all."""
    if protection := IN_FORCE.get():
        protection.left_out.update(map(_absolute, paths))


def expect_network(path: Path, facts: Mapping[str, str]) -> None:
    """Raise UsageError, if a protection is in force, for a network that another training wrote, maybe in many hours.

    facts: what the file that is to be written will say of itself.
    """
    protection = IN_FORCE.get()
    if protection is None or protection.overwrite or not path.exists():
        return
    there = facts_of(path)
    other = next((name for name in facts if there.get(name) != facts[name]), None)
    if there and other:
        words = f"holds a network of another training ({other.replace('_', ' ')} {there.get(other, 'unknown')[:60]})"
        raise UsageError(f"output: '{path}' {words}; choose another --output, or replace it with --overwrite")


def check_place(path: Path) -> None:
    """Raise WorkError where the file system will not have a file of this name, before the work.

    It is tried out: /proc, file systems that may only be read and full ones say nothing of it when asked.
    """
    beside = beside_name(path)
    try:
        there = next(parent for parent in beside.absolute().parents if _is_there(parent))
        trial = there / beside.name
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        trial.unlink()
    except (OSError, ValueError) as error:
        raise cannot_write(path, error) from None


def beside_name(path: Path) -> Path:
    """Where a file is written before it takes its place; not longer than a name may be.

    Threads and processes have numbers. Processes of one run on two machines may have one: their ranks tell them apart.
    """
    rank, _ = started()
    own = f"{os.getpid()}-{get_native_id()}{f'-{rank}' if rank else ''}"
    return path.with_name(f".{path.name[:40]}.{own}.part")


def cannot_write(path: Path, error: OSError | ValueError) -> WorkError:
    """The sentence."""
    reason = getattr(error, "strerror", None) or error
    return WorkError(f"output: '{path}' cannot be written ({reason}); choose another --output")


def paths_in(value: Any) -> Iterator[Path | str]:
    """The files and folders that a setting names: a text, a path, or several of them; a list as it is, "@list.txt"."""
    if isinstance(value, Mapping):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        for each in value:
            yield from paths_in(each)
    elif isinstance(value, (str, Path)) and str(value):
        if isinstance(value, str) and is_list(value):
            yield value  # a million names are read only if they are asked for
            return
        try:
            names = spread(value) if isinstance(value, str) else [value]
        except UsageError:  # likewise
            return
        for path in (Path(os.path.expanduser(name)) for name in names):  # Path.expanduser raises for unknown users
            if _is_there(path):
                yield path


def _identities(path: Path | str, subfolders: bool) -> Iterator[tuple[int, int]]:
    if isinstance(path, str):  # a list
        yield from _identities(Path(path[1:]), subfolders)
        with suppress(UsageError):  # it is none: that is told where it is read
            for each in read_list(path):
                yield from _identities(each, subfolders)
        return
    try:
        if path.is_dir():
            with os.scandir(path) as entries:
                for entry in entries:
                    if not entry.is_dir() or (subfolders and not entry.is_symlink()):
                        yield from _identities(Path(entry.path), subfolders)
        else:
            status = path.stat()
            yield status.st_dev, status.st_ino
    except OSError:  # what cannot be looked at is told where it is read
        return


def _is_there(path: Path) -> bool:
    try:
        os.stat(path)
    except (OSError, ValueError):  # too long, no such user, a NUL: no file's name
        return False
    return True


def _is_cached(path: Path) -> bool:
    """Whether it lies in a cache of ours, whose files are named by hashes and are made again when damaged."""
    within = {parent.name for parent in path.parents}
    return any(folder in within and name.fullmatch(path.name) for folder, name in CACHED)


def _absolute(path: Path) -> str:
    return os.path.realpath(path)
