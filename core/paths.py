"""Names of files as people write them -> paths; what no file can be called is said in a sentence."""

import errno
from pathlib import Path

from core.errors import UsageError

UNUSABLE = {errno.ENAMETOOLONG: "is too long for a name", errno.ELOOP: "is a link that leads back to itself"}


def as_path(text: str | Path, argument: str) -> Path:
    """The path that is meant, `~` and `~user` being their home folders, whether there is something or not.

    Raises UsageError, which names the argument, for what cannot be the name of a file.
    """
    name = str(text)
    if not name or (isinstance(text, Path) and not text.parts):
        raise UsageError(f"{argument}: the name is empty; give that of a file")
    if "\0" in name:
        raise UsageError(f"{argument}: {name!a} holds a NUL byte, which no name can; leave it out")
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise UsageError(f"{argument}: '{name}' begins with a home folder that is not there; write it out") from None
    try:
        path.stat()
    except OSError as error:
        if error.errno in UNUSABLE:
            shown = name if len(name) <= 80 else f"...{name[-80:]}"
            raise UsageError(f"{argument}: '{shown}' {UNUSABLE[error.errno]}; give another") from None
    except ValueError as error:  # characters that this system's names cannot hold
        raise UsageError(f"{argument}: {name!a} cannot be a name here ({error}); give another") from None
    return path
