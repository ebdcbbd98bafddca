"""The names of a network's classes: from a file, from ImageNet, or by their numbers."""

from pathlib import Path

from core.errors import UsageError
from core.kept import Unreadable, parse_json, read_bytes
from core.paths import as_path
from core.squeezenet import IMAGENET

IMAGENET_NAMES: tuple[str, ...] = tuple(IMAGENET.meta["categories"])
MOST_BYTES = 1 << 24  # of a file of names
OF_IMAGENET = "imagenet"  # in the place of a file: the names of its 1000 classes


def read_class_names(path: str | Path) -> tuple[str, ...]:
    """The names that a text file holds, one a line, or a JSON list; or "imagenet". Empty lines at the end are none.

    Raises UsageError, one sentence, for anything else.
    """
    if str(path) == OF_IMAGENET:
        return IMAGENET_NAMES
    file = as_path(path, "classes")
    try:
        text = read_bytes(file, MOST_BYTES).decode("utf-8-sig")
        is_json = text.lstrip().startswith(("[", "{"))
        names = parse_json(text) if is_json else [line.strip() for line in text.splitlines()]
    except UnicodeDecodeError:
        raise UsageError(f"classes: '{file}' is no text in UTF-8; give names, one a line, or a JSON list") from None
    except Unreadable as error:
        raise UsageError(f"classes: '{file}' {error}; give a file of names, one a line, or a JSON list") from None
    if isinstance(names, dict):
        raise UsageError(f"classes: '{file}' is a JSON dictionary; give names, one a line, or a JSON list")
    while names and names[-1] == "":
        names.pop()
    if not names or not all(isinstance(name, str) and name.strip() for name in names):
        wrong = "holds no names" if not names else "holds an entry that is no name, or an empty line"
        raise UsageError(f"classes: '{file}' {wrong}; give names, one a line, or a JSON list")
    return tuple(names)


def check_count(names: tuple[str, ...], count: int, source: str) -> tuple[str, ...]:
    """The names, or a UsageError unless they are as many as the network's classes. source: where they come from."""
    if len(names) != count:
        words = f"has {len(names)} names, and the network gives {count} scores"
        raise UsageError(f"classes: {source} {words}; give {count} names")
    return names


def numbered(count: int) -> tuple[str, ...]:
    """ "class 0", "class 1": of classes whose names nobody tells."""
    return tuple(f"class {index}" for index in range(count))
