"""One table of all pictures, explained.csv, for other programs. Its columns are a promise: none is renamed or lost."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from core.own_files import LARGEST_TABLE, is_ours, read_some
from studies.explain.jobs import Job
from studies.shared.report import Report, counted

KEY = "Explained"  # the text of a PNG that holds its row
MOST_CLASSES = 12  # of the table for people


class Row(NamedTuple):
    """What is known of a picture, as text. Its fields are the columns; a class is a number and a name."""

    path: str  # of the picture, as it was found
    file: str  # of its PNG, in the folder of the table
    width: str  # of the whole picture, in pixels
    height: str
    predicted: str
    predicted_name: str
    probability: str
    runner_up: str
    runner_up_name: str
    runner_up_probability: str
    label: str  # the class that is explained
    label_name: str
    label_probability: str
    blank: str  # why a map is zero everywhere, if one is
    seconds: str  # of work on it: reading, computing, drawing, writing

    def said(self) -> str:
        """What its PNG keeps: all but where it lay, and how long it took, which are not the picture's own."""
        return json.dumps(self._replace(path="", file="", seconds="")._asdict())


def row_of(probabilities: Tensor, label: int, names: Sequence[str], size: tuple[int, int], blank: str) -> Row:
    """probabilities (K,) of the classes of these names; size: width and height; blank: the reason."""
    first = int(probabilities.argmax())
    others = probabilities.clone()
    others[first] = -1
    second = int(others.argmax())  # of a network of one class, that class again
    classes = [part for each in (first, second, label) for part in _class(each, names, probabilities)]
    return Row("", "", *map(str, size), *classes, blank, "")


def row_said(text: str | None) -> Row | None:
    """The row that a PNG keeps; None if it keeps none, or one of other columns."""
    try:
        said = json.loads(text or "")
        return Row(**said) if all(isinstance(value, str) for value in said.values()) else None
    except (ValueError, TypeError, AttributeError):
        return None


def read_table(path: Path) -> dict[str, Row]:
    """The rows of a table that an earlier run wrote, by file; none, if there is none of ours."""
    if not is_ours(path):
        return {}
    lines = csv.DictReader(io.StringIO(read_some(path, LARGEST_TABLE).decode(errors="replace")))
    if tuple(lines.fieldnames or ()) != Row._fields:
        return {}
    return {line["file"]: Row(**line) for line in lines}


def joined(jobs: Sequence[Job], rows: Mapping[str, Row], last: Mapping[str, Row]) -> list[Row]:
    """The rows of all jobs, in their order. rows: of this run, by file, maybe of several processes.

    last: those of the table that is there. From it come the rows of files that were not reached, after Ctrl-C, and how
    long it took to make files that were there already.
    """
    found = []
    for job in jobs:
        name = job.target.name
        old, row = last.get(name), rows.get(name)
        if row is None and old is not None and job.target.exists():
            row = old
        if row is not None:
            found.append(row._replace(seconds=row.seconds or (old.seconds if old else "")))
    return found


def write_table(path: Path, rows: Sequence[Row], report: Report) -> None:
    """Write explained.csv, and beside it what the network sees most often, for people."""
    often = Counter((row.predicted, row.predicted_name) for row in rows).most_common()
    lines = []
    for (number, name), times in often[:MOST_CLASSES]:
        shares = [float(row.probability) for row in rows if row.predicted == number]
        lines.append([name, str(times), f"{sum(shares) / times:.3g}"])
    more = f", {len(often) - MOST_CLASSES} more classes" if len(often) > MOST_CLASSES else ""
    blank = sum(bool(row.blank) for row in rows)
    more += f"; of {blank} a map is blank" if blank else ""
    note = f"{counted(len(rows), 'picture')}{more}. Each picture: {path.name}."
    report.table(path, ("predicted class", "pictures", "mean probability"), lines, note, numbers=(Row._fields, rows))


def _class(number: int, names: Sequence[str], probabilities: Tensor) -> tuple[str, str, str]:
    return str(number), names[number], f"{float(probabilities[number]):.6g}"
