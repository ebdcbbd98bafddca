"""Does the network know that it does not know? Its confidence in pictures it knows, and in others.

Writes visualization/confidence_visualization.png: for each network a reliability diagram with the expected calibration
error, the confidence and the entropy of its answers for pictures of its own world, for fooled ones (PGD), for noise
and for pictures of another world, how well confidence tells these apart, and the nonsense it is surest of; beside it
the table as .md and .csv.

The world of the networks trained here is the rendered scenes, another one the photographs; for ImageNet weights it is
the other way round, and since nobody has labelled the crops of the photographs, there is no calibration error.
"""

import sys
from typing import NamedTuple

from core.defaults import PHOTOGRAPHS
from studies.shared.options import constant_of, make_parser, number, progress, run_script, whole_number

NETWORKS = constant_of("studies.shared.networks", "NETWORKS")[:3]  # the last one is made for certified defence alone
COLOURS = {"own world": "tab:blue", "fooled": "tab:red", "noise": "0.35", "other world": "tab:green"}
SMALL, LARGE = 96, 224  # side of the pictures: where the networks know the scenes, and elsewhere
LEAST_CROP = 0.5  # of a photograph's shorter side
SHOWN = 2  # pictures of each kind


class Findings(NamedTuple):
    """What one network says, by kind of picture."""

    name: str
    model: object
    size: int
    probabilities: dict  # kind: (N, K)
    surest: dict  # kind: [(pixels of a picture, what it says)], those that it is surest of
    accuracy: float | None  # None: nobody knows the classes
    raw: object  # Reliability, or None
    cooled: object  # the same after the temperature
    temperature: float | None


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from drawing.files import describe, save_picture
    from drawing.grid import stack
    from drawing.tables import draw_table, write_table
    from studies.shared.inputs import name_broken
    from studies.shared.networks import load_networks

    networks = load_networks(options.weights, options.device)
    for model in networks.values():
        print(model.weights_note)
    photographs, broken = read_photographs(options)
    name_broken(broken)
    findings, stopped = [], False
    for name, model in progress(list(networks.items()), desc="confidence", unit="network"):
        try:
            findings.append(measure(name, model, photographs, options))
        except KeyboardInterrupt:
            if not findings:
                raise
            stopped = True
            print("stopped: the networks that were finished are drawn", file=sys.stderr)
            break
    header, rows, note = tabulate(findings, options)
    story = [
        draw_table(header, rows, title="Does it know that it does not know?", note=note),
        draw_histograms(findings),
        draw_surest(findings),
    ]
    weights = ", ".join(model.weights_name for model in networks.values())
    metadata = describe("confidence_visualization.py", vars(options), weights)
    print(f"wrote {save_picture(stack(story), options.output, metadata)}")
    write_table(options.output.with_suffix(".md"), header, rows, note)
    if stopped:
        raise KeyboardInterrupt
    return int(bool(broken))


def knows_scenes(model) -> bool:
    from patterns.scenes import CLASS_NAMES

    return model.class_names == CLASS_NAMES


def read_photographs(options) -> tuple[list, list]:
    """The photographs, whole, and what is wrong with those that could not be read."""
    from core.errors import UsageError
    from studies.shared.inputs import list_pictures, open_picture

    good, broken = [], []
    for picture in list_pictures(options.images):
        try:
            good.append(open_picture(picture))
        except UsageError as error:
            broken.append(error)
    if not good:
        raise broken[0]
    return good, broken


def crop(photographs: list, count: int, size: int, generator):
    """Squares cut out at random places and sizes, of each photograph in turn, (count, 3, size, size)."""
    import numpy as np
    import torch
    from PIL import Image

    from core.images import preprocess

    pieces = []
    for index in range(count):
        whole = photographs[index % len(photographs)]
        part, across, down = torch.rand(3, generator=generator).tolist()
        side = max(1, round(min(whole.size) * (LEAST_CROP + (1 - LEAST_CROP) * part)))
        left, top = round(across * (whole.width - side)), round(down * (whole.height - side))
        box = (left, top, left + side, top + side)
        pieces.append(np.asarray(whole.resize((size, size), Image.Resampling.LANCZOS, box=box)))
    return preprocess(pieces)


