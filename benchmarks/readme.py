"""Put the measured tables into the README, each between its two marks: what stands there is never typed."""

import sys
from pathlib import Path

from core.defaults import ROOT
from core.errors import UsageError
from core.files import write_whole
from studies.shared.options import Parser, run_script

TABLES = {  # the name in the mark, and the file that a command wrote
    "speed": ROOT / "benchmarks" / "speed.md",
    "trust": ROOT / "docs" / "results" / "trust.md",
    "segmentation": ROOT / "docs" / "results" / "segmentation.md",
}


def marks(name: str) -> tuple[str, str]:
    """What stands before and after the table of this name."""
    return f"<!-- table: {name} -->\n", f"<!-- end of table: {name} -->\n"


def fill(text: str, name: str, table: str) -> str:
    """The text with the table between its marks, in place of what was there."""
    begin, end = marks(name)
    if text.count(begin) != 1 or text.count(end) != 1:
        raise UsageError(f"readme: it needs each of the lines '{begin.strip()}' and '{end.strip()}' once; put them in")
    before, rest = text.split(begin)
    return f"{before}{begin}\n{table.strip()}\n\n{end}{rest.split(end)[1]}"


def main(options) -> None:
    text = options.readme.read_text(encoding="utf-8")
    for name, path in TABLES.items():
        text = fill(text, name, path.read_text(encoding="utf-8"))
    print(f"wrote {write_whole(options.readme, text.encode())}")


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.readme", description=__doc__)
    result.add_argument("--readme", type=Path, default=ROOT / "README.md", metavar="FILE", help="the file to fill")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
