"""Put generated tables into README.md and docs/*.md, each between its two marks: what stands there is never typed.

Measured tables come from the file that a command wrote; the tables of studies and of maps come from the code itself.
"""

import argparse
import re
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from core.defaults import ROOT
from core.errors import UsageError
from core.files import write_whole
from drawing.tables import markdown
from studies.shared.options import Parser, run_script
from studies.shared.runner import flags_of, study_names
from visualizers.catalogue import TECHNIQUES

MARK = re.compile(r"<!-- table: ([a-z_]+) -->\n")


def studies_table() -> str:
    """Every study: its question, the command, its page."""
    rows = [
        [flags_of(name).QUESTION, f"`python -m studies {name}`", f"[docs/{name}.md](docs/{name}.md)"]
        for name in study_names()
    ]
    return markdown(["question", "command", "more"], rows)


def techniques_table() -> str:
    """Every map: its name, its question, what comes out, what it needs of a network, the module and the paper."""
    rows = [
        [
            f"`{row.name}`",
            row.question,
            row.result,
            row.needs or "any network",
            f"`{row.function.rpartition('.')[0].replace('.', '/')}.py`",
            row.paper,
        ]
        for row in TECHNIQUES.values()
    ]
    return markdown(["`--technique`", "question", "result", "needs", "module", "paper"], rows)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


TABLES: dict[str, Callable[[], str]] = {
    "speed": partial(_read, ROOT / "benchmarks" / "speed.md"),
    "gpu": partial(_read, ROOT / "benchmarks" / "gpu.md"),
    "trust": partial(_read, ROOT / "docs" / "results" / "trust.md"),
    "segmentation": partial(_read, ROOT / "docs" / "results" / "segmentation.md"),
    "studies": studies_table,
    "techniques": techniques_table,
}


def fill(text: str, name: str, table: str) -> str:
    """The text with the table between its marks, in place of what was there."""
    begin, end = f"<!-- table: {name} -->\n", f"<!-- end of table: {name} -->\n"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise UsageError(f"docs: each of the lines '{begin.strip()}' and '{end.strip()}' is needed once; put them in")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table.strip()}\n\n{end}{rest.split(end)[1]}"


def fill_all(text: str) -> str:
    """The text with every table that it has marks for."""
    for name in MARK.findall(text):
        if name not in TABLES:
            raise UsageError(f"docs: there is no table '{name}'; allowed are {', '.join(TABLES)}")
        text = fill(text, name, TABLES[name]())
    return text


def pages() -> list[Path]:
    """The files that tables go into."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def main(_options: argparse.Namespace) -> None:
    for page in pages():
        text = _read(page)
        if (filled := fill_all(text)) != text:
            print(f"wrote {write_whole(page, filled.encode())}")


def parser() -> Parser:
    return Parser(prog="python -m benchmarks.docs", description=__doc__)


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