def measure(name: str, model, photographs: list, options) -> Findings:
    """What the network says of pictures of each kind."""
    import torch

    from core.images import deprocess, normalise
    from measures.calibration import fit_temperature, reliability
    from studies.shared.inputs import class_title, make_generator
    from studies.shared.networks import held_out_scenes
    from visualizers.pgd import pgd

    generator, at_home = make_generator(options), knows_scenes(model)
    size = options.size or (SMALL if at_home else LARGE)
    device = next(model.parameters()).device
    accuracy = raw = cooled = temperature = None
    place = {"seed": options.seed, "size": size}
    scenes, truth, _ = held_out_scenes(options.pictures, **place)
    crops = crop(photographs, options.pictures, size, generator)
    own, other = (scenes, crops) if at_home else (crops, scenes)
    attack = {"linf": options.eps / 255, "steps": options.steps, "generator": generator}
    fooling = pgd(model, own.to(device), scores_of(model, own).argmax(dim=1), **attack)
    noise = normalise(torch.rand(own.shape, generator=generator))
    kinds = {"own world": own, "fooled": fooling.images[fooling.fooled].cpu(), "noise": noise, "other world": other}
    probabilities = {kind: scores_of(model, images).softmax(dim=1) for kind, images in kinds.items() if len(images)}
    if at_home:
        # Two halves, as a temperature that was fitted to the scenes it is judged by would flatter.
        scores, answers = [], []
        for first in (0, options.scenes):
            images, rendered, _ = held_out_scenes(options.scenes, first=options.pictures + first, **place)
            scores.append(scores_of(model, images))
            answers.append(rendered)
        temperature = fit_temperature(scores[0], answers[0])
        raw, cooled = (
            reliability(confidence, named == answers[1])
            for confidence, named in ((scores[1] / t).softmax(dim=1).max(dim=1) for t in (1.0, temperature))
        )
        accuracy = float((scores[1].argmax(dim=1) == answers[1]).double().mean())
    surest = {}
    for kind, values in probabilities.items():
        # Of its own world those that it is sure of and wrong about, where that is known.
        order = values.amax(dim=1).argsort(descending=True, stable=True)
        wrong = values.argmax(dim=1) != truth if kind == "own world" and at_home else torch.ones(len(values)).bool()
        places = order[wrong[order]][:SHOWN]
        words = [class_title(model, values[place], int(values[place].argmax())) for place in places]
        surest[kind] = list(zip(deprocess(kinds[kind][places]), words, strict=True))
    print(f"{name}: {int(fooling.fooled.sum())} of {options.pictures} pictures fooled within {options.eps:g}/255")
    return Findings(name, model, size, probabilities, surest, accuracy, raw, cooled, temperature)


def scores_of(model, images):
    """(N, K), on the CPU, a few images at a time."""
    import torch

    from core.gradients import chunk_length, measuring, to_network

    with measuring(model), torch.no_grad():
        return torch.cat([model(to_network(model, part)).cpu() for part in images.split(chunk_length(images))])


