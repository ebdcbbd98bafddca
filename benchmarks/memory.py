"""How much memory does one work take, above what the process holds before it? One process for each, on Linux."""

import ctypes
import gc
import subprocess
import sys
from pathlib import Path

from benchmarks.works import WORKS, Setup
from core.defaults import ROOT
from core.errors import UsageError, WorkError
from studies.shared.memory import keep_freed_memory
from studies.shared.options import Parser, run_script, whole_number


def measure(work: str, implementation: str, *, count: int, size: int, weights: str, keep_memory: bool) -> float:
    """Peak resident memory above the start, in MiB, of a new process that does the work once."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.memory",
        work,
        implementation,
        "--count",
        str(count),
        "--size",
        str(size),
    ]
    command += ["--weights", weights, *(["--keep-memory"] if keep_memory else [])]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode:
        raise WorkError(f"memory of {work} by {implementation}: {result.stderr.strip() or result.returncode}")
    return float(result.stdout.split()[-1])


def main(options) -> None:

    if options.implementation not in WORKS.get(options.work, {}):
        asked = f"'{options.work}' by '{options.implementation}'"
        raise UsageError(f"work: {asked} is unknown; allowed are {_listed(WORKS)}")
    if options.keep_memory:
        keep_freed_memory()
    small = Setup(1, 64, options.weights, style_steps=2)
    WORKS[options.work][options.implementation](small)  # what is made once, at the first call, is not the work's
    setup = Setup(options.count, options.size, options.weights, style_steps=3)
    prepared = (setup.ours, setup.theirs, setup.frozen, setup.images, setup.labels, setup.pictures)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # or the work would fit into what the preparation left behind
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    start = _status("VmRSS")
    WORKS[options.work][options.implementation](setup)
    del prepared
    print(f"{_status('VmHWM') - start:.1f}")


def _status(name: str) -> float:
    """A line of what the kernel says of this process, in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(f"{name}:"))) / 1024


def _listed(works: dict) -> str:
    return "; ".join(f"{work}: {', '.join(implementations)}" for work, implementations in works.items())


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.memory", description=__doc__)
    add = result.add_argument
    add("work", help="such as 'saliency'")
    add("implementation", help="'ours', 'Captum', 'pytorch-grad-cam' or 'plain loop'")
    add("--count", type=whole_number(1, 10_000), default=25, metavar="N", help="pictures")
    add("--size", type=whole_number(64, 4096), default=224, metavar="PIXELS", help="side of a picture")
    add("--weights", default="auto", metavar="FILE", help="as for the scripts")
    add("--keep-memory", action="store_true", help="keep freed memory, as this project's scripts do")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser(), keep_memory=False))
