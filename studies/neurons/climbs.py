"""Pictures climbed to excite a channel all over its map, or the unit in the middle of it."""

from typing import Literal

import torch
from torch import Tensor

from core.ascent import Objective, Step
from core.images import deprocess
from core.objectives import channel_objective, unit_objective
from core.receptive_field import receptive_field
from studies.neurons import figure
from studies.neurons.results import Climbs, Drawn
from studies.neurons.subject import Subject
from studies.shared.forms import FORMS
from studies.shared.network import footer, make_generator
from visualizers.class_visualization import climb_pixels
from visualizers.fourier_visualization import fourier_visualization

PIXELS = {"l2_reg": 0.0, "learning_rate": 15.0, "blur_every": 2}  # of the pixel form


def channels(subject: Subject) -> Drawn:
    """Pictures climbed for the mean of a channel's map."""
    return climbed(subject, "channel")


def units(subject: Subject) -> Drawn:
    """Pictures climbed for the unit in the middle of a channel's map, cut to what it sees."""
    return climbed(subject, "unit")


def climbed(subject: Subject, what: Literal["channel", "unit"]) -> Drawn:
    """One picture a channel, in each form."""
    asked, model, layer, channels = subject.settings, subject.model, subject.layer, subject.channels
    objective = {"channel": channel_objective, "unit": unit_objective}[what](model, layer, channels)
    found = []
    for form in asked.form:
        pictures, first, last = climb(subject, objective, form)
        cut = [picture[None] for picture in pictures]
        if what == "unit":
            middle = [length // 2 for length in subject.map_shape[1:]]
            boxes = [receptive_field(model, layer, each, *middle, size=(subject.size,) * 2) for each in channels]
            cut = [box.cut(picture) for box, picture in zip(boxes, cut, strict=True)]
        found.append(Climbs(form, [deprocess(picture)[0] for picture in cut], first, last))
        for channel, before, after in zip(channels, first, last, strict=True):
            values = f"objective {before:.3g} at first, {after:.3g} at last"
            subject.report.say(f"{form}: {what} {channel} of {layer}: {values}")
    note = footer(model)
    pixels = figure.draw_climbs(found, what=what, channels=channels, layer=subject.layer_title, footer=note)
    return Drawn(pixels, model.weights_name)


def climb(subject: Subject, objective: Objective, form: str) -> tuple[Tensor, list[float], list[float]]:
    """Pictures (N, 3, size, size) of the form, and the objective of each at the first and at the last step."""
    asked, count, values = subject.settings, len(subject.channels), []
    iterations = asked.iterations or FORMS[form]["iterations"]
    with subject.report.progress(total=iterations, desc=form, unit="step") as bar:

        def watch(step: Step) -> None:
            bar.update()
            values.append(step.value.tolist())

        common = {"iterations": iterations, "generator": make_generator(asked.seed), "callback": watch}
        if form == "fourier":
            pictures = fourier_visualization(subject.model, objective, count, size=subject.size, **common)
        else:
            noise = torch.randn(1, 3, subject.size, subject.size, generator=common["generator"])
            pictures = climb_pixels(subject.model, objective, noise.repeat(count, 1, 1, 1), **common, **PIXELS)
    return pictures, values[0], values[-1]
