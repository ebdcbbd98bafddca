"""Many files under one name: `@list.txt`, a file that lists them, and `shards-{000..099}.tar`, a row of numbers."""

import re
from collections.abc import Iterator
from pathlib import Path

from core.errors import UsageError
from core.kept import Unreadable, opened
from core.paths import as_path
from core.shards import ENDING

ROW = re.compile(r"\{([0-9]{1,9})\.\.([0-9]{1,9})\}")
MOST = 10_000_000  # names that a row of numbers stands for
MOST_BYTES = 1 << 32  # of a list


def is_list(text: str) -> bool:
    """Whether it names a list: "@list.txt". A picture of such a name is told apart by its folder: "./@list.txt"."""
    return text.startswith("@")


def spread(text: str) -> list[str]:
    """ "a-{08..10}.tar" -> a-08.tar, a-09.tar, a-10.tar, as the shell does it where the name is not in quotes.

    A file that is really called so is meant itself. Raises UsageError for more than ten million names.
    """
    first = ROW.search(text)
    if not first or "\0" in text or Path(text).exists():
        return [text]
    low, high = map(int, first.groups())
    width = max(map(len, first.groups())) if any(each[0] == "0" for each in first.groups()) else 1
    step = 1 if high >= low else -1
    rests = spread(text[first.end() :])
    if (abs(high - low) + 1) * len(rests) > MOST:
        raise UsageError(f"images: '{text[:80]}' stands for more than {MOST:,} names; give them in parts, or by @LIST")
    numbers = range(low, high + step, step)
    return [f"{text[: first.start()]}{number:0{width}}{rest}" for number in numbers for rest in rests]


def read_list(text: str) -> Iterator[Path]:
    """The files that "@list.txt" lists, one a line, in UTF-8; lines that are blank or begin with # are passed over.

    A path that is not absolute goes from the folder of the list, wherever the command is started. What is wrong with a
    file is told where it is read. Raises UsageError for what is no list: nothing at this place, other bytes than text,
    a list within a list.
    """
    path = as_path(text[1:], "images")
    name = f"images: the list '{path}'"
    count = 0
    try:
        with opened(path, MOST_BYTES) as file:
            for number, line in enumerate(file, start=1):
                try:
                    words = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
                except UnicodeDecodeError:
                    raise UsageError(f"{name} is not text in UTF-8 (line {number}); save it so") from None
                if not words or words.startswith("#"):
                    continue
                if "\0" in words:
                    raise UsageError(f"{name} holds a NUL byte (line {number}), which no name can; save it as text")
                if is_list(words):
                    sentence = f"{name} names a list itself (line {number}); name its files, or give @LIST twice"
                    raise UsageError(f"{sentence}; for a picture of this name write './{words[:80]}'")
                if words.lower().endswith(ENDING):
                    raise UsageError(f"{name} names a shard (line {number}); name shards themselves, not in a list")
                count += 1
                yield path.parent / words
    except Unreadable as error:
        raise UsageError(f"{name} {error}; give a file with one path a line") from None
    if not count:
        raise UsageError(f"{name} names no file; give one path a line")
