"""Files that are there whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

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
