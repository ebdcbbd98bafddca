"""Runs a study from the command line: flags -> settings -> the study, every error one sentence and an exit code."""

import argparse
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from core.defaults import ROOT
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
    """Run one study; return the exit code: 0, 1 where a part of the work failed, 2 for wrong use."""
    flags = flags_of(name)
    parser: Parser = flags.parser()
    parser.prog = prog or f"python -m studies {name}"

    def work(options: argparse.Namespace) -> int:
        settings = flags.settings(options)
        if settings.asks_for_layers:
            report = import_module("studies.shared.report").Report()
            import_module("studies.shared.layer_list").list_layers(settings, report)
            return int(report.failed)
        with protected(settings, overwrite=options.overwrite):
            # The study's own modules, torch among what they import, are loaded only now: wrong flags are told at once.
            with loading():
                study, report = import_module(f"studies.{name}.study"), import_module("studies.shared.report").Report()
            study.run(settings, report)
        return int(report.failed)

    return run_script(work, parser, arguments, keep_memory=getattr(flags, "KEEP_FREED_MEMORY", True))
