"""Pictures in tar shards, by the conventions of WebDataset, read where they lie: nothing is unpacked.

A shard is a plain tar file. A picture's KEY is its name in the shard up to the first dot after the last slash:
`0001.jpg` and `0001.json` are of one sample, `0001`. Members that are no pictures (.cls, .json), hidden ones and those
of the library itself (`__name__`) are passed over. Names in a shard are never used as places to write to.

The table of a plain tar stands in its parts, before each member; it is read once, and a picture then by its place. So
the standard library's tarfile suffices, and processes can share one shard as they share a folder.
"""

import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from core.errors import UsageError
from core.kept import MOST_BYTES, Unreadable, opened

ENDING = ".tar"
KEY = re.compile(r"((?:.*/|)[^./]+)[.]([^/]*)", re.DOTALL)
OF_THE_LIBRARY = re.compile(r"__[^/]*__($|/)")
LARGEST = 1 << 50  # bytes of a shard
BLOCK = 512


class Member(NamedTuple):
    """A picture in a shard: where it lies."""

    shard: Path
    name: str  # as the shard has it
    start: int
    size: int

    @property
    def stem(self) -> str:
        """The KEY, as a name of a file: the folders in it are joined by underlines."""
        parts = re.split(r"[/\\]", KEY.fullmatch(self.name)[1])
        return "_".join(part for part in parts if part not in {"", ".", ".."}) or "_"

    def __str__(self) -> str:
        return f"{self.shard}/{self.name}"

    def __fspath__(self) -> str:
        return str(self.shard / re.sub(r"[/\\\0]+", "_", self.name))

    def read(self) -> bytes:
        """Its bytes. Raises `core.kept.Unreadable` where they are no longer there."""
        if self.size > MOST_BYTES:
            raise Unreadable(f"is too large: {self.size} bytes, where at most {MOST_BYTES} are read")
        with opened(self.shard, LARGEST) as file:
            file.seek(self.start)
            data = file.read(self.size)
        if len(data) < self.size:
            raise Unreadable("is cut off")
        return data


class Damage(NamedTuple):
    """What stands in the place of the pictures that a damaged shard does not hold: reading it tells what is wrong."""

    shard: Path
    sentence: str

    @property
    def name(self) -> str:
        return self.shard.name

    @property
    def stem(self) -> str:
        return self.shard.stem

    def __str__(self) -> str:
        return str(self.shard)

    def __fspath__(self) -> str:
        return str(self.shard)

    def read(self) -> NoReturn:
        """Raise the UsageError."""
        raise UsageError(self.sentence)


def members_of(shard: Path, endings: frozenset[str]) -> Iterator[Member | Damage]:
    """The pictures of a shard, in its order; endings: of pictures, ".jpg".

    Of a shard that is cut off come those before the cut, and then, as of what is no shard, a `Damage`.
    """
    count, name = 0, f"image: the shard '{shard}'"
    try:
        with opened(shard, LARGEST) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            end = os.fstat(file.fileno()).st_size
            while (info := tar.next()) is not None:
                tar.members.clear()  # or all of a large shard would be kept
                if info.isreg() and not info.issparse() and _is_picture(info.name, endings):
                    if info.offset_data + info.size > end:
                        break
                    count += 1
                    yield Member(shard, info.name, info.offset_data, info.size)
            else:
                file.seek(tar.offset)
                if file.read(BLOCK) == bytes(BLOCK):  # such a block ends a tar file
                    if not count:
                        yield Damage(shard, f"{name} holds no picture; give shards of pictures")
                    return
    except Unreadable as error:
        yield Damage(shard, f"{name} {error}")
        return
    except (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError) as error:
        if not count and not isinstance(error, OSError):
            words = "is no plain tar file that can be read; a compressed one must be unpacked to .tar first"
            yield Damage(shard, f"{name} {words}")
            return
    where = f"after its picture {count}" if count else "before its first picture"
    yield Damage(shard, f"{name} is cut off or damaged {where}; get it again")


def _is_picture(name: str, endings: frozenset[str]) -> bool:
    found = KEY.fullmatch(name)
    if not found or OF_THE_LIBRARY.match(name) or "\0" in name:
        return False
    return f".{found[2].lower().rpartition('.')[2]}" in endings
