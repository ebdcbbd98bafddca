"""A folder of hand-ins, checked one after the other into one table, which an interrupted run goes on with."""

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError, WorkError
from core.files import write_whole
from course.gradescope import clean
from course.results import PartResult
from course.submission import editions_of

COLUMNS = ("name", "part", "verdict", "mistakes", "error", "seconds", "sentence", "fingerprint")
NOT_CHECKED = "not checked"
PASSED_OVER = {"__pycache__", "__MACOSX"}  # and all hidden names
Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    """The rows, how many hand-ins were checked now, were kept, or are gone, and files that are no hand-in."""

    rows: list[Row]
    checked: int
    kept: int
    gone: int
    left_out: list[str]


def tabulate(
    folder: Path,
    path: Path,
    check: Callable[[Path], Sequence[PartResult]],
    *,
    fresh: bool = False,
    settings: str = "",
    say: Callable[[str], None] = print,
) -> Table:
    """Check each zip and folder in `folder`; write the table after each, so that a stopped run can go on.

    check: returns the results of one hand-in; what it raises becomes a row, and the next hand-in follows.
    fresh: start anew. Without it, the rows of a hand-in that has not changed or is no longer there are kept.
    settings: what else the results depend on, e.g. the network; other settings check everything again.

    Raises UsageError if the folder holds no hand-in, or if the file at `path` is another table.
    """
    before = read_rows(path)
    hand_ins, left_out = find_hand_ins(folder, path)
    by_name: dict[str, list[Row]] = {}
    for row in [] if fresh else before:
        by_name.setdefault(row["name"], []).append(row)
    done: dict[str, list[Row]] = {}
    checked = 0
    for number, hand_in in enumerate(hand_ins, start=1):
        name, mark = _cell(hand_in.name), fingerprint(hand_in, settings)
        rows = by_name.pop(name, [])
        if rows and all(row["fingerprint"] == mark and row["verdict"] != NOT_CHECKED for row in rows):
            done[name] = rows
            continue
        done[name] = _rows_of(hand_in, check, mark)
        checked += 1
        wrong = [row for row in done[name] if row["verdict"] != "right"]
        told = wrong[0]["sentence"] if wrong and wrong[0]["verdict"] == NOT_CHECKED else f"{len(wrong)} not right"
        say(f"{number} of {len(hand_ins)}: {name}: {told if wrong else 'all right'}")
        write_whole(path, to_bytes([row for rows in (*done.values(), *by_name.values()) for row in rows]))
    rows = [row for rows in (*done.values(), *by_name.values()) for row in rows]
    write_whole(path, to_bytes(rows))
    return Table(rows, checked, len(hand_ins) - checked, len(by_name), left_out)


def find_hand_ins(folder: Path, path: Path) -> tuple[list[Path], list[str]]:
    """The zips and folders within, sorted, and the names of other files. The table itself is neither."""
    if not folder.is_dir():
        raise UsageError(f"--table: '{folder}' is no folder; name one that holds a zip or folder for each hand-in")
    if editions_of(folder):
        raise UsageError(f"--table: '{folder}' is one hand-in itself; name the folder that holds all of them")
    hand_ins, left_out = [], []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in PASSED_OVER or entry.absolute() == path.absolute():
            continue
        if entry.is_dir() or entry.suffix.lower() == ".zip":
            hand_ins.append(entry)
        else:
            left_out.append(entry.name)
    if not hand_ins:
        raise UsageError(f"--table: '{folder}' holds no zip and no folder, so no hand-in")
    return hand_ins, left_out


