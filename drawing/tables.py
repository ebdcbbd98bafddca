"""Tables that people and programs read: one Markdown file and one CSV of the same rows, or a picture."""

import csv
import io
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from core.files import write_whole
from core.own_files import sign
from drawing.grid import DOTS_PER_INCH, pixels_of


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


def signed(text: str, table: bytes | None = None) -> bytes:
    """Markdown as a file of ours holds it: its last line says whose it is. table: what the .csv beside it holds."""
    return f"{text}\n{sign(table)}\n".encode(errors="backslashreplace")  # a class may be called by half a letter


def draw_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    title: str = "",
    note: str = "",
    styles: dict[tuple[int, int], dict] | None = None,
) -> np.ndarray:
    """Draw a table of short texts -> RGB (H, W, 3), uint8. styles: (row, column) -> how to write a cell, e.g. bold."""
    first, other, line = 1.8, 1.25, 0.3  # inches: width of the first column and of the others, height of a row
    width = first + other * (len(header) - 1)
    notes = textwrap.wrap(note, int(width * 16.5))
    top = 0.9 if title else 0.5
    height = top + 0.25 + line * len(rows) + 0.15 * len(notes) + 0.2
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")

    def words(x: float, y: float, text: str, **style) -> None:
        figure.text(x / width, 1 - y / height, text, parse_math=False, **({"va": "center"} | style))

    def row_of(y: float, texts: Sequence[str], index: int = -1, **style) -> None:
        for column, text in enumerate(texts):
            place = {"ha": "center"} if column else {"ha": "left"}
            x = first + other * (column - 0.5) if column else 0.12
            words(x, y, text, **(place | style | (styles or {}).get((index, column), {})))

    words(0.12, 0.26, title, fontsize=13, fontweight="bold")
    row_of(top - 0.12, ["\n".join(textwrap.wrap(text, 15)) for text in header], fontsize=9, fontweight="bold")
    for index, row in enumerate(rows):
        row_of(top + 0.35 + line * index, row, index, fontsize=10)
    for y, weight in ((top + 0.17, 1.2), (top + 0.2 + line * len(rows), 0.8)):
        figure.add_artist(
            Line2D((0.1 / width, 1 - 0.1 / width), (1 - y / height,) * 2, color="black", linewidth=weight)
        )
    words(0.12, top + 0.3 + line * len(rows), "\n".join(notes), fontsize=7.5, color="0.4", va="top")
    return pixels_of(figure)
