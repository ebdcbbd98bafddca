"""Are the class visualizations recognisable? A second network, which took no part in making them, judges.

Makes the picture of every class exactly as the study `classes` does, in pixels and in the Fourier form, and ranks
the class asked for among the judge's answers: of the 8-bit picture as it is, and for pixels also with its contrast
stretched as the figure shows it. On the embedded network over its 36 classes and over ten of them; on ImageNet's over
ten.
Train a judge with: python -m training classifier --seed 1 --output visualization/second.safetensors
"""

import sys
from pathlib import Path

import numpy as np
import torch

from core.defaults import SHARED
from core.errors import UsageError
from core.files import write_whole
from core.images import deprocess, preprocess
from core.squeezenet import choose_device, load_squeezenet
from core.torchvision_models import check_model_name, load_torchvision
from drawing.colours import stretch
from patterns.scenes import CLASS_NAMES
from studies.classes.study import make_pictures
from studies.shared.forms import FORMS, form_settings
from studies.shared.network import first_known, make_generator, open_network
from studies.shared.options import OUTPUT_FOLDER, Parser, run_script, whole_number
from studies.shared.progress import progress
from studies.shared.report import Report
from studies.shared.settings import Settings

CHUNK = 6  # classes at a time
TEN = (  # the first group that the network knows
    ("gorilla", "tarantula", "hourglass", "bee eater", "goldfish", "zebra", "lemon", "pineapple", "castle", "volcano"),
    ("star", "spiral", "honeycomb", "fish", "butterfly", "bricks", "leopard spots", "tree", "umbrella", "mushroom"),
)


def main(options) -> None:

    model, _ = open_network(Settings.of(options, model=SHARED, classes=None), Report())
    names, judge = model.class_names, load_judge(options, model)
    ten = [names.index(name) for name in first_known(TEN, names)]
    labels = list(range(len(names))) if names == CLASS_NAMES else ten
    answers = {"pixels": [], "pixels, contrast stretched": [], "fourier": []}  # the judge's five best, class by class
    for start in progress(range(0, len(labels), CHUNK), desc="recognition", unit="chunk"):
        part = labels[start : start + CHUNK]
        for form in FORMS:
            numbers = form_settings(form, embedded=names == CLASS_NAMES)
            generator = make_generator(options.seed)
            made = make_pictures(form, model, part, size=224, generator=generator, numbers=numbers)
            kinds = {form: list(deprocess(made))}
            if form == "pixels":
                stretched = [(255 * stretch(picture)).round().astype(np.uint8) for picture in kinds[form]]
                kinds["pixels, contrast stretched"] = stretched
            for kind, pictures in kinds.items():
                with torch.no_grad():
                    answers[kind] += judge(preprocess(pictures).to(options.found_device)).topk(5).indices.tolist()

    def cell(label: int, best: list[int]) -> str:
        place = f"place {best.index(label) + 1}" if label in best else "not in the first five"
        return names[label] if best[0] == label else f"{names[best[0]]} ({place})"

    lines = ["| form | classes | first choice | among the first five |", "| --- | --- | --- | --- |"]
    for kind, bests in answers.items():
        for chosen in (labels, ten) if labels != ten else (ten,):
            pairs = [(label, best) for label, best in zip(labels, bests, strict=True) if label in chosen]
            first, five = sum(label == best[0] for label, best in pairs), sum(label in best for label, best in pairs)
            shares = " | ".join(f"{count} ({count / len(pairs):.0%})" for count in (first, five))
            lines.append(f"| {kind} | {len(pairs)} | {shares} |")
    lines += ["", f"The ten: {', '.join(names[label] for label in ten)}. Seed {options.seed}.", ""]
    lines += [f"| class asked for | {' | '.join(f'{kind}, named as' for kind in answers)} |", "| --- " * 4 + "|"]
    for index, label in enumerate(labels):
        lines.append(f"| {names[label]} | {' | '.join(cell(label, bests[index]) for bests in answers.values())} |")
    text = "\n".join(lines) + "\n"
    write_whole(options.output, text.encode())
    print(f"{text}wrote {options.output}")


def load_judge(options, model):
    """The network that judges; its classes must be those of the network judged."""

    options.found_device = choose_device(options.device)
    if options.judge:
        judge = load_squeezenet(options.judge, options.device)
        if judge.class_names != model.class_names:
            raise UsageError(f"judge: {judge.weights_name} has other classes than {model.weights_name}")
        return judge
    check_model_name(options.judge_model)
    if len(model.class_names) != 1000:
        raise UsageError("judge-model: torchvision's networks know ImageNet's classes; use --judge, or other --weights")
    return load_torchvision(options.judge_model, otherwise="give --judge FILE").to(options.found_device)


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.recognition", description=__doc__)
    add = result.add_argument
    judge = result.add_mutually_exclusive_group(required=True)
    judge.add_argument("--judge", metavar="FILE", help="weights of a second SqueezeNet with the same classes")
    judge.add_argument("--judge-model", metavar="NAME", help="a torchvision network, e.g. resnet18; ImageNet only")
    add("--weights", default="patterns", metavar="FILE", help="weights of the network whose pictures are judged")
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    add("--seed", type=whole_number(0), default=0, metavar="N", help="start of all random numbers")
    path = OUTPUT_FOLDER / "recognition.md"
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table to write")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
