"""Climbs the picture of each class, in each form asked for."""

from collections.abc import Sequence
from dataclasses import asdict

import torch
from torch import Tensor, nn

from core.ascent import Callback, Step
from core.images import deprocess
from core.objectives import class_objective
from drawing.files import describe
from patterns.scenes import CLASS_NAMES
from studies.classes.cost import cost
from studies.classes.figure import Climb, draw
from studies.classes.flags import CLASSES, Settings
from studies.shared.cost import tell
from studies.shared.forms import form_settings
from studies.shared.network import class_probabilities, class_title, first_known, footer, make_generator, open_network
from studies.shared.options import find_class
from studies.shared.report import Report
from visualizers.class_visualization import visualize_classes
from visualizers.fourier_visualization import fourier_visualization

MOMENTS = (0.01, 0.05, 0.1, 0.25, 1.0)  # of all iterations: when the first class's picture is kept


def run(settings: Settings, report: Report) -> None:
    """Climb, say the objectives, draw."""
    model, settings = open_network(settings, report)
    named = settings.labels or first_known(CLASSES, model.class_names)
    labels = [find_class(text, model.class_names) for text in named]
    tell(cost(settings), report.say, model)
    embedded, several = model.class_names == CLASS_NAMES, len(settings.forms) > 1
    used = {form: form_settings(form, embedded=embedded) | settings.given(form) for form in settings.forms}
    climbs = []
    for form, numbers in used.items():
        climbed, first, last = climb(
            model, labels, form=form, numbers=numbers, size=settings.size, seed=settings.seed, report=report
        )
        for title, before, after in zip(climbed.titles, first, last, strict=True):
            name = f"{form}: {title}" if several else title
            report.say(f"{name}: objective {before:.2f} in the noise, {after:.2f} at the last step")
        climbs.append(climbed)
    figure = draw(climbs, name=model.class_names[labels[0]], footer=footer(model))
    written = asdict(settings) | (used if several else used[settings.form])
    report.picture(figure, settings.output, describe("classes", written, model.weights_name))


def climb(
    model: nn.Module,
    labels: Sequence[int],
    *,
    form: str,
    numbers: dict[str, float],
    size: int,
    seed: int,
    report: Report,
) -> tuple[Climb, list[float], list[float]]:
    """The pictures of these classes, and the objective of each in the noise and at the last step."""
    moments = {max(1, round(share * numbers["iterations"])) for share in MOMENTS}
    growth, values = {}, []
    with report.progress(total=numbers["iterations"], desc=f"class visualization, {form}", unit="step") as bar:

        def watch(step: Step) -> None:
            bar.update()
            values.append(step.value.tolist())  # one number a class
            if step.iteration in moments:
                growth[step.iteration] = deprocess(step.image[:1])[0]

        generator = make_generator(seed)
        pictures = make_pictures(form, model, labels, size=size, generator=generator, callback=watch, numbers=numbers)
    probabilities = class_probabilities(model, pictures)  # (N, K)
    titles = [class_title(model, row, label) for row, label in zip(probabilities, labels, strict=True)]
    return Climb(form, list(deprocess(pictures)), titles, growth), values[0], values[-1]


def make_pictures(
    form: str,
    model: nn.Module,
    labels: Sequence[int],
    *,
    size: int,
    generator: torch.Generator,
    numbers: dict[str, float],
    callback: Callback | None = None,
) -> Tensor:
    """The pictures of these classes in this form, (N, 3, size, size), in the network's units."""
    common = {"size": size, "generator": generator, "callback": callback, **numbers}
    if form == "pixels":
        return visualize_classes(model, labels, **common)
    return fourier_visualization(model, class_objective(model, labels), len(labels), **common)
