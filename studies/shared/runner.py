"""Runs a study from the command line: flags -> settings -> the study, every error one sentence and an exit code."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from types import ModuleType

from core.defaults import ROOT
from core.sharing import FirstEnded, company, met, started
from studies.shared.options import Parser, run_script
from studies.shared.outputs import protected
from studies.shared.starting import loading


def study_names() -> list[str]:
    """The folders of studies/, by name."""
    return sorted(path.parent.name for path in (ROOT / "studies").glob("*/flags.py"))


def flags_of(name: str) -> ModuleType:
    """The study's flags.py: QUESTION, parser() and settings(options). Nothing heavy is imported."""
    return import_module(f"studies.{name}.flags")


def run_study(name: str, arguments: Sequence[str] | None = None, *, prog: str | None = None) -> int:
    """Run one study; return the exit code: 0, 1 where a part of the work failed, 2 for wrong use.

    Of several processes that torchrun started, all work if the study's flags.py says SHARES_WORK, else the first alone.
    """
    flags = flags_of(name)
    rank, processes = started()
    shared = getattr(flags, "SHARES_WORK", False)
    if rank and not shared:
        return 0
    parser: Parser = flags.parser()
    parser.prog = prog or f"python -m studies {name}"

    with ExitStack() as together:

        def work(options: argparse.Namespace) -> int:
            settings = flags.settings(options)
            if settings.asks_for_layers:
                if rank:
                    return 0
                report = import_module("studies.shared.report").Report()
                import_module("studies.shared.layer_list").list_layers(settings, report)
                return int(report.failed)
            with protected(settings, overwrite=options.overwrite):
                # What is heavy, torch and the study's own modules, is loaded only now: wrong flags are told at once.
                with loading():
                    if shared:
                        together.enter_context(met())
                    study = import_module(f"studies.{name}.study")
                    report = import_module("studies.shared.report").Report()
                if processes > 1 and not shared:
                    report.say(f"{name} has nothing to share: the first of the {processes} processes does it alone")
                try:
                    study.run(settings, report)
                except FirstEnded:
                    return 0
            return int(report.failed)

        code = run_script(work, parser, arguments, keep_memory=getattr(flags, "KEEP_FREED_MEMORY", True))
        return company().end(code)
