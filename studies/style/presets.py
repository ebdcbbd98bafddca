"""Presets: two pictures and the weights that suit them, painted by the course's loop."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import torch
from PIL.Image import Image
from torch import Tensor, nn

from core.ascent import Step
from core.errors import UsageError, WorkError
from core.images import deprocess
from core.picture_files import shown
from drawing.files import describe
from painting.course_loop import style_objective, transfer_style
from patterns.scenes import CLASS_NAMES
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.named_pictures import open_named, scaled_tensor
from studies.shared.network import footer, make_generator, open_network
from studies.shared.options import is_picture_path
from studies.shared.report import Report
from studies.style.cost import cost
from studies.style.figure import draw_presets
from studies.style.flags import CONTENT_LAYER, LAYERS, PRESETS, Preset, PresetSettings
from studies.style.results import SHEET, Pair, PresetPainting

# The embedded network's features are smaller, and its first layer leaves a fine grid.
EMBEDDED = {"style_weights": (5_000_000, 1_000_000, 60_000, 20_000), "tv_weight": 0.3}
CHANGEABLE = ("content", "style", "size", "style_size", "content_weight", "style_weights", "tv_weight")


class Job(NamedTuple):
    """A preset with its pictures, read."""

    preset: Preset
    content: Image
    style: Image

    @property
    def pair(self) -> Pair:
        return Pair(self.preset.content, (self.preset.style,))


def paint_presets(settings: PresetSettings, report: Report) -> None:
    """The presets named, or all whose pictures are there, with the course's absolute weights, and a sheet of them."""
    jobs, missing = find_jobs(settings)
    names = [job.pair.file_name for job in jobs]
    paths = [settings.output if is_picture_path(settings.output) else settings.output / name for name in names]
    if len(set(paths)) < len(paths):
        raise UsageError(f"output: several pictures would be written to '{paths[0]}'; make one preset at a time")
    report.expect([*paths, *(settings.output / SHEET for _ in range(len(jobs) > 1))])
    model, settings = open_network(settings, report)
    tell(cost(settings), report.say, model)
    if model.class_names == CLASS_NAMES:
        jobs = [job._replace(preset=adjusted(replace(job.preset, **EMBEDDED), settings)) for job in jobs]
    paintings = []
    for job, path in zip(jobs, paths, strict=True):
        stop = Interruption()
        painting = paint_preset(job, settings, model, report, stop)
        metadata = describe("style", painting.settings, model.weights_name) | {"Losses": painting.losses}
        report.picture(painting.picture, path, metadata)
        stop.go_on()
        paintings.append(painting)
    if len(jobs) > 1:
        metadata = describe("style", asdict(settings), model.weights_name)
        report.picture(draw_presets(paintings, footer(model)), settings.output / SHEET, metadata)
    for sentence in missing:
        report.say(sentence)


def find_jobs(settings: PresetSettings) -> tuple[list[Job], list[str]]:
    """The presets asked for with their pictures, and a sentence for each that is left out for want of one.

    A preset that was named must have its pictures. Raises WorkError where none has.
    """
    jobs, missing = [], []
    for name in settings.preset or PRESETS:
        preset = adjusted(PRESETS[name], settings)
        try:
            jobs.append(Job(preset, open_named(preset.content, "content"), open_named(preset.style, "styles")))
        except UsageError as error:
            if settings.preset:
                raise
            missing.append(f"preset {name} left out: {error}")
    if not jobs:
        raise WorkError(f"nothing can be made: {'; '.join(missing)}")
    return jobs, missing


def adjusted(preset: Preset, settings: PresetSettings) -> Preset:
    """The preset with what the settings say instead."""
    given = {name: getattr(settings, name) for name in CHANGEABLE if getattr(settings, name) is not None}
    return replace(preset, **given)


def paint_preset(
    job: Job, settings: PresetSettings, model: nn.Module, report: Report, stop: Interruption
) -> PresetPainting:
    """Run one preset and say its losses. Ctrl-C is kept in `stop`; the picture is then the one that there is."""
    preset, like, title = job.preset, next(model.parameters()), job.pair.title
    content = scaled_tensor(job.content, preset.size).to(like)
    objective = style_objective(
        content,
        scaled_tensor(job.style, preset.style_size).to(like),
        model.features,
        content_layer=CONTENT_LAYER,
        content_weight=preset.content_weight,
        style_layers=LAYERS,
        style_weights=preset.style_weights,
        tv_weight=preset.tv_weight,
    )
    start = content
    if settings.start == "noise":
        start = torch.randn(content.shape, generator=make_generator(settings.seed)).to(like)
    decisive = {**vars(preset), "iterations": settings.iterations, "start": settings.start, "seed": settings.seed}
    losses: list[float] = []
    result: Tensor | None = None
    with report.progress(total=settings.iterations, desc=title, unit="step") as bar, stop:

        def watch(step: Step) -> None:
            nonlocal result
            bar.update()
            losses.append(float(step.value))
            result = step.image

        result = transfer_style(start, objective, iterations=settings.iterations, callback=watch, **preset.schedule)
    if result is None:  # interrupted before the first step
        stop.go_on()
    stopped = f"stopped after {len(losses)} of {settings.iterations} steps: " if stop.happened else ""
    if stopped:
        decisive["stopped"] = f"after {len(losses)} of {settings.iterations} steps"
    with torch.no_grad():
        after = [float(term) for term in objective.terms(result)]
    words = "content {:.0f}, style {:.0f}, total variation {:.0f}".format(*after)
    report.say(f"{title}: {stopped}loss {losses[0]:.0f} at the start, {sum(after):.0f} in the picture ({words})")
    titles = (shown(Path(preset.content).stem), shown(Path(preset.style).stem))
    return PresetPainting(job.content, job.style, titles, deprocess(result)[0], words, decisive)