def area_under_curve(inside, outside) -> float:
    """How often a picture of the own world has the larger confidence of two: 1 always, 0.5 chance."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    truth = np.r_[np.ones(len(inside)), np.zeros(len(outside))]
    return float(roc_auc_score(truth, np.r_[inside.amax(dim=1).numpy(), outside.amax(dim=1).numpy()]))


def tabulate(findings: list[Findings], options) -> tuple:
    """Header, rows and note of the table."""
    from measures.calibration import BINS

    kinds, judged = list(COLOURS), any(each.raw is not None for each in findings)
    header = ["network", *(["named rightly", "ECE", "temperature", "ECE with it"] if judged else [])]
    header += [f"confidence, {kind}" for kind in kinds] + [f"AUROC, {kind}" for kind in kinds[1:]]
    rows = []
    for each in findings:
        calibration = ["-"] * 4 if judged else []
        if each.raw is not None:
            errors = f"{each.raw.error:.3f}", f"{each.temperature:.2f}", f"{each.cooled.error:.3f}"
            calibration = [f"{100 * each.accuracy:.1f} %", *errors]
        said, own = each.probabilities, each.probabilities["own world"]
        row = [f"{float(said[kind].amax(dim=1).mean()):.2f}" if kind in said else "-" for kind in kinds]
        row += [f"{area_under_curve(own, said[kind]):.2f}" if kind in said else "-" for kind in kinds[1:]]
        rows.append([each.name, *calibration, *row])
    note = (
        f"Confidence: mean over {options.pictures} pictures of each kind. Fooled: those of the own world whose answer "
        f"PGD of {options.steps} steps changed within {options.eps:g}/255. Noise: each value drawn evenly. AUROC: how "
        "often confidence tells a picture of the own world from such a one, 0.5 being chance. Own world: rendered "
        "scenes, the other one crops of photographs; for a network that does not know the scenes the reverse."
    )
    calibrated = (
        f" Named rightly, ECE ({BINS} bins): {options.scenes} scenes that no network was trained on; the temperature "
        f"was fitted on {options.scenes} others."
    )
    unknown = " No labelled pictures of its world are at hand, so its accuracy and calibration cannot be told."
    return header, rows, note + (calibrated if judged else unknown)


def draw_histograms(findings: list[Findings]):
    """A row for each network: reliability diagram, confidence, entropy."""
    import numpy as np
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from drawing.grid import DOTS_PER_INCH, pixels_of
    from measures.calibration import entropy

    figure = Figure(figsize=(16.5, 3.4 * len(findings)), dpi=DOTS_PER_INCH, facecolor="white", layout="constrained")
    for each, (first, *others) in zip(findings, figure.subplots(len(findings), 3, squeeze=False), strict=True):
        draw_reliability(first, each)
        values = {
            "confidence: the probability of its answer": {k: v.amax(dim=1) for k, v in each.probabilities.items()},
            "entropy of its answer: 0 certain, 1 knows nothing": {k: entropy(v) for k, v in each.probabilities.items()},
        }
        for axes, (words, kinds) in zip(others, values.items(), strict=True):
            for kind, found in kinds.items():
                weights = np.full(len(found), 100 / len(found))
                style = {"bins": np.linspace(0, 1, 21), "weights": weights, "color": COLOURS[kind]}
                axes.hist(found.numpy(), histtype="stepfilled", alpha=0.12, **style)
                axes.hist(found.numpy(), histtype="step", linewidth=1.8, **style)
            axes.set_xlim(0, 1)
            axes.set_xlabel(words)
            axes.set_ylabel("pictures, %")
            axes.set_title(each.name, fontsize=11)
            axes.spines[["top", "right"]].set_visible(False)
    # Once for all panels: within them it would hide a histogram.
    lines = [Line2D([], [], color=colour, linewidth=2, label=kind) for kind, colour in COLOURS.items()]
    figure.legend(handles=lines, loc="outside upper right", ncols=len(lines), fontsize=10, frameon=False)
    return pixels_of(figure)


def draw_reliability(axes, found: Findings) -> None:
    """Accuracy against confidence, bin by bin, or why it cannot be drawn."""
    import numpy as np

    axes.set_title(found.name, fontsize=11)
    if found.raw is None:
        axes.text(0.5, 0.5, "no labelled pictures of its world:\nits calibration is unknown", ha="center", va="center")
        axes.set_axis_off()
        return
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("confidence")
    axes.set_ylabel("share named rightly")
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot([0, 1], [0, 1], color="0.5", linestyle="--", linewidth=1)
    counts, confidence, accuracy = (values.numpy() for values in found.raw)
    bins = len(counts)
    place = {"x": np.arange(bins) / bins, "width": 1 / bins, "align": "edge", "edgecolor": "white"}
    axes.bar(height=np.minimum(accuracy, confidence), color="tab:blue", **place)
    gaps = {"too sure": (accuracy, confidence, "tab:red"), "not sure enough": (confidence, accuracy, "tab:cyan")}
    for words, (low, high, colour) in gaps.items():
        axes.bar(height=np.maximum(high - low, 0), bottom=low, color=colour, alpha=0.5, label=words, **place)
    for index in counts.nonzero()[0]:
        tall = min(accuracy[index], confidence[index]) > 0.08
        axes.text(
            (index + 0.5) / bins, 0.02, f"{counts[index]}", ha="center", fontsize=7, color="white" if tall else "0.3"
        )
    axes.set_title(f"{found.name}: expected calibration error {found.raw.error:.3f}", fontsize=11)
    axes.legend(fontsize=9, frameon=False, loc="upper left")


def draw_surest(findings: list[Findings]):
    """A row for each network: the pictures of each kind that it is surest of, of its own world the surest mistakes."""
    import numpy as np

    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import footer

    rows = []
    for each in findings:
        nothing = [(np.full((each.size, each.size, 3), 255, np.uint8), "none")] * SHOWN
        row = []
        for kind in COLOURS:
            named = "own world, wrong" if kind == "own world" and each.raw is not None else kind
            row += [
                Panel(pixels, f"{named}:\n{words}") for pixels, words in (each.surest.get(kind, []) + nothing)[:SHOWN]
            ]
        rows.append(row)
    names = [each.name for each in findings]
    below = "; ".join(footer(each.model).partition("weights ")[2] for each in findings)
    title = "The pictures it is surest of"
    return draw_grid(rows, row_names=names, cell=1.9, title=title, footer=f"SqueezeNet 1.1, weights {below}")


def parser():
    result = make_parser(__doc__, output="confidence_visualization.png", images=False, weights=False)
    add = result.add_argument
    words = "one or several, as in other scripts (default: the plain twin, the embedded network, the robust one)"
    add("--weights", nargs="+", default=list(NETWORKS), metavar="FILE", help=words)
    named = f"files, folders, or any of {', '.join(PHOTOGRAPHS)}, to cut crops from (default: these five)"
    add("--images", nargs="+", metavar="PATH", help=named)
    words = f"side of the pictures (default: {SMALL} for networks that know the scenes, else {LARGE})"
    add("--size", type=whole_number(64, 1024), metavar="PIXELS", help=words)
    add("--pictures", type=whole_number(2, 100_000), default=108, metavar="N", help="of each kind")
    words = "for the calibration, and as many to fit the temperature"
    add("--scenes", type=whole_number(2, 100_000), default=720, metavar="N", help=words)
    add("--eps", type=number(0.1, 64), default=4.0, metavar="LEVELS", help="the attack's largest change, of 255")
    add("--steps", type=whole_number(1, 10_000), default=20, metavar="N", help="of the attack")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
