"""Do the forecasts of studies and trainings hold? Each is run once, small enough to wait for; on Linux.

Writes docs/results/costs.md and .csv: what was forecast, and what a new process took for it. Its memory is the most
above what it held when the work began.
"""

import argparse
import ctypes
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import torch

from core.defaults import ROOT
from core.errors import WorkError
from core.squeezenet import load_squeezenet
from drawing.tables import write_csv, write_markdown
from studies.shared.cost import MOST_BYTES, MOST_SECONDS, Cost, slowness
from studies.shared.memory import keep_freed_memory
from studies.shared.options import Parser, run_script
from studies.shared.report import Report
from training import commands, evaluate
from training.commands import scene_training
from training.cost import cost
from training.flags import parser as parser_of
from training.flags import settings
from training.settings import SceneSettings

OUTPUT = ROOT / "docs" / "results" / "costs.md"
SECONDS = 300  # that a run may take
CASES = (
    "gradcam --size 1024",
    "gradcam --size 768 --images coffee",
    "saliency --size 1024 --images coffee --nodes 8",
    "saliency --size 448 --technique smoothgrad rise --masks 60 --images coffee",
    "saliency --technique occlusion --images coffee --patch 30 --stride 20",
    "deepdream --size 2048 --iterations 1 --octaves 2 --layer features.7",
    "classes --size 384 --iterations 2 --labels 1 2 3 4 5 6 7 8 9 10 11 12",
    "fooling --technique pgd --size 512 --images coffee --iterations 3",
    "trust --technique gradient --images coffee --stages 10 --draws 1",
    "inversion --size 768 --iterations 4 --images coffee --layers features.7 features.12",
    "bias --iterations 10 --scenes 20 --fresh",
    "confidence --size 224 --pictures 36 --scenes 108 --iterations 1",
    "embedding --scenes 180",
    "explain --size 1024 --images coffee chelsea",
    "facets --scenes 36 --size 448 --iterations 2 --labels star",
    "fast_style --size 1536 --images coffee --style mosaic",
    "generator --labels 1 --iterations 10",
    "neurons --size 448 --scenes 36 --iterations 4 --weights patterns",
    "robustness --scenes 36 --iterations 3 --class-iterations 4 --certified 4 --draws 20",
    "scenes --size 224 --per-class 6",
    "segmentation --size 768 --images coffee",
    "style --content harbour_town --style mosaic --size 768 --iterations 2",
    "style --preset swirling_night --style-size 2400 --size 512 --iterations 2",
    "textures --images cracks --iterations 8 --size 128 --sample-size 128",
    "tradeoffs --figure blend --size 512 --iterations 1",
    "universal --size 224 --count 72 --held 36 --iterations 4",
    "training classifier --iterations 3 --workers 0",
    "training plain --iterations 3 --workers 0",
    "training robust --iterations 3 --workers 0",
    "training noise --iterations 3 --workers 0",
    "training generator --iterations 2 --workers 0",
    "training styles --iterations 2 --batch 24 --side 160 --style-size 768",
    "training evaluate --scenes 72 --size 448",
)


NOTE = f"""`python -m benchmarks.costs` makes this table again. On another machine the seconds differ, the bytes hardly.
Seconds are those of the processor, on one core. The memory is above what the process holds when the work begins,
about 0.8 GB. Trainings on scenes got 72 scenes, which else take longest. Told before the work is a forecast of more
than {MOST_BYTES / 1e9:g} GB or {MOST_SECONDS / 60:g} minutes. Attacks may end early: theirs is the most."""


class Row(NamedTuple):
    """A run."""

    command: str
    forecast_gb: float
    peak_gb: float
    forecast_s: float
    took_s: float


def main(options: argparse.Namespace) -> int:
    if options.one:
        print(json.dumps(measure_here(options.one)))
        return 0
    rows, failed = [], 0
    for case in options.cases or CASES:
        try:
            rows.append(measure(case))
        except (WorkError, subprocess.TimeoutExpired) as error:
            print(error, file=sys.stderr, flush=True)
            failed = 1
        else:
            print("  ".join(map(str, rows[-1])), flush=True)
    names = ("command", "GB forecast", "GB measured", "seconds forecast", "seconds measured")
    texts = [(f"`{row.command}`", *(f"{value:.2g}" for value in row[1:])) for row in rows]
    write_markdown(options.output, names, texts, note=NOTE)
    write_csv(options.output, Row._fields, [tuple(map(str, row)) for row in rows])
    return failed


def measure(case: str) -> Row:
    """Run it in a new process and a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.costs", "--one", case]
        how = {"cwd": folder, "env": os.environ | {"PYTHONPATH": str(ROOT)}, "timeout": SECONDS}
        result = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    if result.returncode:
        raise WorkError(f"{case}: {result.stderr.strip() or result.returncode}")
    return Row(case, *json.loads(result.stdout.splitlines()[-1]))


def measure_here(case: str) -> list[float]:
    """What is forecast and measured of a case, in this process: gigabytes, and seconds; each forecast before."""
    words = case.split()
    keep_freed_memory()
    model = load_squeezenet("patterns", "cpu")
    model(torch.zeros(1, 3, 64, 64))  # what is made once, at the first call, is not the work's
    work, costs = training_of(*words[1:]) if words[0] == "training" else study_of(*words)
    seconds = costs.seconds_if(slowness(model, time.process_time))
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # or the work would fit into what the preparation left behind
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, began = status("VmRSS"), time.process_time()
    work()
    took = time.process_time() - began
    return [round(value, 3) for value in (costs.bytes / 1e9, status("VmHWM") - before, seconds, took)]


def study_of(name: str, *flags: str) -> tuple[Callable[[], object], Cost]:
    """The work of a study, and what is forecast."""
    module = import_module(f"studies.{name}.flags")
    settings = module.settings(module.parser().parse_args(flags))
    study = import_module(f"studies.{name}.study")
    return lambda: study.run(settings, Report()), import_module(f"studies.{name}.cost").cost(settings)


def training_of(name: str, *flags: str) -> tuple[Callable[[], object], Cost]:
    """The work of `python -m training`, and what is forecast. Those on scenes get few of them, which take longest."""
    asked = settings(name, parser_of(name).parse_args(flags))
    if not isinstance(asked, SceneSettings):
        return lambda: (evaluate if name == "evaluate" else commands).run(name, asked), cost(asked)
    whole = scene_training(name, asked)
    training = type(whole)(replace(whole.recipe, rounds=2, held_out_rounds=1))
    return lambda: training.run(workers=asked.workers), cost(asked, training.recipe)


def status(name: str) -> float:
    """A line of what the kernel says of this process, in gigabytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:"))) * 1024 / 1e9


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.costs", description=__doc__)
    add = result.add_argument
    add("--cases", nargs="+", metavar="COMMAND", help="such as 'gradcam --size 512' (default: one of each)")
    add("--one", metavar="COMMAND", help=argparse.SUPPRESS)
    add("--output", type=Path, default=OUTPUT, metavar="PATH", help="where to write the Markdown")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser(), keep_memory=False))
