"""From settings to a network file, with its learning curve: what `python -m training NAME` does."""

import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import torch
from torch import nn

from core.errors import UsageError
from core.own_files import digest_of
from core.squeezenet import load_squeezenet
from drawing.curves import draw_learning_curve
from drawing.files import describe, save_picture
from drawing.tables import csv_bytes, write_csv
from patterns.scenes import CLASS_NAMES
from studies.shared.cost import Cost, tell
from training.classifier import Training
from training.cost import cost
from training.generator import GeneratorRecipe, GeneratorTraining
from training.processes import leads, met_processes
from training.recipe import BY_HEART, Recipe
from training.robust import RobustRecipe, RobustTraining
from training.samples import write_samples
from training.settings import (
    ClassifierSettings,
    NoiseSettings,
    RobustSettings,
    SceneSettings,
    Settings,
    StylesSettings,
)
from training.squares import Squares
from training.style_pictures import held_out_pictures, read_styles, squares_of, style_tensors, training_pictures
from training.styles import PaintingRecipe, PaintingTraining
from training.train import INTERRUPTED, Stopped, Trainable, finish

NOTHING = "trained from nothing"  # where others name the weights that a picture was made with


def run(name: str, settings: Settings) -> int:
    """Train the network of this name; return the exit code."""
    torch.set_flush_denormal(True)  # numbers near zero would slow the training down tenfold
    try:
        if isinstance(settings, StylesSettings):
            with met_processes(settings.device) as device:
                return train_styles(settings, device)
        return train_on_scenes(name, settings)
    except Stopped:  # what is left has been said
        return INTERRUPTED


def train_on_scenes(name: str, settings: SceneSettings) -> int:
    training = scene_training(name, settings)
    tell_cost(cost(settings, training.recipe), settings)
    finish(
        training,
        settings.output,
        lambda after_step, _: training.run(workers=settings.workers, after_step=after_step),
        fresh=settings.fresh,
        watch=lambda: write_curve(name, training, settings.output, NOTHING),
    )
    say_end(training, settings.output)
    return 0


def scene_training(name: str, settings: SceneSettings) -> Training | GeneratorTraining:
    """The training at its first step."""
    common = {
        "steps": settings.iterations,
        "seed": settings.seed,
        "classes": tuple(range(len(CLASS_NAMES))),
        "learning_rate": settings.learning_rate,
        "half_precision": settings.precision == "bfloat16",
    }
    if isinstance(settings, ClassifierSettings):
        common["perturbation"] = settings.perturbation
        return Training(Recipe(**(common | (BY_HEART if settings.shuffle_labels else {}))))
    if name == "generator":
        return GeneratorTraining(GeneratorRecipe(**common))
    attack = {}
    if isinstance(settings, RobustSettings):
        attack = {"linf": settings.bound / 255, "inner_steps": settings.inner_iterations}
    elif isinstance(settings, NoiseSettings):
        attack = {"noise": settings.noise}
    return RobustTraining(RobustRecipe(**common, **attack))


def train_styles(settings: StylesSettings, device: str) -> int:
    """In one process or as one of several, of which the first writes."""
    model = load_squeezenet(settings.weights, device)
    if leads():
        tell_cost(cost(settings), settings, model)
    device = next(model.parameters()).device
    say = print if leads() else str  # the others say nothing
    styles, broken = read_styles(settings.styles, say)
    if leads():
        say_broken(broken)
    sources, data = training_pictures(settings.images, styles, say)
    kept = ("seed", "learning_rate", "batch", "side", "style_size", "content_weight", "style_weight", "tv_weight")
    kept = {name: getattr(settings, name) for name in (*kept, "evaluate_every")}
    recipe = PaintingRecipe(tuple(styles), model.weights_name, data, steps=settings.iterations, **kept)
    training = PaintingTraining(recipe, model, style_tensors(styles.values(), recipe.style_size, device))
    if leads():
        print(model.weights_note)
    held_out = held_out_pictures()
    judged = squares_of(held_out).to(device)
    squares = Squares(sources, recipe.side, scenes=not settings.images, seed=recipe.seed)

    def watch() -> None:
        write_samples(training, styles, held_out, settings.output)
        write_curve("styles", training, settings.output, recipe.loss_network)

    try:
        finish(
            training,
            settings.output,
            lambda after_step, asked: training.run(squares, judged, asked_to_stop=asked, after_step=after_step),
            fresh=settings.fresh,
            watch=watch,
        )
    except Stopped:
        say_broken(squares.broken.values())
        raise
    say_broken(squares.broken.values())  # each process met others
    if leads():
        say_end(training, settings.output, "_samples.png")
    return 1 if broken or squares.broken else 0


def tell_cost(whole: Cost, settings: Settings, model: nn.Module | None = None) -> None:
    """Say what the training costs, if that is much; less where it goes on from a checkpoint."""
    begun = settings.output.with_suffix(".checkpoint.pt").exists() and not settings.fresh
    tell(whole + Cost(at_most=begun), partial(print, flush=True), model)


def write_curve(name: str, training: Trainable, output: Path, weights: str) -> None:
    """The learning curve so far, beside the network: a PNG and its numbers as CSV."""
    learning = training.curve()
    path = output.with_name(f"{output.stem}_learning_curve.png")
    settings = {"steps": training.recipe.steps, "seed": training.recipe.seed}
    metadata = describe(f"training {name}", settings, weights) | {"Table": digest_of(csv_bytes(*learning.table()))}
    save_picture(draw_learning_curve(learning), path, metadata)
    write_csv(path, *learning.table())


def say_end(training: Trainable, output: Path, *beside: str) -> None:
    """How long it took, what it ended in, and what was written. beside: further endings of names."""
    print(f"{training.recipe.steps} steps in {training.seconds / 60:.1f} minutes; {training.closing()}")
    names = [f"{output.stem}{ending}" for ending in (*beside, "_learning_curve.png", "_learning_curve.csv")]
    print(f"wrote {output}, {', '.join(names)}")


def say_broken(broken: Iterable[UsageError]) -> None:
    """Name each file that could not be read."""
    for error in broken:
        print(f"skipped: {error}", file=sys.stderr)
