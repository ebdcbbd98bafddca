"""How do time and memory grow with the pixels and with the number of pictures? Saliency, a style step, occlusion.

Writes a plot and a CSV. Each point is the median of rounds taken in turn; memory is the peak above the start of a
process of its own; small works fit into what that process holds already, and seem to need little. A straight line
along the dotted one grows as the pixels do; below it is better.
"""

import os
import sys
from functools import partial
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.memory import measure
from benchmarks.timing import summary, take_turns
from benchmarks.works import WORKS as IMPLEMENTATIONS
from benchmarks.works import Setup
from drawing.files import describe, save_picture
from drawing.plots import pixels_of
from drawing.tables import write_csv
from studies.shared.options import Parser, number, run_script, whole_number
from studies.shared.progress import progress

HEADER = ("work", "images", "pixels", "megapixels", "median_ms", "least_ms", "largest_ms", "memory_mib")
SIZES, COUNTS, SMALLEST = (192, 256, 512, 1024), (1, 5, 25, 100), 192
STEPS = 10  # of style transfer, in one call
WORKS = ("saliency", "occlusion", "style transfer")


def main(options) -> int:

    most = {"saliency": COUNTS, "occlusion": COUNTS, "style transfer": (1,)}
    points = [(work, 1, size) for work in WORKS for size in SIZES]
    points += [(work, count, SMALLEST) for work in WORKS for count in most[work][1:]]
    rows = []
    for work, count, size in progress(points, desc="growth", unit="point"):
        setup = Setup(count, size, options.weights, style_steps=STEPS)
        implementations = {"ours": partial(IMPLEMENTATIONS[work]["ours"], setup)}
        _, seconds = take_turns(implementations, budget=options.budget, least=options.rounds, most=25)["ours"]
        per_step = STEPS if work == "style transfer" else 1
        times = [1000 * value / per_step for value in summary(seconds)]
        pixels = setup.pictures[0][0, 0].numel() if work == "style transfer" else count * size * size
        memory = measure(work, "ours", count=count, size=size, weights=options.weights, keep_memory=True)
        rows.append((work, count, size, pixels / 1e6, *times, memory))
    for work in WORKS:
        print(f"{work}: {'; '.join(growth(rows, work))}")
    text = [[*row[:3], f"{row[3]:.4f}", *(f"{value:.2f}" for value in row[4:])] for row in rows]
    print(f"wrote {write_csv(options.output, HEADER, text)}")
    print(f"wrote {draw(rows, options.output)}")
    return 0


def growth(rows: list[tuple], work: str) -> list[str]:
    """Of time and memory, how many times as fast as the pixels they grow, over all sizes and over all counts."""
    found = []
    series = {"size": [row for row in rows if row[0] == work and row[1] == 1]}
    series["size from the last but one"] = series["size"][-2:]
    series["count"] = [row for row in rows if row[0] == work and row[2] == SMALLEST]
    for name, part in series.items():
        if len(part) < 2:
            continue
        first, last = part[0], part[-1]
        if not first[7] > 0:  # the first work fits into what the process holds already
            continue
        pixels = last[3] / first[3]
        for what, column in (("time", 4), ("memory", 7)):
            times = last[column] / first[column] / pixels
            found.append(f"{what} grows {times:.2f} times as fast as the pixels with the {name}")
    return found


def draw(rows: list[tuple], path: Path) -> Path:
    """Time and memory over megapixels, both axes logarithmic."""

    figure = Figure(figsize=(9, 4), dpi=110, layout="constrained")
    panels = figure.subplots(1, 2)
    colours = dict(zip(WORKS, ("#2a78b5", "#d9822b", "#5b9a4b"), strict=True))
    for axes, column, name in zip(panels, (4, 7), ("milliseconds", "peak memory above the start, MiB"), strict=True):
        for work in WORKS:
            sizes = [row for row in rows if row[0] == work and row[1] == 1]
            counts = [row for row in rows if row[0] == work and row[2] == SMALLEST]
            title = "a style step" if work == "style transfer" else work
            for part, style, words in (
                (sizes, {"marker": "o"}, f"{title}, {SIZES[0]} to {SIZES[-1]} pixels"),
                (counts, {"marker": "s", "linestyle": "--", "fillstyle": "none"}, f"{title}, 1 to {COUNTS[-1]} images"),
            ):
                if len(part) > 1:
                    x, y = zip(*((row[3], row[column]) for row in part), strict=True)
                    axes.plot(x, y, **style, color=colours[work], label=words)
        if column == 4:
            start = next(row for row in rows if row[0] == "saliency")
            ends = (start[3], max(row[3] for row in rows))
            axes.plot(ends, [start[4] * end / start[3] for end in ends], ":", color="0.4", label="as the pixels")
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("megapixels in all")
        axes.set_ylabel(name)
        axes.grid(alpha=0.25, which="both", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].legend(fontsize=7.5, frameon=False)
    figure.suptitle("How time and memory grow", fontsize=12, fontweight="bold")
    return save_picture(pixels_of(figure), path, describe("benchmarks.growth", {}, "any"))


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.growth", description=__doc__)
    add = result.add_argument
    add("--rounds", type=whole_number(1, 100), default=2, metavar="N", help="least number of rounds")
    add("--budget", type=number(0, 3600), default=4.0, metavar="SECONDS", help="time for the rounds of one point")
    add("--weights", default=os.environ.get("SQUEEZENET_WEIGHTS", "auto"), metavar="FILE", help="as for the scripts")
    path = Path("visualization/growth.png")
    add("--output", type=Path, default=path, metavar="PATH", help="the plot; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
