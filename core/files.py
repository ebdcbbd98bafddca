"""Files that are there whole or not at all."""

import csv
import io
import os
from collections.abc import Sequence
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


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], note: str) -> str:
    """Write a table as Markdown, with a note below, and as CSV beside it; return the Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in (header, ["---"] * len(header), *rows)]
    markdown = "\n".join(lines) + f"\n\n{note}\n"
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    write_whole(path.with_suffix(".md"), markdown.encode())
    write_whole(path.with_suffix(".csv"), text.getvalue().encode())
    return markdown
