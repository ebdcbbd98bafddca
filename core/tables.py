"""Tables that people and programs read: one Markdown file and one CSV of the same rows. For scripts only."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from core.files import write_whole


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
    print(f"{table}wrote {write_whole(path.with_suffix('.md'), table.encode())}")


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence]) -> Path:
    """Write the rows as comma-separated values, to `path` with its ending made .csv."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return write_whole(path.with_suffix(".csv"), text.getvalue().encode())
