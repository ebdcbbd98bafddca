"""How much faster is one forward pass of the fast network than optimising the pixels to an equal loss?

For each size, held-out photographs are painted by the network of `python -m studies fast_style`. The loss of what it
painted is what the optimisers are to reach, each by its own objective: the engine (visualizers.style_transfer) at one
size and coarse to fine, and the course's plain loop. All weights are those that the network learned with. Loading and
reading are not counted. Writes a table (Markdown and CSV). Nothing else may run meanwhile.
"""

import copy
import sys
import time
from pathlib import Path
from statistics import median

import torch

from benchmarks import plain
from core.errors import UsageError
from core.images import default_photograph
from core.squeezenet import load_squeezenet
from courses.style import preprocess
from drawing.tables import write_table
from painting.balance import absolute_weights
from painting.targets import Style
from studies.fast_style.flags import NETWORK
from studies.fast_style.network import load_styles
from studies.shared.memory import keep_freed_memory
from studies.shared.options import Parser, number, run_script, whole_number
from studies.shared.pictures import open_picture
from studies.shared.progress import progress
from training.flags import HELD_OUT, STYLES
from training.style_pictures import find_styles
from training.styles import CONTENT_LAYER, LAYERS
from visualizers.fast_style_transfer import stylise
from visualizers.style_transfer import style_terms, style_transfer

SIZES = (256, 512, 1024)
PAIRS = ((HELD_OUT[0], STYLES[0]), (HELD_OUT[1], STYLES[3]))  # photographs and styles
ROUNDS = 5  # of the forward pass, of which the median counts
HEADER = (
    "shorter side",
    "picture, style",
    "forward pass, s",
    "its loss",
    "engine, one size: s",
    "ratio",
    "engine, coarse to fine: s",
    "ratio",
    "plain loop: s",
    "ratio",
)


def main(options) -> int:

    keep_freed_memory()
    network, model = load_styles(options.network, "cpu"), load_squeezenet(options.weights, "cpu")
    for _, style in PAIRS:
        if style not in network.styles:
            raise UsageError(f"network: {network.name} does not paint as {style}; give one that does")
    print(model.weights_note)
    if network.facts["loss_network"] != model.weights_name:
        print(f"note: the network learned from {network.facts['loss_network']}")
    rows = []
    for size, (picture, style) in progress([(size, pair) for size in options.sizes for pair in PAIRS], unit="picture"):
        rows.append(row_of(network, model, size, picture, style, options))
        print(", ".join(rows[-1]), flush=True)
    facts = network.facts
    weights = ", ".join(f"{name} {facts[f'{name}_weight']:g}" for name in ("content", "style", "tv"))
    note = (
        f"{network.name}; relative weights {weights}; judged by {model.weights_name}; "
        f"{torch.get_num_threads()} threads. "
        f"'>' stands before a time that did not reach the loss within {options.iterations} iterations"
        f"{f' or {options.patience:g} s' if options.patience else ''}; in brackets the iterations."
    )
    write_table(options.output, HEADER, rows, note)
    return 0


def row_of(network, model, size: int, picture: str, style: str, options) -> list[str]:
    """The line of one picture at one size."""

    facts = network.facts
    content = preprocess(default_photograph(picture), size)
    target = preprocess(open_picture(find_styles([style], print)[0]), facts["style_size"])
    weights = [float(name == style) for name in network.styles]
    painted = stylise(network, content, weights)
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        stylise(network, content, weights)
        seconds.append(time.perf_counter() - begun)
    forward = median(seconds)
    relative = {f"{name}_weight": facts[f"{name}_weight"] for name in ("content", "style", "tv")}
    wanted = sum(style_terms(model, painted, content, [Style(target)], loss="gram", **relative))

    def optimise(smallest: int, iterations: int) -> tuple[float, int, bool]:
        begun, seen = time.perf_counter(), []

        def watch(step) -> bool:
            seen.append(step.scale == step.scales and step.content + step.style + step.total_variation <= wanted)
            return seen[-1] or out_of_patience(begun)

        settings = {"smallest": smallest, "iterations": iterations, "callback": watch, "loss": "gram", **relative}
        style_transfer(model, content, [Style(target)], **settings)
        return time.perf_counter() - begun, len(seen), seen[-1]

    def out_of_patience(begun: float) -> bool:
        return bool(options.patience) and time.perf_counter() - begun > options.patience

    # The plain loop runs on the network as torchvision gives it.
    features = copy.deepcopy(model.features).to(memory_format=torch.contiguous_format)
    with torch.no_grad():
        content_target = plain.extract_features(content, features)[CONTENT_LAYER]
        outputs = plain.extract_features(target, features)
        absolute = absolute_weights(
            content_target, [plain.gram_matrix(outputs[layer]) for layer in LAYERS], content.numel(), **relative
        )
    course = {
        "content_layer": CONTENT_LAYER,
        "content_weight": absolute.content,
        "style_layers": LAYERS,
        "style_weights": absolute.style,
        "tv_weight": absolute.total_variation,
    }

    def by_plain_loop() -> tuple[float, int, bool]:
        begun, seen = time.perf_counter(), []

        def watch(loss: float) -> bool:
            seen.append(loss <= loss_of_painted)
            return seen[-1] or out_of_patience(begun)

        plain.style_transfer(content, target, features, iterations=options.iterations, callback=watch, **course)
        return time.perf_counter() - begun, len(seen), seen[-1]

    loss_of_painted = plain_loss(painted, content, target, features, course)
    works = (
        lambda: optimise(size, options.iterations),
        lambda: optimise(128, options.per_scale),
        by_plain_loop,
    )
    cells = [str(size), f"{picture}, {style}", f"{forward:.3f}", f"{wanted:.3f}"]
    for work in works:
        taken, iterations, reached = work()
        sign = "" if reached else "> "
        cells += [f"{sign}{taken:.1f} ({iterations})", f"{sign}{taken / forward:.0f}"]
    return cells


def plain_loss(picture, content, style, features, course: dict) -> float:
    """What the plain loop's objective gives for a picture."""

    with torch.no_grad():
        outputs, originals, styles = (plain.extract_features(image, features) for image in (picture, content, style))
        layer = course["content_layer"]
        loss = course["content_weight"] * (outputs[layer] - originals[layer]).square().sum()
        for layer, weight in zip(course["style_layers"], course["style_weights"], strict=True):
            difference = plain.gram_matrix(outputs[layer]) - plain.gram_matrix(styles[layer])
            loss = loss + weight * difference.square().sum()
        down, right = picture[:, :, 1:] - picture[:, :, :-1], picture[:, :, :, 1:] - picture[:, :, :, :-1]
        return float(loss + course["tv_weight"] * (down.square().sum() + right.square().sum()))


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.fast_style", description=__doc__)
    add = result.add_argument
    add("--network", type=Path, default=NETWORK, metavar="FILE", help="what `python -m training styles` wrote")
    add("--weights", default="auto", metavar="FILE", help="the judging network, as for the scripts")
    add("--sizes", nargs="+", type=whole_number(64, 4096), default=SIZES, metavar="PIXELS", help="shorter sides")
    add("--iterations", type=whole_number(1), default=300, metavar="N", help="most at one size")
    add("--per-scale", type=whole_number(1), default=60, metavar="N", help="iterations at each scale, coarse to fine")
    add("--patience", type=number(0), default=0, metavar="SECONDS", help="give up after so long; 0: never")
    path = Path("benchmarks/fast_style.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the table; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser(), keep_memory=False))
