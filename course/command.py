"""The command check_submission.py. Nothing heavy is imported before the flags are read."""

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from core.defaults import ROOT
from core.errors import UsageError
from course import outlets
from course.parts import PARTS
from studies.shared.options import Parser, number, run_script

if TYPE_CHECKING:
    from course.results import PartResult

DESCRIPTION = """Check a hand-in part by part, and say what is wrong in it.

FOLDER is your folder or its .zip. Which course and edition it belongs to is found by its files (docs/courses.md). Each
part runs in a process of its own, in a temporary copy, with limits of time, memory and files and without a network. Its
results on small fixed inputs are compared with references in double precision; a known mistake is named.

The exit code is 0 if all parts of the edition are right, 1 if not, 2 for wrong use."""
SECONDS = 30.0


def parser() -> Parser:
    result = Parser(prog="check_submission.py", description=DESCRIPTION)
    add = result.add_argument
    add("submission", nargs="?", type=Path, default=ROOT, metavar="FOLDER", help="default: this project")
    add("--only", nargs="+", choices=list(PARTS), metavar="PART", help=f"check these parts alone: {', '.join(PARTS)}")
    add(
        "--time-limit",
        type=number(0.1, 3600),
        default=SECONDS,
        metavar="SECONDS",
        help="that one part may take",
    )
    add("--weights", default="patterns", help="patterns (the network of this repository), imagenet or a file")
    outlets.add_flags(result)
    return result


def work(options: argparse.Namespace) -> int:
    points = outlets.prepare(options)
    if options.points and "time_limit" not in options.given:
        options.time_limit = points.time_limit
    begun = time.monotonic()
    if not options.submission.exists():
        raise UsageError(f"'{options.submission}' is not there; name the folder of your hand-in, or its .zip")
    with ExitStack() as stack:
        # Its server imports torch while this process does.
        sandbox = stack.enter_context(import_module("course.sandbox").Sandbox(options.time_limit))
        check, line = import_module("course.check"), import_module("course.results").line

        def checked(path: Path, *, tell: bool = False) -> "Sequence[PartResult]":
            told = (lambda result: print(line(result), flush=True)) if tell else None
            settings = {"parts": options.only, "network": options.weights, "time_limit": options.time_limit}
            return check.check_submission(path, **settings, sandbox=sandbox, told=told)

        if options.table:
            settings = f"{options.weights} {options.time_limit:g} {' '.join(options.only or ['all'])}"
            return outlets.write_table(options.submission, options, checked, settings=settings)
        results = checked(options.submission, tell=True)
    right = sum(result.status == "right" for result in results)
    print(f"{right} of {len(results)} parts are right")
    for written in outlets.write_outlets(
        results, options, name=options.submission.name, seconds=time.monotonic() - begun
    ):
        print(written)
    return int(right < len(results) or not results)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_script(work, parser(), arguments)
