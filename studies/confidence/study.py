"""Shows each network pictures of its own world, fooled ones, noise and another world, and asks how sure it is."""

from dataclasses import asdict

import torch
from PIL.Image import Image, Resampling
from torch import Tensor, nn

from core.gradients import chunk_length, to_network
from core.images import deprocess, normalise
from core.measuring import measuring
from core.passes import scores_of
from drawing.files import describe
from measures.calibration import fit_temperature, reliability
from patterns.scenes import CLASS_NAMES
from studies.confidence.cost import cost
from studies.confidence.figure import draw
from studies.confidence.flags import LARGE, SMALL, Settings
from studies.confidence.results import FOOLED, NOISE, OTHER, OWN, SHOWN, Calibration, Findings, Shown
from studies.confidence.table import tabulate
from studies.shared.cost import tell
from studies.shared.crops import random_crops
from studies.shared.interruption import Interruption
from studies.shared.network import class_title, make_generator
from studies.shared.networks import held_out_scenes, load_networks
from studies.shared.pictures import list_pictures, readable_pictures
from studies.shared.report import Report
from visualizers.pgd import pgd

LEAST_CROP = 0.5  # of a photograph's shorter side


def run(settings: Settings, report: Report) -> None:
    """Measure each network, draw, write the table. Ctrl-C keeps what is finished."""
    networks = load_networks(settings.weights, settings.device)
    for model in networks.values():
        report.say(model.weights_note)
    knows_scenes = any(model.class_names == CLASS_NAMES for model in networks.values())
    tell(cost(settings, knows_scenes=knows_scenes), report.say, model)
    photographs = [image for _, image in readable_pictures(list_pictures(settings.images, report.say), report, {})]
    findings = []
    with (
        report.progress(total=len(networks), desc="confidence", unit="network") as bar,
        Interruption() as stop,
    ):
        for name, model in networks.items():
            findings.append(measure(name, model, photographs, settings))
            with bar.external_write_mode():
                fooled = len(findings[-1].probabilities.get(FOOLED, ()))
                words = f"{fooled} of {settings.pictures} pictures fooled within {settings.bound:g}/255"
                report.say(f"{name}: {words}")
            bar.update()
    if not findings:
        stop.go_on()
    if stop.happened:
        report.fail("stopped: the networks that were finished are drawn")
    table = tabulate(findings, settings)
    weights = ", ".join(model.weights_name for model in networks.values())
    report.picture(draw(findings, *table), settings.output, describe("confidence", asdict(settings), weights))
    report.table(settings.output, *table)
    stop.go_on()


def measure(name: str, model: nn.Module, photographs: list[Image], settings: Settings) -> Findings:
    """What the network says of pictures of each kind."""
    knows_scenes = model.class_names == CLASS_NAMES
    size = settings.size or (SMALL if knows_scenes else LARGE)
    scenes, truth, _ = held_out_scenes(settings.pictures, seed=settings.seed, size=size)
    generator = make_generator(settings.seed)
    crops = photograph_crops(photographs, settings.pictures, size, generator)
    own, other = (scenes, crops) if knows_scenes else (crops, scenes)
    kinds = {kind: each for kind, each in pictures_of(model, own, other, settings, generator).items() if len(each)}
    scores = {kind: scores_in_parts(model, images) for kind, images in kinds.items()}
    probabilities = {kind: each.softmax(dim=1) for kind, each in scores.items()}
    surest = {}
    for kind, images in kinds.items():
        known = truth if kind == OWN and knows_scenes else None
        surest[kind] = surest_of(model, images, probabilities[kind], known)
    calibration = calibrate(model, size, settings) if knows_scenes else None
    return Findings(name, model.weights_name, size, probabilities, surest, calibration)


def pictures_of(
    model: nn.Module, own: Tensor, other: Tensor, settings: Settings, generator: torch.Generator
) -> dict[str, Tensor]:
    """The pictures of each kind, (N, 3, H, W), from those of the network's own world and of the other one."""
    named = scores_in_parts(model, own).argmax(dim=1)
    attack = {"linf": settings.bound / 255, "steps": settings.iterations, "generator": generator}
    fooling = pgd(model, own.to(next(model.parameters()).device), named, **attack)
    noise = normalise(torch.rand(own.shape, generator=generator))
    return {OWN: own, FOOLED: fooling.images[fooling.fooled].cpu(), NOISE: noise, OTHER: other}


def photograph_crops(photographs: list[Image], count: int, size: int, generator: torch.Generator) -> Tensor:
    """Squares cut out at random places and sizes, of each photograph in turn, (count, 3, size, size)."""
    how = {"smallest": LEAST_CROP, "mirror": False, "resample": Resampling.LANCZOS, "whole": round}
    return random_crops(photographs, count, size, generator=generator, **how)


def calibrate(model: nn.Module, size: int, settings: Settings) -> Calibration:
    """How its confidence goes with being right, before and after a temperature.

    Two sets of scenes, as a temperature that was fitted to the scenes it is judged by would flatter.
    """
    scores, answers = [], []
    for first in (0, settings.scenes):
        images, labels, _ = held_out_scenes(
            settings.scenes, first=settings.pictures + first, seed=settings.seed, size=size
        )
        scores.append(scores_in_parts(model, images))
        answers.append(labels)
    temperature = fit_temperature(scores[0], answers[0])
    bins = []
    for each in (1.0, temperature):
        confidence, named = (scores[1] / each).softmax(dim=1).max(dim=1)
        bins.append(reliability(confidence, named == answers[1]))
    accuracy = float((scores[1].argmax(dim=1) == answers[1]).double().mean())
    return Calibration(accuracy, *bins, temperature)


def surest_of(model: nn.Module, images: Tensor, probabilities: Tensor, truth: Tensor | None) -> list[Shown]:
    """The pictures that it is surest of; where the truth (N,) is known, only those that it is wrong about."""
    order = probabilities.amax(dim=1).argsort(descending=True, stable=True)
    if truth is not None:
        order = order[(probabilities.argmax(dim=1) != truth)[order]]
    places = order[:SHOWN]
    words = [class_title(model, probabilities[place], int(probabilities[place].argmax())) for place in places]
    return [Shown(*pair) for pair in zip(deprocess(images[places]), words, strict=True)]


def scores_in_parts(model: nn.Module, images: Tensor) -> Tensor:
    """(N, K), on the CPU, a few images at a time."""
    with measuring(model), torch.no_grad():
        return torch.cat(
            [scores_of(model, to_network(model, part)).cpu() for part in images.split(chunk_length(images))]
        )