def fingerprint(path: Path, settings: str = "") -> str:
    """What a hand-in holds and how it is checked, as a short hash: another one means that it must be checked again."""
    digest = hashlib.sha256(settings.encode())
    files = [path]
    if path.is_dir():
        files = []
        for here, folders, names in os.walk(path):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in PASSED_OVER)
            files += [Path(here, name) for name in sorted(names)]
    for file in files:
        digest.update(os.fsencode(file.relative_to(path)) + b"\0")
        if file.is_symlink() or not file.is_file():  # the check refuses these; nothing is waited for
            digest.update(os.fsencode(os.readlink(file)) if file.is_symlink() else b"no file")
            continue
        try:
            with open(file, "rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except OSError as error:
            digest.update(str(error.strerror).encode())
    return digest.hexdigest()[:16]


def count_mistakes(rows: Sequence[Row]) -> list[tuple[int, str, str]]:
    """(how many hand-ins, part, mistake), the most frequent first. What has no known mistake counts by its verdict."""
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        if row["verdict"] in ("right", NOT_CHECKED):
            continue
        names = row["mistakes"].split("; ") if row["mistakes"] else []
        for name in names or [f"({row['verdict']}{', mistake not known' if row['verdict'] == 'wrong' else ''})"]:
            counts[row["part"], name] += 1
    return sorted(((times, part, name) for (part, name), times in counts.items()), key=lambda row: (-row[0], row[1:]))


def summary(table: Table, path: Path) -> list[str]:
    """What is said at the end, line by line."""
    names = {row["name"] for row in table.rows}
    broken = {row["name"] for row in table.rows if row["verdict"] == NOT_CHECKED}
    wrong = {row["name"] for row in table.rows if row["verdict"] != "right"} - broken
    lines = [f"left out, neither zip nor folder: {name}" for name in table.left_out]
    if table.gone:
        lines.append(f"kept from an earlier run, no longer in the folder: {table.gone} (--fresh leaves them out)")
    counts = count_mistakes(table.rows)
    if counts:
        lines.append("how often each mistake was made:")
        lines += [f"{times:5d}  {part}: {name.removeprefix(f'{part}.')}" for times, part, name in counts]
    lines.append(
        f"wrote {path}: {len(names)} hand-ins ({table.checked} checked now, {table.kept + table.gone} kept): "
        f"{len(names) - len(wrong) - len(broken)} all right, {len(wrong)} with faults, {len(broken)} not checked"
    )
    return lines


def read_rows(path: Path) -> list[Row]:
    """The rows of an earlier run; none if there is no file. Raises UsageError for a file that is another one."""
    if not path.exists():
        return []
    other = UsageError(f"--table: '{path}' is there already and is no table of this program; choose another name")
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            rows = list(reader)
    except (UnicodeError, csv.Error):
        raise other from None
    except OSError as error:
        raise WorkError(f"--table: '{path}' cannot be read ({error.strerror})") from None
    if rows or reader.fieldnames:
        if tuple(reader.fieldnames or ()) != COLUMNS or any(None in row or None in row.values() for row in rows):
            raise other
    elif path.stat().st_size:
        raise other
    return rows


def to_bytes(rows: Sequence[Row]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode("utf-8")  # the mark makes spreadsheets read UTF-8


def _rows_of(hand_in: Path, check: Callable[[Path], Sequence[PartResult]], mark: str) -> list[Row]:
    try:
        results = check(hand_in)
    except Exception as error:  # one broken hand-in must not stop the table of two hundred
        words = str(error) if isinstance(error, (UsageError, WorkError)) else f"{type(error).__name__}: {error}"
        return [_row(hand_in, "", NOT_CHECKED, sentence=words, mark=mark)]
    if not results:
        return [_row(hand_in, "", NOT_CHECKED, sentence="no part of the assignment was found in it", mark=mark)]
    return [
        _row(
            hand_in,
            result.part,
            result.status,
            mistakes="; ".join(result.mistakes),
            error="" if result.error is None else f"{result.error:.3g}",
            seconds=f"{result.seconds:.1f}",
            sentence=" ".join(filter(None, (result.sentence, *result.notes))),
            mark=mark,
        )
        for result in results
    ]


def _row(
    hand_in: Path,
    part: str,
    verdict: str,
    *,
    mistakes: str = "",
    error: str = "",
    seconds: str = "",
    sentence: str = "",
    mark: str,
) -> Row:
    values = (_cell(hand_in.name), part, verdict, mistakes, error, seconds, _cell(sentence), mark)
    return dict(zip(COLUMNS, values, strict=True))


def _cell(text: str) -> str:
    """One line which no spreadsheet takes for a formula: students choose names, and what their errors say."""
    text = " ".join(clean(text).split())
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text
