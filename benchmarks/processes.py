"""How much sooner is a folder explained by two processes than by one? Wall time of the commands themselves.

Each process has one thread, and the numbers of processes take turns, so that what else the machine does strikes all of
them. Starting (loading torch, the network and what the last run left) counts; what a further picture costs does not
hold it. Prints a line for each number of pictures, and writes a CSV.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

from core.defaults import ROOT
from core.errors import WorkError
from drawing.tables import write_csv
from studies.shared.options import Parser, run_script, whole_number
from studies.shared.progress import progress

HEADER = ("pictures", "size", "processes", "median_s", "least_s", "largest_s", "times_as_fast_as_one")


def main(options: argparse.Namespace) -> int:
    """Measure and write."""
    rows, before = [], {}
    with TemporaryDirectory() as place:
        for count in options.counts:
            folder = make_pictures(Path(place) / str(count), count, options.size)
            turns = [many for _ in range(options.rounds) for many in options.processes]
            seconds: dict[int, list[float]] = {many: [] for many in options.processes}
            for many in progress(turns, desc=f"{count} pictures", unit="run"):
                seconds[many].append(explain(folder, options.size, many))
            times = {many: median(found) for many, found in seconds.items()}
            for many, found in seconds.items():
                faster = times[min(times)] / times[many]
                rows.append((count, options.size, many, times[many], min(found), max(found), faster))
                further = ""
                if many in before:
                    fewer, earlier = before[many]
                    further = f", {1000 * (times[many] - earlier) / (count - fewer):.0f} ms a further picture"
                print(f"{count} pictures, {many} processes: {times[many]:.1f} s, {faster:.2f} times as fast{further}")
                before[many] = count, times[many]
    text = [[*row[:3], *(f"{value:.2f}" for value in row[3:])] for row in rows]
    print(f"wrote {write_csv(options.output, HEADER, text)}")
    return 0


def make_pictures(folder: Path, count: int, size: int) -> Path:
    """Pictures of coarse noise, each another one, `size` pixels a side."""
    folder.mkdir()
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((size, size), Image.Resampling.BICUBIC).save(folder / f"{number:06}.jpg")
    return folder


def explain(folder: Path, size: int, processes: int) -> float:
    """Seconds that the command takes, from its start to its end."""
    how = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    with TemporaryDirectory() as place:
        study = ["-m", "studies", "explain", "--images", str(folder), "--size", str(size), "--output", place]
        own = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        began = time.perf_counter()
        run = subprocess.run([sys.executable, *how, *study], env=own, capture_output=True, text=True, check=False)
        taken = time.perf_counter() - began
        if run.returncode or len(list(Path(place).glob("*.png"))) != len(list(folder.iterdir())):
            raise WorkError(f"explain with {processes} processes failed: {run.stderr.strip()[-300:]}")
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
