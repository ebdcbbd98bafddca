"""Total loss against time: the course's plain loop of 200 iterations, and this project's ways, in the same run.

The loss is the course's absolute sum at the full size, for all. Ours are given the same weights, made relative at the
full size; the loop's clock stops while a loss is computed. Rounds are taken in turn, and medians compared. Writes
benchmarks/style.md, style.csv and style.png. Without --pictures the project's own preset is run alone; with a folder
that holds tubingen.jpg and the three paintings, the course's three presets too.
"""

import copy
import os
import sys
import time
from pathlib import Path
from statistics import median

import torch
from matplotlib.figure import Figure

from benchmarks.plain import style_transfer as plain
from core.defaults import ROOT
from core.errors import UsageError
from core.images import load_image
from core.squeezenet import load_squeezenet
from drawing.files import describe, save_picture
from drawing.plots import pixels_of
from drawing.tables import write_csv
from painting.course_loop import style_objective
from studies.shared.named_pictures import open_named, scaled_tensor
from studies.shared.options import Parser, run_script, whole_number
from studies.shared.progress import progress
from studies.style.flags import CONTENT_LAYER, LAYERS, PRESETS
from visualizers.style_transfer import Style, style_transfer

HEADER = ("preset", "way", "round", "seconds", "total_loss")
WAYS = {  # settings of visualizers.style_transfer; the last is its default, so with its iterations for each size
    "Adam": {"optimiser": "adam", "smallest": 4096, "iterations": 100},
    "L-BFGS": {"optimiser": "lbfgs", "smallest": 4096, "iterations": 100},
    "coarse to fine, L-BFGS": {"optimiser": "lbfgs"},
}
PLAIN = "plain loop"
COURSE = ("composition_vii", "the_scream", "starry_night")
OWN = "swirling_night"  # the preset whose two pictures are the project's own
COLOURS = {PLAIN: "0.3", "Adam": "#d9822b", "L-BFGS": "#2a78b5", "coarse to fine, L-BFGS": "#5b9a4b"}


def main(options) -> int:

    missing = [
        name for name in ("tubingen", *COURSE) if options.pictures and not path_of(options.pictures, name).exists()
    ]
    if missing:
        raise UsageError(f"pictures: '{path_of(options.pictures, missing[0])}' is not there; give a folder that has it")
    model = load_squeezenet(options.weights, "cpu")
    names = [OWN] if options.pictures is None else [*COURSE, OWN]
    rows, lines = [], [f"# Loss against time\n\n{model.weights_note}; {options.rounds} rounds.\n", *TABLE]
    curves = {}
    for name in names:
        setup = Setup(model, PRESETS[name], options.pictures)
        turns = {way: [] for way in (PLAIN, *WAYS)}
        for _ in progress(range(options.rounds), desc=name, unit="round"):
            for way in turns:
                turns[way].append(setup.run(way, options.iterations))
        for way, runs in turns.items():
            for index, run in enumerate(runs):
                rows += [(name, way, index + 1, f"{seconds:.4f}", f"{loss:.2f}") for seconds, loss in run]
        lines += table_rows(name, turns)
        curves[name] = turns
    text = "\n".join(lines) + "\n"
    print(text)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "style.md").write_text(text, encoding="utf-8")
    print(f"wrote {write_csv(options.output / 'style.csv', HEADER, rows)}")
    print(f"wrote {draw(curves, options.output / 'style.png', model.weights_name)}")
    return 0


TABLE = (
    "| preset | way | seconds to the plain loop's final loss | as a share of its time | loss at the plain loop's end |",
    "|---|---|---|---|---|",
)


def path_of(pictures: Path, name: str) -> Path:
    return pictures / f"{name}.jpg"


