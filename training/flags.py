"""What may be asked of each training: the common flags, and what one of them alone has. Nothing heavy is imported."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from typing import NamedTuple

from studies.shared.options import OUTPUT_FOLDER, Parser, number, picture_path, whole_number
from studies.shared.outputs import add_overwrite
from studies.shared.uses import Choice
from training.seeds import HIGHEST_SEED
from training.settings import (
    ClassifierSettings,
    EvaluationSettings,
    NoiseSettings,
    RobustSettings,
    SceneSettings,
    Settings,
    StylesSettings,
)
from visualizers.catalogue import constant_of, defaults_of

STYLES = ("swirling_night", "blood_sunset", "geometric_abstraction", "mosaic")  # in images/styles
HELD_OUT = ("china", "motorcycle")  # photographs that no network learns from, to judge it by
CLASSIFIER, SHUFFLED = "squeezenet1_1.safetensors", "shuffled_labels.safetensors"
PAINTING = defaults_of("training.styles", "PaintingRecipe")
LABELLED = "a run without --shuffle-labels"
CHOICES = (Choice("shuffle_labels", {"--shuffle-labels": (), LABELLED: ("perturbation",)}),)  # of a classifier
ENDING = """

Writes the network (half precision, with its recipe inside), and beside it its learning curve, as a picture and as CSV.
A checkpoint lies there from the first step on, at most some twenty seconds old: started again with the same flags, a
training goes on from it, and ends in the same file, to the bit. Ctrl-C and SIGTERM write one after the step they fall
in."""


def add_training(
    parser: Parser, *, iterations: int, learning_rate: float, output: str, scenes: bool = True, otherwise: str = ""
) -> None:
    """The flags that every training has, and with `scenes` those of the trainings on rendered scenes."""
    add = parser.add_argument
    add("--iterations", type=whole_number(1, 10_000_000), default=iterations, metavar="N", help="steps in all")
    highest = 10**6 if scenes else 2**63 - 1
    add("--seed", type=whole_number(0, highest), default=Settings.seed, metavar="N", help="start of all random numbers")
    rate = "the highest; it rises, and falls as a cosine"
    add("--learning-rate", type=number(1e-6, 1), default=learning_rate, metavar="N", help=rate)
    if scenes:
        precision = "of the arithmetic while training"
        add("--precision", choices=("bfloat16", "float32"), default=SceneSettings.precision, help=precision)
        workers = "processes that render scenes"
        add("--workers", type=whole_number(0, 64), default=SceneSettings.workers, metavar="N", help=workers)
    add("--fresh", action="store_true", help="start anew even if there is a checkpoint")
    path = OUTPUT_FOLDER / output
    place = f"where to write the network (default: {path}{otherwise})"
    network, default = partial(picture_path, endings=(".safetensors",)), None if otherwise else path
    add("--output", type=network, default=default, metavar="PATH", help=place)


def add_classifier(parser: Parser) -> None:
    rate, length = (constant_of("training.recipe", name) for name in ("LEARNING_RATE", "PERTURBATION"))
    otherwise = f", or {SHUFFLED} with --shuffle-labels"
    add_training(parser, iterations=4500, learning_rate=rate, output=CLASSIFIER, otherwise=otherwise)
    meaning = "length of the perturbation of half of each batch, at 224 pixels, 0 for none"
    parser.add_argument("--perturbation", type=number(0, 100), default=length, metavar="N", help=meaning)
    meaning = "learn a few scenes with shuffled labels by heart, for `python -m studies trust --random-labels`"
    parser.add_argument("--shuffle-labels", action="store_true", help=meaning)


def add_small(parser: Parser, *, output: str) -> None:
    rate = constant_of("training.recipe", "LEARNING_RATE")
    add_training(parser, iterations=2000, learning_rate=rate, output=output)


def add_robust(parser: Parser) -> None:
    add_small(parser, output="robust.safetensors")
    add, allowed = parser.add_argument, "largest change of a channel, of 255"
    add("--bound", type=number(0.1, 64), default=RobustSettings.bound, metavar="LEVELS", help=allowed)
    meaning = "gradients for each perturbation: 1 is the fast form, several are projected gradient ascent"
    default = RobustSettings.inner_iterations
    add("--inner-iterations", type=whole_number(1, 100), default=default, metavar="N", help=meaning)


def add_noise(parser: Parser) -> None:
    add_small(parser, output="noise.safetensors")
    meaning, default = "standard deviation, white is 1", NoiseSettings.noise
    parser.add_argument("--noise", type=number(0.001, 2), default=default, metavar="N", help=meaning)


def add_generator(parser: Parser) -> None:
    rate = constant_of("training.generator", "LEARNING_RATE")
    add_training(parser, iterations=800, learning_rate=rate, output="generator.safetensors")


def add_styles(parser: Parser) -> None:
    rate = PAINTING["learning_rate"]
    output = "fast_styles.safetensors"
    add_training(parser, iterations=PAINTING["steps"], learning_rate=rate, output=output, scenes=False)
    add = parser.add_argument
    named = f"files, folders, or names in images/styles (default: {', '.join(STYLES)})"
    add("--styles", nargs="+", default=list(STYLES), metavar="PATH", help=named)
    pictures = "pictures to learn from (default: rendered scenes and photographs)"
    add("--images", nargs="+", default=[], metavar="PATH", help=pictures)
    judge = "the network that judges: auto, imagenet, patterns, or a .pth, .pt or .safetensors file"
    add("--weights", default="auto", metavar="FILE", help=judge)
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    for flag, (kind, meaning) in {
        "batch": (whole_number(1, 1024), "pictures a step, shared by all processes"),
        "side": (whole_number(64, 1024), "of the squares it learns from, in pixels"),
        "style_size": (whole_number(64, 2048), "shorter side of the styles, in pixels"),
        "content_weight": (number(0, 1e6), "weight of the relative content loss"),
        "style_weight": (number(0, 1e6), "weight of the relative style loss"),
        "tv_weight": (number(0, 1e6), "weight of the relative total variation"),
        "evaluate_every": (whole_number(1, 10**6), "steps between looks at the held-out pictures, with samples"),
    }.items():
        add(f"--{flag.replace('_', '-')}", type=kind, default=PAINTING[flag], metavar="N", help=meaning)


def add_evaluation(parser: Parser) -> None:
    add = parser.add_argument
    add("--weights", default="patterns", metavar="FILE", help="patterns, or a .safetensors, .pth or .pt file")
    add("--scenes", type=whole_number(1, 1_000_000), default=2160, metavar="N", help="how many, the classes in turn")
    add("--seed", type=whole_number(0, HIGHEST_SEED), default=2026, metavar="N", help="which scenes")
    add("--size", type=whole_number(64, 1024), default=224, metavar="PIXELS", help="side of the scenes")
    output = OUTPUT_FOLDER / "patterns_accuracy.md"
    table = partial(picture_path, endings=(".md",))
    add("--output", type=table, default=output, metavar="PATH", help="where to write the Markdown")


class Command(NamedTuple):
    """What stands after `python -m training`."""

    line: str  # in the list
    text: str  # what --help says besides
    add: Callable[[Parser], None]
    settings: type


COMMANDS = {
    "classifier": Command(
        "SqueezeNet 1.1 on rendered scenes of 36 classes, from nothing: weights/squeezenet1_1.safetensors",
        "Half of each batch is perturbed along the gradient of the loss." + ENDING,
        add_classifier,
        ClassifierSettings,
    ),
    "robust": Command(
        "the same for small pictures, on the worst picture nearby: weights/robust.safetensors",
        "Each scene is moved to a worse one within --bound (adversarial training, Madry et al., 2018)." + ENDING,
        add_robust,
        RobustSettings,
    ),
    "noise": Command(
        "the same for small pictures, with Gaussian noise, for certified defence: weights/noise.safetensors",
        "Each scene gets Gaussian noise of --noise (Cohen et al., 2019)." + ENDING,
        add_noise,
        NoiseSettings,
    ),
    "plain": Command(
        "the same for small pictures, as they are, to compare the two with: weights/plain.safetensors",
        "It has the first weights, scenes, steps and learning rates of `robust` and `noise`." + ENDING,
        partial(add_small, output="plain.safetensors"),
        SceneSettings,
    ),
    "generator": Command(
        "a network that draws scenes from their codes: weights/generator.safetensors",
        "It learns to draw freshly rendered scenes so that the embedded network sees no difference." + ENDING,
        add_generator,
        SceneSettings,
    ),
    "styles": Command(
        "a network that paints in the styles of pictures, yours too, in one pass: weights/fast_styles.safetensors",
        f"It learns from a folder of pictures, or from rendered scenes and photographs; {' and '.join(HELD_OUT)} are "
        "kept out of it, and judge it. `python -m studies fast_style --network FILE` paints with it.\n\n"
        "Samples lie beside the network, too. For several processes: torchrun --nproc-per-node=2 -m training styles."
        + ENDING,
        add_styles,
        StylesSettings,
    ),
    "evaluate": Command(
        "how well does a network name scenes that no network was trained on?",
        "Accuracy, and the classes it confuses most. Training draws its scenes from seeds far above those allowed "
        "here, so every scene is a new one.\n\nWrites visualization/patterns_accuracy.md: the numbers printed, as "
        "Markdown tables.",
        add_evaluation,
        EvaluationSettings,
    ),
}


def parser(name: str) -> Parser:
    command = COMMANDS[name]
    line = command.line[0].upper() + command.line[1:].partition(": weights/")[0]
    text = f"{line}{'' if line.endswith('?') else '.'} {command.text}"
    result = Parser(prog=f"python -m training {name}", description=text)
    command.add(result)
    add_overwrite(result)
    return result


def settings(name: str, options: argparse.Namespace) -> Settings | EvaluationSettings:
    """The settings that a command line asks for: each field from the flag of its name.

    Raises UsageError for a perturbation where labels are learned by heart, which perturbs nothing.
    """
    kind = COMMANDS[name].settings
    if name == "classifier":
        CHOICES[0].refuse_ignored(options.given, ["--shuffle-labels" if options.shuffle_labels else LABELLED])
    values = {field.name: getattr(options, field.name) for field in fields(kind)}
    if values["output"] is None:
        values["output"] = OUTPUT_FOLDER / (SHUFFLED if values["shuffle_labels"] else CLASSIFIER)
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
