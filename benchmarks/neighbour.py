"""How much do programs slow each other? Ours alone, beside a busy process, and beside another of its kind.

A thread of torch that waits for the others spins for a while before it sleeps, on a core that a neighbour could use.
Each way of waiting has two processes of its own, which are told in turn to work; what is told is the time of the slower
where both work at once. Writes a table (Markdown and CSV): medians, and their ratios to torch's own way beside the same
neighbour. Who is not asked is stopped meanwhile. `--works`, `--ways` and `--rounds` make it shorter.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import product
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch

from benchmarks.works import WORKS, Setup
from core.defaults import ROOT
from core.errors import WorkError
from drawing.tables import write_table
from studies.shared.memory import keep_freed_memory
from studies.shared.options import Parser, run_script, whole_number
from studies.shared.starting import WAITING, WAYS_OF_WAITING

HEADER = (
    "work",
    "way of waiting",
    "alone, s",
    "beside a busy process, s",
    "beside itself, s",
    "as ratios",
    "processor, s",
)
SETUPS = {  # (pictures, pixels); 30 steps of style transfer
    "saliency": (25, 224),
    "style transfer": (1, 192),
    "class visualization": (1, 224),
}
STEPS = 30
OWN = "torch's own"
WAYS = {  # the environment of each
    OWN: {},
    "ours": WAITING,  # spin 1000 times
    "never spin": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spin 100 times": {"GOMP_SPINCOUNT": "100"},
    "spin 10000 times": {"GOMP_SPINCOUNT": "10000"},
    "always spin": {"OMP_WAIT_POLICY": "ACTIVE"},
    "by Intel's variable": {"KMP_BLOCKTIME": "0"},  # which another OpenMP library reads
}
NEIGHBOURS = ("nobody", "busy", "itself")
BUSY = "import os\nstarter = os.getppid()\nwhile os.getppid() == starter: pass"  # it ends with this program
READY = "ready"


class Taken(NamedTuple):
    """What one work took."""

    seconds: float
    used: float  # seconds of the processor, of all threads


def main(options: argparse.Namespace) -> int:
    if options.serve:
        return serve(options.weights)
    ways = [OWN, *(way for way in options.ways if way != OWN)]  # the others are compared with it
    taken: dict[tuple[str, str, str], list[Taken]] = {}
    with ExitStack() as stack:
        pairs = {way: [stack.enter_context(worker(way, options.weights)) for _ in range(2)] for way in ways}
        for turn in range(options.rounds + 1):
            for work, neighbour, (way, pair) in product(options.works, NEIGHBOURS, pairs.items()):
                one = time_of(work, pair, neighbour)
                if turn:  # the first round warms up
                    taken.setdefault((work, way, neighbour), []).append(one)
    medians = {key: Taken(*map(median, zip(*each, strict=True))) for key, each in taken.items()}
    text = []
    for work, way in product(options.works, ways):
        found = [medians[work, way, neighbour] for neighbour in NEIGHBOURS]
        ratios = [one.seconds / medians[work, OWN, name].seconds for one, name in zip(found, NEIGHBOURS, strict=True)]
        text.append([work, way, *(f"{one.seconds:.2f}" for one in found), in_words(ratios), f"{found[0].used:.2f}"])
    threads = f"{torch.get_num_threads()} threads on {os.cpu_count()} cores, torch {torch.__version__}"
    note = f"Medians of {options.rounds} rounds taken in turn; {threads}."
    write_table(options.output, HEADER, text, note)
    return 0


def in_words(ratios: Iterable[float]) -> str:
    """ "1.02, 0.71"."""
    return ", ".join(f"{ratio:.2f}" for ratio in ratios)


def time_of(work: str, pair: list[subprocess.Popen], neighbour: str) -> Taken:
    """What the work takes; of the slower where both do it at once."""
    with ExitStack() as stack:
        if neighbour == "busy":
            stack.enter_context(busy())
        asked = pair if neighbour == "itself" else pair[:1]
        stack.enter_context(awake(asked))
        for process in asked:
            process.stdin.write(f"{work}\n")
            process.stdin.flush()
        return max(Taken(*map(float, answer_of(process).split())) for process in asked)


@contextmanager
def awake(processes: Sequence[subprocess.Popen]) -> Iterator[None]:
    """Let them run within the block alone: a thread that always spins does so when its work is done, too."""
    for process in processes:
        process.send_signal(signal.SIGCONT)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGSTOP)


def answer_of(process: subprocess.Popen) -> str:
    """The next line that a worker says."""
    line = process.stdout.readline().strip()
    if not line:
        raise WorkError("neighbour: a process ended before its work was done; see above what it said")
    return line


@contextmanager
def worker(way: str, weights: str) -> Iterator[subprocess.Popen]:
    """A process that does works when it is told to, its threads waiting in this way."""
    environment = {name: value for name, value in os.environ.items() if name not in WAYS_OF_WAITING}
    command = [sys.executable, "-m", "benchmarks.neighbour", "--serve", "--weights", weights]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    with subprocess.Popen(command, env=environment | WAYS[way], **pipes) as process:
        answer_of(process)
        process.send_signal(signal.SIGSTOP)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.stdin.close()


@contextmanager
def busy() -> Iterator[None]:
    """A process that keeps one core busy."""
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        try:
            time.sleep(0.2)  # until it is
            yield
        finally:
            process.kill()


def serve(weights: str) -> int:
    """Do each work that a line of standard input names, and answer with its seconds, and those of the processor."""
    keep_freed_memory()
    setups = {work: Setup(*each, weights, style_steps=STEPS) for work, each in SETUPS.items()}
    print(READY, flush=True)
    for line in sys.stdin:
        work = line.strip()
        began, used = time.perf_counter(), time.process_time()
        WORKS[work]["ours"](setups[work])
        print(time.perf_counter() - began, time.process_time() - used, flush=True)
    return 0


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.neighbour", description=__doc__)
    add = result.add_argument
    add("--works", nargs="+", choices=SETUPS, default=[*SETUPS], metavar="WORK", help=f"some of: {', '.join(SETUPS)}")
    add("--ways", nargs="+", choices=WAYS, default=[*WAYS], metavar="WAY", help=f"some of: {', '.join(WAYS)}")
    add("--rounds", type=whole_number(1, 1000), default=5, metavar="N", help="of each, after one to warm up")
    add("--weights", default=os.environ.get("SQUEEZENET_WEIGHTS", "auto"), metavar="FILE", help="as for the scripts")
    path = Path("visualization/neighbour.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; the CSV lies beside it")
    add("--serve", action="store_true", help="do works that standard input names: how this program calls itself")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser(), keep_memory=False))
