"""How much sooner is a folder explained by two processes than by one? Wall time of the commands themselves.

Each process has one thread for the network, and those that read and write beside it. As many processes have as many
cores, where the system can be told so (Linux); one process is also given all cores, to show what its own threads gain.
They take turns, so that what else the machine does strikes all of them. Starting (loading torch, the network and what
the last run left) counts; what a further picture costs does not hold it. Prints a line for each, and writes a CSV.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from PIL import Image

from core.defaults import ROOT
from core.errors import WorkError
from drawing.tables import write_csv
from studies.shared.options import Parser, run_script, whole_number
from studies.shared.progress import progress

HEADER = ("pictures", "size", "processes", "cores", "median_s", "least_s", "largest_s", "times_as_fast", "ms_further")
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []  # none: they cannot be dealt


class Crew(NamedTuple):
    """Who does the work."""

    processes: int
    cores: int


def main(options: argparse.Namespace) -> int:
    """Measure and write."""
    crews, rows, last = crews_of(options.processes), [], {}
    with TemporaryDirectory() as place:
        for count in options.counts:
            folder = make_pictures(Path(place) / str(count), count, options.size)
            seconds: dict[Crew, list[float]] = {crew: [] for crew in crews}
            for crew in progress(crews * options.rounds, desc=f"{count} pictures", unit="run"):
                seconds[crew].append(explain(folder, options.size, crew))
            slowest = median(seconds[min(crews)])  # one process, on one core where cores can be dealt
            for crew, found in seconds.items():
                taken, (fewer, earlier) = median(found), last.get(crew, (count, 0.0))
                further = f"{1000 * (taken - earlier) / (count - fewer):.1f}" if count > fewer else ""
                figures = [f"{value:.2f}" for value in (taken, min(found), max(found), slowest / taken)]
                rows.append((count, options.size, *crew, *figures, further))
                last[crew] = count, taken
                print(", ".join(f"{name} {value}" for name, value in zip(HEADER, rows[-1], strict=True)))
    print(f"wrote {write_csv(options.output, HEADER, rows)}")
    return 0


def crews_of(processes: Sequence[int]) -> list[Crew]:
    """As many processes on as many cores, and before them one process on all."""
    every = len(CORES) or os.cpu_count() or 1
    crews = [Crew(1, every), *(Crew(many, min(many, every) if CORES else every) for many in processes)]
    return list(dict.fromkeys(crews))


def make_pictures(folder: Path, count: int, size: int) -> Path:
    """Pictures of coarse noise, each another one, `size` pixels a side."""
    folder.mkdir()
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(folder / f"{number:06}.jpg")
    return folder


def explain(folder: Path, size: int, crew: Crew) -> float:
    """Seconds that the command takes, from its start to its end."""
    how = ["-m", "torch.distributed.run", "--nproc-per-node", str(crew.processes)] if crew.processes > 1 else []
    with TemporaryDirectory() as place:
        study = ["-m", "studies", "explain", "--images", str(folder), "--size", str(size), "--output", place]
        own = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        began = time.perf_counter()
        deal = (lambda: os.sched_setaffinity(0, CORES[: crew.cores])) if CORES else None
        command = [sys.executable, *how, *study]
        run = subprocess.run(command, env=own, preexec_fn=deal, capture_output=True, text=True, check=False)
        taken = time.perf_counter() - began
        if run.returncode or len(list(Path(place).glob("*.png"))) != len(list(folder.iterdir())):
            raise WorkError(f"explain with {crew.processes} processes failed: {run.stderr.strip()[-300:]}")
    return taken


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.processes", description=__doc__)
    add = result.add_argument
    add("--counts", nargs="+", type=whole_number(1, 1_000_000), default=[100, 1000], metavar="N", help="pictures")
    add("--processes", nargs="+", type=whole_number(1, 1024), default=[1, 2], metavar="N", help="that take turns")
    add("--size", type=whole_number(64, 1024), default=64, metavar="PIXELS", help="side of the pictures")
    add("--rounds", type=whole_number(1, 100), default=3, metavar="N", help="turns")
    path = Path("visualization/processes.csv")
    add("--output", type=Path, default=path, metavar="PATH", help="the CSV")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
