"""What a person waits for, from the command to the files: a folder explained, the first picture, --help.

Each is a process of its own, import and all, and what it is compared with is another.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import torch
from PIL import Image

from benchmarks.speed_table import text_row
from core.defaults import PHOTOGRAPHS, ROOT
from core.errors import WorkError
from core.images import default_photograph, preprocess
from core.networks import load_network
from visualizers.all_maps import all_maps

PHOTOGRAPHS_OF_THE_FOLDER, SIDE = 100, 224
FIRST = [str(ROOT / "saliency_visualization.py"), "--images", "chelsea"]
IMPORTS = ["-c", "import torch, torchvision"]
# A process of a few megabytes starts the one that is measured: the peak of a process counts what its parent held.
MEASURING = (
    "import json, os, subprocess, sys, time; begun = time.perf_counter(); "
    "child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL); _, status, used = os.wait4(child.pid, 0); "
    "print(json.dumps([time.perf_counter() - begun, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)]))"
)


class Run(NamedTuple):
    """One process: how long it took, and what it held at most, on Linux."""

    seconds: float
    mebibytes: float


def measure_waits(names: Sequence[str], options: argparse.Namespace) -> list[list[str]]:
    """The rows of the table of these names, of WAITS."""
    with tempfile.TemporaryDirectory() as place:
        return [row for name in names for row in WAITS[name](Path(place), options)]


def timed(*arguments: str) -> Run:
    """Run Python with these arguments."""
    command = [sys.executable, "-c", MEASURING, sys.executable, *arguments]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    seconds, mebibytes, code = json.loads(done.stdout)
    if code:
        raise WorkError(f"{' '.join(arguments)[:80]}: exit code {code}, {done.stderr.strip()[-300:]}")
    return Run(seconds, mebibytes)


def row(work: str, what: str, ours: list[Run], peer: str = "", theirs: Sequence[Run] = (), goal: str = "") -> list[str]:
    """A line of the table; goal: in words."""
    seconds = [[each.seconds for each in runs] for runs in (ours, theirs)]
    line = text_row(work, what, seconds[0], peer, seconds[1], None)
    memory = ", ".join(f"{median(each.mebibytes for each in runs):.0f}" for runs in (ours, theirs) if runs)
    return [*line[:6], goal, *line[7:9], memory]


def folder_of(place: Path, count: int) -> Path:
    """A folder of so many pictures: crops of the photographs, no two alike."""
    folder = place / f"{count} pictures"
    if not folder.exists():
        folder.mkdir()
        for index in range(count):
            picture = default_photograph(PHOTOGRAPHS[index % len(PHOTOGRAPHS)])
            side = min(picture.size) - 4 * (index // len(PHOTOGRAPHS))
            crop = picture.crop((0, 0, side, side)).resize((256, 256), Image.Resampling.BICUBIC)
            crop.save(folder / f"{index:03}.png")
    return folder


def explain(place: Path, folder: Path, weights: str, *starter: str) -> Run:
    """The study over the folder, every figure anew."""
    output = place / "explained"
    shutil.rmtree(output, ignore_errors=True)
    flags = ["--images", str(folder), "--output", str(output), "--weights", weights, "--device", "cpu"]
    return timed(*starter, "-m", "studies", "explain", *flags)


def folder(place: Path, options: argparse.Namespace) -> list[list[str]]:
    """Four maps of each picture and their figure, beside a plain loop of Captum and matplotlib, and the maps alone."""
    count = options.pictures
    pictures, model = folder_of(place, count), load_network(weights=options.weights, device="cpu")
    state = place / "weights.pth"  # as torchvision has them, whatever file they came from
    torch.save({name: value.contiguous() for name, value in model.state_dict().items()}, state)
    ours, theirs, alone = [], [], []
    for _ in range(options.folder_rounds):
        ours.append(explain(place, pictures, options.weights))
        plain = ("-m", "benchmarks.captum_folder", str(pictures), str(place / "plain"), "--weights", str(state))
        theirs.append(timed(*plain))
        alone.append(maps_alone(model, pictures))
    what = f"{count} x {SIDE}"
    share = median(each.seconds for each in ours) / median(alone)
    line = row("folder: four maps, a figure each", what, ours, "Captum and matplotlib", theirs)
    line = [*line[:6], "3 times its maps", line[7], f"{share:.1f} times its maps", line[9]]
    return [line, text_row("the same maps alone", what, alone, "", [], None)]


def maps_alone(model: torch.nn.Module, folder: Path) -> float:
    """Seconds of what the network works for the folder: its scores and the four maps, a picture at a time."""
    images = []
    for path in sorted(folder.iterdir()):
        with Image.open(path) as picture:
            images.append(preprocess([picture.convert("RGB").resize((SIDE, SIDE))]))
    begun = time.perf_counter()
    for image in images:
        with torch.no_grad():
            label = int(model(image).argmax())
        all_maps(model, image, label)
    return time.perf_counter() - begun


def processes(place: Path, options: argparse.Namespace) -> list[list[str]]:
    """The same folder by two processes that share it, and by one."""
    pictures = folder_of(place, options.pictures)
    shared = ("-m", "torch.distributed.run", "--nproc-per-node", "2")
    ours, theirs = [], []
    for _ in range(options.folder_rounds):
        ours.append(explain(place, pictures, options.weights, *shared))
        theirs.append(explain(place, pictures, options.weights))
    line = row("folder: two processes", f"{options.pictures} x {SIDE}", ours, "one process", theirs)
    return [[*line[:9], ""]]  # the peak of torchrun is not that of its processes


def start(place: Path, options: argparse.Namespace) -> list[list[str]]:
    """From the command to the help, and to the first picture, beside the import that no program is spared."""
    flags = ["--output", str(place / "x.png"), "--weights", options.weights, "--device", "cpu"]
    helped = [timed(FIRST[0], "--help") for _ in range(3 * options.rounds)]
    rows = [row("saliency_visualization.py, --help", "", helped, goal="below 1000 ms")]
    imports: list[Run] = []
    pictures: dict[str, list[Run]] = {"first picture": [], "first picture, --no-captum": []}
    for _ in range(options.rounds):
        imports.append(timed(*IMPORTS))
        for name, runs in pictures.items():
            runs.append(timed(*FIRST, *flags, *(["--no-captum"] if "captum" in name else [])))
    for name, runs in pictures.items():
        later = median(each.seconds for each in runs) - median(each.seconds for each in imports)
        line = row(f"saliency_visualization.py, {name}", f"1 x {SIDE}", runs, "import torch, torchvision", imports)
        rows.append([*line[:6], "1500 ms later", line[7], f"{1000 * later:.0f} ms later", line[9]])
    return rows


WAITS: dict[str, Callable[[Path, argparse.Namespace], list[list[str]]]] = {
    "folder": folder,
    "processes": processes,
    "start": start,
}
