"""Draws one layer of a network, by each technique asked for."""

from collections.abc import Callable
from dataclasses import asdict

from core.networks import find_origin
from core.sharing import company
from drawing.files import describe
from drawing.grid import stack
from studies.neurons import climbs, responses, weights
from studies.neurons.cost import cost
from studies.neurons.flags import DEFAULT_TECHNIQUES, Settings
from studies.neurons.results import Drawn
from studies.neurons.subject import Subject
from studies.shared.cost import tell
from studies.shared.report import Report

DRAW: dict[str, Callable[[Subject], Drawn]] = {
    "templates": weights.templates,
    "filters": weights.filters,
    "weights": weights.higher_weights,
    "activations": responses.activations,
    "patches": responses.patches,
    "channels": climbs.channels,
    "units": climbs.units,
}


def run(settings: Settings, report: Report) -> None:
    """A file for each technique, or one sheet of the default ones."""
    for name in settings.model:
        find_origin(name)
    subject = Subject(settings, report)
    tell(cost(settings), report.say)
    if not company().leads:
        help_to_seek(subject)
        return
    if not settings.technique:
        sheet = stack([DRAW[name](subject).pixels for name in DEFAULT_TECHNIQUES])
        report.picture(sheet, settings.output, describe("neurons", asdict(subject.written), subject.model.weights_name))
    for name, path in zip(settings.technique, settings.outputs, strict=False):
        drawn = DRAW[name](subject)
        report.picture(drawn.pixels, path, describe("neurons", asdict(subject.written), drawn.weights))


def help_to_seek(subject: Subject) -> None:
    """What the other processes do: their share of each search, in the order in which the first gets to them."""
    for name in subject.settings.technique or DEFAULT_TECHNIQUES:
        if name in {"patches", "channels", "units"}:
            _ = subject.channels
        if name == "patches":
            subject.stream(name)
