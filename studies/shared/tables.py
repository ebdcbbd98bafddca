"""The table of a study: written as Markdown and CSV, and said."""

from collections.abc import Sequence
from pathlib import Path

from core.files import write_whole
from drawing.tables import markdown, write_csv
from studies.shared.report import Report


def report_table(
    report: Report, path: Path, header: Sequence[str], rows: Sequence[Sequence[str]], note: str = ""
) -> None:
    """Write the rows to `path`, its ending made .md, and to the .csv beside it, and say them. note: stands below."""
    table = markdown(header, rows) + (f"\n{note}\n" if note else "")
    report.say(f"{table}wrote {write_whole(path.with_suffix('.md'), table.encode())}")
    report.say(f"wrote {write_csv(path, header, rows)}")