class Setup:
    """A preset's pictures, and the course's objective for them."""

    def __init__(self, model, preset, pictures: Path | None) -> None:

        def read(name: str, folder: str):
            path = None if pictures is None else path_of(pictures, name)
            return load_image(path) if path and path.exists() else open_named(name, folder)

        self.model = model
        self.content = scaled_tensor(read(preset.content, "content"), preset.size)
        self.style = scaled_tensor(read(preset.style, "styles"), preset.style_size)
        self.settings = {
            "content_layer": CONTENT_LAYER,
            "content_weight": preset.content_weight,
            "style_layers": LAYERS,
            "style_weights": preset.style_weights,
            "tv_weight": preset.tv_weight,
        }
        self.course = style_objective(self.content, self.style, model.features, **self.settings)

    def total(self, image) -> float:
        """The course's absolute sum."""

        with torch.no_grad():
            return float(self.course(image))

    def relative(self) -> dict:
        """The same weights for our technique, by what the targets are at the full size."""
        sizes = [float(target.square().sum()) for target in self.course.style_targets]
        return {
            "content_weight": self.settings["content_weight"] * float(self.course.content_target.square().sum()),
            "style_weight": [len(sizes) * w * s for w, s in zip(self.settings["style_weights"], sizes, strict=True)],
            "tv_weight": self.settings["tv_weight"] * self.content.numel(),
        }

    def run(self, way: str, iterations: int) -> list[tuple[float, float]]:
        """(seconds, total loss) after each iteration."""
        if way == PLAIN:
            return self._plain(iterations)

        curve, height = [], self.content.shape[2]
        clock = Clock()

        def watch(step) -> None:
            clock.stop()
            if step.image.shape[2] == height:  # only then is it a picture of the full size
                curve.append((clock.seconds, self.total(step.image)))
            clock.start()

        clock.start()
        settings = {**self.relative(), **WAYS[way], "loss": "gram"}
        if iterations < WAYS["Adam"]["iterations"]:  # a trial
            settings["iterations"] = iterations
        style_transfer(self.model, self.content, [Style(self.style)], callback=watch, **settings)
        return curve

    def _plain(self, iterations: int) -> list[tuple[float, float]]:
        """The loop of benchmarks.plain, on the network as torchvision gives it; what it returns is the last point."""

        features = copy.deepcopy(self.model.features).to(memory_format=torch.contiguous_format)
        curve, clock = [], Clock()

        def watch(loss: float) -> None:
            clock.stop()
            curve.append((clock.seconds, loss))  # of the picture before the step
            clock.start()

        clock.start()
        picture, _ = plain(self.content, self.style, features, iterations=iterations, callback=watch, **self.settings)
        clock.stop()
        return [*curve, (clock.seconds, self.total(picture))]


class Clock:
    """Seconds of wall time, but for what lies between stop and start."""

    seconds = 0.0

    def start(self) -> None:
        self.begun = time.perf_counter()

    def stop(self) -> None:
        self.seconds += time.perf_counter() - self.begun


def table_rows(name: str, turns: dict) -> list[str]:
    """One line a way, medians over the rounds."""
    ends = [run[-1] for run in turns[PLAIN]]
    end, goal = median(seconds for seconds, _ in ends), median(loss for _, loss in ends)
    lines = [f"| {name} | {PLAIN} | {end:.2f} | 1 | {goal:.0f} |"]
    for way in WAYS:
        reached = [next((s for s, loss in run if loss <= goal), float("inf")) for run in turns[way]]
        seconds = median(reached)
        there = median(min((loss for s, loss in run if s <= end), default=float("nan")) for run in turns[way])
        lines.append(f"| | {way} | {seconds:.2f} | {seconds / end:.3f} | {there:.0f} |")
    return lines


def draw(curves: dict, path: Path, weights: str) -> Path:
    """Loss over seconds of the first round, both axes logarithmic, one panel a preset."""

    figure = Figure(figsize=(max(6, 4 * len(curves)), 4), dpi=110, layout="constrained")
    for axes, (name, turns) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items(), strict=True):
        for way, runs in turns.items():
            chosen = runs[0]
            axes.plot(*zip(*chosen, strict=True), color=COLOURS[way], label=way)
            if way == PLAIN:
                axes.axhline(chosen[-1][1], color=COLOURS[way], linestyle=":", linewidth=1)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set_xlabel("seconds")
        axes.grid(alpha=0.25, which="both", linewidth=0.5)
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("total loss")
    figure.axes[0].legend(fontsize=8, frameon=False)
    return save_picture(pixels_of(figure), path, describe("benchmarks.style", {}, weights))


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.style", description=__doc__)
    add = result.add_argument
    add("--pictures", type=Path, metavar="FOLDER", help="with tubingen.jpg and the course's three paintings")
    add("--rounds", type=whole_number(1, 100), default=5, metavar="N", help="of each preset")
    add("--iterations", type=whole_number(1, 10_000), default=200, metavar="N", help="of the plain loop")
    add("--weights", default=os.environ.get("SQUEEZENET_WEIGHTS", "auto"), metavar="FILE", help="as for the scripts")
    add("--output", type=Path, default=ROOT / "benchmarks", metavar="FOLDER", help="where the three files go")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
