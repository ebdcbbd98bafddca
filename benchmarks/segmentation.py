"""Which map seeds a segmentation best? GrabCut over rendered scenes, whose masks are exact, seeded by each map in turn.

Explains each scene's true class with the embedded network and writes a table, Markdown and CSV, of the overlap
(intersection over union) of mask and true mask, beside what a hill in the centre as seed gets.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from core.defaults import SHARED
from core.images import preprocess
from drawing.tables import write_table
from patterns.scenes import CLASS_NAMES, render_indexed
from studies.segmentation.flags import MAPS
from studies.segmentation.study import overlap, seed_maps
from studies.shared.examples import check_classes
from studies.shared.network import open_network
from studies.shared.options import Parser, find_techniques, run_script, whole_number
from studies.shared.progress import progress
from studies.shared.report import Report
from studies.shared.settings import Settings
from visualizers.segmentation import segment

CHUNK = 36  # scenes rendered and explained at a time


def main(options) -> None:

    names = find_techniques(options.technique, MAPS)
    model, _ = open_network(Settings.of(options, model=SHARED, classes=None), Report())
    check_classes(model)
    overlaps = {name: [] for name in names}
    for start in progress(range(0, options.scenes, CHUNK), desc="segmentation", unit="chunk"):
        indices = range(start, min(start + CHUNK, options.scenes))
        scenes = [render_indexed(i % len(CLASS_NAMES), seed=options.seed, index=i, size=options.size) for i in indices]
        images = preprocess([scene.image for scene in scenes]).to(next(model.parameters()).device)
        labels = torch.tensor([scene.label for scene in scenes])
        for name in names:
            for scene, values in zip(scenes, seed_maps(name, model, images, labels), strict=True):
                # A blank map seeds nothing, so it cuts nothing out.
                overlaps[name].append(overlap(segment(scene.image, values), scene.mask) if values.any() else 0.0)
    rows = []
    for name, each in overlaps.items():
        low, median, high = np.quantile(each, (0.25, 0.5, 0.75))
        good = np.mean(np.array(each) >= 0.85)
        spread = f"{low:.3f} to {high:.3f}"
        rows.append([MAPS[name].replace("\n", " "), f"{median:.3f}", spread, f"{np.mean(each):.3f}", f"{good:.0%}"])
    header = ["seeds", "median IoU", "middle half of the scenes", "mean IoU", "scenes with at least 0.85"]
    note = (
        f"GrabCut seeded by each map over {options.scenes} scenes of {options.size} pixels (seed {options.seed}); "
        f"higher is better. Weights {model.weights_name}.\n"
    )
    write_table(options.output, header, rows, note.rstrip())


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.segmentation", description=__doc__)
    add = result.add_argument
    add("--technique", nargs="+", default=["all"], metavar="NAME", help=f"all, or any of {', '.join(MAPS)}")
    add("--scenes", type=whole_number(1, 1_000_000), default=216, metavar="N", help="how many scenes")
    add("--size", type=whole_number(64, 1024), default=224, metavar="PIXELS", help="side of a scene")
    add("--seed", type=whole_number(0), default=2_000_000, metavar="N", help="which scenes")
    add("--weights", default="patterns", metavar="FILE", help="patterns, or a file of weights for the scenes' classes")
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    path = Path("visualization/segmentation.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
