"""Climbs each class, or unit, by the generator and without it, and asks a second network what it sees."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from core.ascent import Objective, Step
from core.errors import UsageError
from core.generator import SIZE, Generator, codes_of, load_generator
from core.images import deprocess, preprocess
from core.objectives import class_objective, unit_objective
from core.squeezenet import load_squeezenet
from drawing.files import describe
from patterns.scenes import CLASS_NAMES, render_scene
from studies.generator.climbs import climb_generator, climb_noise, climb_waves
from studies.generator.cost import cost
from studies.generator.figure import Climbed, Known, draw
from studies.generator.flags import CLASSES, STARTS, Settings
from studies.shared.cost import tell
from studies.shared.forms import FORMS, form_settings
from studies.shared.network import class_probabilities, class_title, first_known, footer, make_generator, open_network
from studies.shared.options import find_class
from studies.shared.report import Report

SHOWN = ("bricks", "target", "eye", "house", "mushroom")  # scenes that the generator draws from their own codes
SCENE_SEED = 2027


class Target(NamedTuple):
    """What to excite."""

    name: str
    objective: Objective
    label: int | None  # of a class


def run(settings: Settings, report: Report) -> None:
    """Climb, say the objectives, let the judge name what it sees, draw."""
    model, settings = open_network(settings, report)
    tell(cost(settings), report.say, model)
    judge = load_judge(settings, model)
    generate = load_generator(device=next(model.parameters()).device)
    targets = find_targets(settings, model)
    scenes = [render_scene(name, seed=SCENE_SEED, size=SIZE).image for name in (*SHOWN, *STARTS)]
    codes = encode(generate, scenes, settings.device)
    starts = codes[len(SHOWN) :][: settings.starts]
    numbers = {form: form_settings(form, embedded=model.class_names == CLASS_NAMES) for form in FORMS}
    ways = {
        "generator": partial(climb_generator, generate=generate, starts=starts, numbers=settings.climb),
        "pixels": partial(climb_noise, numbers=numbers["pixels"]),
        "Fourier form": partial(climb_waves, numbers=numbers["fourier"]),
    }
    steps = settings.iterations + sum(each["iterations"] for each in numbers.values())
    climbs: dict[str, list[Climbed]] = {way: [] for way in ways}
    for target in targets:
        with report.progress(total=steps, desc=target.name, unit="step") as bar:
            found = climb_target(target, ways, model, judge, seed=settings.seed, bar=bar)
        for way, climbed in found.items():
            climbs[way].append(climbed)
            name = climbed.title.replace("\n", ", ")
            report.say(f"{way}: {name}: objective {climbed.first:.2f} at first, {climbed.last:.2f} at last")
    if judge is not None:
        counts = ", ".join(f"{sum(each.right for each in row)} of the {way}" for way, row in climbs.items())
        report.say(f"of {len(targets)} pictures each, the judge names as asked: {counts}")
    figure = draw(climbs, redraw(generate, scenes, codes), footer=footer(model))
    report.picture(figure, settings.output, describe("generator", asdict(settings), model.weights_name))


def find_targets(settings: Settings, model: nn.Module) -> list[Target]:
    """The units of the layer asked for, or the classes."""
    if settings.layer:
        objectives = [unit_objective(model, settings.layer, [channel]) for channel in settings.channels]
        names = [f"{settings.layer}, channel {channel}" for channel in settings.channels]
        return [Target(name, objective, None) for name, objective in zip(names, objectives, strict=True)]
    named = settings.labels or first_known(CLASSES, model.class_names)
    if tuple(named) == ("all",):
        named = range(len(model.class_names))
    labels = [find_class(text, model.class_names) for text in named]
    return [Target(model.class_names[label], class_objective(model, [label]), label) for label in labels]


def load_judge(settings: Settings, model: nn.Module) -> nn.Module | None:
    """The second network, if one is asked for; its classes must be those of the first."""
    if not settings.judge:
        return None
    judge = load_squeezenet(settings.judge, settings.device)
    if judge.class_names != model.class_names:
        raise UsageError("judge: it can name pictures of its own classes only; give both networks the same classes")
    return judge


def climb_target(
    target: Target,
    ways: dict[str, Callable[..., tuple[Tensor, float]]],
    model: nn.Module,
    judge: nn.Module | None,
    *,
    seed: int,
    bar: tqdm,
) -> dict[str, Climbed]:
    """One target climbed in each of the ways (see climbs.py), each from the same seed."""

    def watch(_step: Step) -> None:
        bar.update()

    found = {}
    for way, climb in ways.items():
        picture, first = climb(model, target.objective, generator=make_generator(seed), callback=watch)
        found[way] = look_at(picture, first, target, model, judge)
    return found


def look_at(picture: Tensor, first: float, target: Target, model: nn.Module, judge: nn.Module | None) -> Climbed:
    """What the networks say of a picture (1, 3, SIZE, SIZE); the judge is shown what is written, 8 bits a colour."""
    with torch.no_grad():
        last = target.objective(picture).item()
    pixels, title, right = deprocess(picture)[0], target.name, False
    if target.label is not None:
        title = class_title(model, class_probabilities(model, picture)[0], target.label)
    if judge is not None:
        seen = class_probabilities(judge, preprocess(pixels).to(picture.device))[0]
        best = int(seen.argmax())
        title, right = f"{title}\njudge: {class_title(judge, seen, best)}", best == target.label
    return Climbed(pixels, title, first, last, right)


def encode(generate: Generator, scenes: list[np.ndarray], device: str) -> Tensor:
    """The codes (N, C, h, w) of scenes, uint8 (H, W, 3) each, as the embedded network sees them."""
    return codes_of(generate, load_squeezenet("patterns", device), preprocess(scenes).to(generate.spread.device))


@torch.no_grad()
def redraw(generate: Generator, scenes: list[np.ndarray], codes: Tensor) -> list[Known]:
    """Of the scenes SHOWN, what the generator draws of their codes, one at a time."""
    pictures = [deprocess(generate(code[None]))[0] for code in codes[: len(SHOWN)]]
    return [Known(*each) for each in zip(SHOWN, scenes, pictures, strict=False)]
