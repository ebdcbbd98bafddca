"""What does each attack reach, and how long does it take? Rates, smallest norms, and seconds for 25 images.

The images are rendered scenes for the network that knows them, crops of the default photographs for others. Every
attack goes from what the network sees to any other class, judged by the 8-bit picture. Writes Markdown and CSV.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from core.attacks import Fooling, first_choices
from core.defaults import PHOTOGRAPHS
from core.images import as_jpeg, default_photograph, deprocess, preprocess
from core.squeezenet import load_squeezenet
from drawing.tables import write_table
from patterns.dataset import stream_scenes
from patterns.scenes import CLASS_NAMES
from studies.fooling.study import BOUNDS as TRIED
from studies.fooling.study import JPEG_QUALITY
from studies.shared.crops import random_crops
from studies.shared.network import make_generator
from studies.shared.options import Parser, run_script, whole_number
from studies.shared.progress import progress
from visualizers.deepfool import deepfool
from visualizers.fgsm import fgsm
from visualizers.pgd import pgd
from visualizers.smallest_norm import along, smallest_norm

Seek = Callable[[Tensor, Tensor], Fooling]  # what `smallest_norm` asks: bounds and places -> what was fooled
BOUNDS = {"linf": 4 / 255, "l2": 1.0}  # within which the rate is counted
NAMES = {"linf": "L-infinity, /255", "l2": "L2"}


def main(options: argparse.Namespace) -> None:
    model = load_squeezenet(options.weights)
    images = load_images(model, options.count)
    own, rows = first_choices(model, images).cpu(), []
    attacks = attacks_of(model, images, own)
    for (name, norm), (within, seek) in progress(attacks.items(), desc="attacks", unit="attack"):
        begun = time.perf_counter()
        result = within()
        seconds = time.perf_counter() - begun
        rows.append([name, NAMES[norm], *measure(model, result, seek, images, own, norm), f"{seconds:.2f}"])
    header = ["attack", "norm", "fooled within the bound", "of these as JPEG", "smallest norm, median", "seconds"]
    note = (
        f"{len(images)} images of 224 pixels, {model.weights_name}, {torch.get_num_threads()} threads. Bounds: "
        f"{BOUNDS['linf'] * 255:.0f}/255 and L2 {BOUNDS['l2']:g} (RGB, white 1); DeepFool has none: its answer, made "
        "longer until the 8-bit picture fools, is counted within the bound, and timed without that. Seconds: all "
        f"images, one run. JPEG quality {JPEG_QUALITY}. Smallest norm: by bisection, of the bound that was enough."
    )
    write_table(options.output, header, rows, note)


def load_images(model: nn.Module, count: int) -> Tensor:
    """(count, 3, 224, 224) in the network's units."""
    if tuple(model.class_names) == CLASS_NAMES:
        return torch.cat(list(stream_scenes(count, seed=0, size=224)))
    photographs = [default_photograph(name) for name in PHOTOGRAPHS]
    return random_crops(photographs, count, 224, generator=make_generator(0))


def attacks_of(
    model: nn.Module, images: Tensor, own: Tensor
) -> dict[tuple[str, str], tuple[Callable[[], Fooling], Seek | None]]:
    """{(attack, norm): (a call within the bound, what `smallest_norm` asks, or None: the way that the call found)}."""
    attacks = {}
    for norm, bound in BOUNDS.items():
        for name, technique in (("FGSM", fgsm), ("PGD, 10 steps", pgd)):
            call = partial(technique, model, whole_levels=True)

            def seek(radius: Tensor, places: Tensor, call: partial = call, norm: str = norm) -> Fooling:
                return call(images[places], own[places], **{norm: radius})

            attacks[name, norm] = partial(call, images, own, **{norm: bound}), seek

        attacks["DeepFool", norm] = partial(deepfool, model, images, own, norm=norm), None
    return attacks


def measure(model: nn.Module, result: Fooling, seek: Seek | None, images: Tensor, own: Tensor, norm: str) -> list[str]:
    """The rate within the bound, how much of it a JPEG leaves, and the median of the smallest norms."""
    found = smallest_norm(seek or along(model, images, own, result.images, norm=norm), len(images), TRIED[norm])
    pictures, fooled = result.images, result.fooled
    if seek is None:  # DeepFool: not yet an 8-bit picture, and without a bound
        pictures, fooled = found.images, found.fooled_at <= BOUNDS[norm] + 1e-6
    read = preprocess(as_jpeg(deprocess(pictures), JPEG_QUALITY))
    outlived = (first_choices(model, read) != own)[fooled]
    unit = 255 if norm == "linf" else 1
    share = f"{100 * float(outlived.float().mean()):.0f} %" if len(outlived) else "-"
    return [f"{100 * float(fooled.float().mean()):.0f} %", share, f"{unit * float(found.fooled_at.median()):.3g}"]


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.attacks", description=__doc__)
    add = result.add_argument
    add("--count", type=whole_number(1, 1000), default=25, metavar="N", help="images")
    add("--weights", default=os.environ.get("SQUEEZENET_WEIGHTS", "auto"), metavar="FILE", help="as for the scripts")
    path = Path("visualization/attacks.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
