"""Tables that people and programs read: one Markdown file and one CSV of the same rows."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from core.files import write_whole
from core.own_files import sign


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as Markdown, ending in a newline."""
    return "".join("| " + " | ".join(row) + " |\n" for row in (header, ["---"] * len(header), *rows))


def write_table(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Write the rows to `path`, ending .md, and to the .csv beside it, and print them. note: what stands below."""
    write_markdown(path, header, rows, note)
    print(f"wrote {write_csv(path, header, rows)}")


def write_markdown(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Write the rows to `path`, its ending made .md, and print them."""
    table = markdown(header, rows) + (f"\n{note}\n" if note else "")
    data = table.encode(errors="backslashreplace")  # a class may be called by half a letter
    print(f"{table}wrote {write_whole(path.with_suffix('.md'), data)}")


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence]) -> Path:
    """Write the rows as comma-separated values, to `path` with its ending made .csv."""
    return write_whole(path.with_suffix(".csv"), csv_bytes(header, rows))


def csv_bytes(header: Sequence[str], rows: Sequence[Sequence]) -> bytes:
    """The rows as a .csv file holds them."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue().encode(errors="backslashreplace")


def signed(text: str, table: bytes | None = None, *, last: bytes | None = None) -> bytes:
    """Markdown as a file of ours holds it: its last line says whose it is. table, last: as `sign` says."""
    line = sign(table, last=last)
    return f"{text}\n{line}\n".encode(errors="backslashreplace")  # a class may be called by half a letter
