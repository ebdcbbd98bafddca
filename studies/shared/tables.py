"""The tables of a study: Markdown for people, which is said too, and comma-separated values for programs."""

from collections.abc import Sequence
from pathlib import Path

from core.files import write_whole
from drawing.tables import markdown, write_csv
from studies.shared.report import Report

Rows = Sequence[Sequence[str]]


def report_table(report: Report, path: Path, header: Sequence[str], rows: Rows, note: str = "") -> None:
    """Write the rows to `path`, its ending made .md, and to the .csv beside it, and say them. note: stands below."""
    report_markdown(report, path, header, rows, note)
    report_csv(report, path, header, rows)


def report_markdown(report: Report, path: Path, header: Sequence[str], rows: Rows, note: str = "") -> None:
    """Write the rows to `path`, its ending made .md, and say them and where. note: what stands below."""
    table = markdown(header, rows) + (f"\n{note}\n" if note else "")
    data = table.encode(errors="backslashreplace")  # a class may be called by half a letter
    report.say(f"{table}wrote {write_whole(path.with_suffix('.md'), data)}")


def report_csv(report: Report, path: Path, header: Sequence[str], rows: Rows) -> None:
    """Write the rows to `path`, its ending made .csv, and say where."""
    report.say(f"wrote {write_csv(path, header, rows)}")
