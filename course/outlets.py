"""The flags of check_submission.py that say where results go, and what writes them there.

    add_flags(parser)                 --json, --points, --html, --table, --fresh, --overwrite
    prepare(options)                  before the work: a wrong points file and a file that may not be replaced are told
    write_outlets(results, options)   after the work: what --json and --html ask for
    write_table(options, check)       with --table, in place of the check of one hand-in

Nothing heavy is imported before it is needed, so that --help answers at once.
"""

import argparse
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import UsageError

if TYPE_CHECKING:
    from course.gradescope import Points
    from course.results import PartResult

SIGNS = {"json": b'"written_by": "check_submission.py"', "html": b'content="check_submission.py"'}


def add_flags(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("where results go").add_argument
    add("--html", type=Path, metavar="FILE", help="a page for a student: each part that is not right, with pictures")
    add("--json", type=Path, metavar="FILE", help="for lecturers: the file that Gradescope reads")
    add("--points", type=Path, metavar="FILE", help="points, visibility and time limit (default: course/points.toml)")
    add("--table", type=Path, metavar="FILE", help="the folder holds many hand-ins: check each, into this .csv")
    add("--fresh", action="store_true", help="with --table: check again what the table has already")
    add("--overwrite", action="store_true", help="replace a file of that name which this program did not write")


def prepare(options: argparse.Namespace) -> "Points":
    """The points that --points asks for. Raises UsageError for flags that do not fit and files that must be kept."""
    if options.table and (options.json or options.html):
        raise UsageError("--table: it checks many hand-ins, --json and --html one; leave one of them out")
    if options.fresh and not options.table:
        raise UsageError("--fresh: it says that --table starts anew; give --table, too")
    for kind, sign in SIGNS.items():
        path = getattr(options, kind)
        if path is None:
            continue
        if path.is_dir():
            raise UsageError(f"--{kind}: '{path}' is a folder; give the name of a file")
        if path.exists() and not options.overwrite and not (path.is_file() and sign in path.read_bytes()):
            words = "is there already and was not written by this program"
            raise UsageError(f"--{kind}: '{path}' {words}; choose another name, or replace it with --overwrite")
    if options.table:
        try:
            import_module("course.table").read_rows(options.table)
        except UsageError:
            if not options.overwrite:
                raise
            options.table.unlink()
    return import_module("course.gradescope").read_points(options.points)


def write_outlets(
    results: "Sequence[PartResult]", options: argparse.Namespace, *, name: str = "", seconds: float = 0.0
) -> list[str]:
    """Write what --json and --html ask for; return a line for each file.

    name: the hand-in's, for the page's head. seconds: how long the whole check took.
    """
    written, files = [], import_module("core.files")
    if options.json:
        gradescope = import_module("course.gradescope")
        points = gradescope.read_points(options.points).only(getattr(options, "only", None))
        document = gradescope.graded(results, points, seconds=seconds)
        files.write_whole(options.json, gradescope.to_bytes(document))
        written.append(f"wrote {options.json}: {document['score']:g} of {document['extra_data']['max_score']:g} points")
    if options.html:
        page = import_module("course.page").page(results, name=name)
        files.write_whole(options.html, page.encode("utf-8"))
        written.append(f"wrote {options.html}")
    return written


def write_table(
    folder: Path,
    options: argparse.Namespace,
    check: "Callable[[Path], Sequence[PartResult]]",
    *,
    settings: str = "",
    say: Callable[[str], None] = print,
) -> int:
    """Check every hand-in of a folder into --table; 0 if all are right, else 1.

    settings: what the results depend on besides the hand-in: network, parts, time limit.
    """
    table = import_module("course.table")
    filled = table.tabulate(folder, options.table, check, fresh=options.fresh, settings=settings, say=say)
    for line in table.summary(filled, options.table):
        say(line)
    return int(any(row["verdict"] != "right" for row in filled.rows))
