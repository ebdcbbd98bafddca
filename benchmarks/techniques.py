"""How long does each technique take for one image and for many? Seconds, medians of rounds taken in turn.

The settings are those of the trust study's table. Writes a table, Markdown and CSV.
"""

import os
import sys
from functools import partial
from pathlib import Path

import torch

from benchmarks.timing import summary, take_turns
from benchmarks.works import Setup
from drawing.tables import write_table
from studies.shared.options import Parser, run_script, whole_number
from studies.shared.progress import progress
from studies.trust.rows import technique_maps
from visualizers.catalogue import TECHNIQUES


def main(options) -> None:

    rows = []
    setups = [Setup(count, 224, options.weights) for count in (1, options.count)]
    for setup in setups:
        setup.ours, setup.images, setup.labels  # noqa: B018 (loaded before the clock starts)
    fit = {name: technique for name, technique in TECHNIQUES.items() if technique.needs != "attention"}
    for name, technique in progress(fit.items(), desc="techniques", unit="technique"):
        row = [technique.one_line]
        for setup in setups:
            chance = torch.Generator().manual_seed(0)
            work = partial(technique_maps, technique, setup.ours, setup.images, setup.labels, chance)
            most = 1 if technique.slow and setup.count > 1 else 5
            seconds = take_turns({name: work}, budget=3, least=min(most, 3), most=most)[name][1]
            middle, least, largest = summary(seconds)
            row.append(f"{middle:.3g} ({least:.3g} to {largest:.3g})")
        rows.append(row)
    header = ["technique", "1 image, s", f"{options.count} images, s"]
    note = (
        f"Medians with the least and the largest, {torch.get_num_threads()} threads, 224 pixels; "
        "settings as in the trust study."
    )
    write_table(options.output, header, rows, note)


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.techniques", description=__doc__)
    add = result.add_argument
    add("--count", type=whole_number(2, 1000), default=25, metavar="N", help="how many are many")
    add("--weights", default=os.environ.get("SQUEEZENET_WEIGHTS", "auto"), metavar="FILE", help="as for the studies")
    path = Path("visualization/techniques.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
