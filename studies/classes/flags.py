"""What picture does the network hold most typical of a class? Pictures climbed from noise, class by class.

Writes visualization/class_visualization.png: one picture for each class, and a strip that shows how the first one grew.
--form fourier climbs in a Fourier basis with decorrelated colours instead of pixels; --form both shows the two.
"""

import argparse
from dataclasses import dataclass

from core.errors import UsageError
from studies.shared import settings as shared
from studies.shared.forms import EMBEDDED, FORMS
from studies.shared.network_flags import add_size
from studies.shared.number_flags import add_numbers
from studies.shared.options import Parser, make_parser, number, whole_number
from studies.shared.uses import Choice

QUESTION = "What picture does the network hold most typical of a class?"
CLASSES = (  # the first group that the network knows
    ("gorilla", "Yorkshire terrier", "tarantula", "hourglass", "bee eater"),
    ("star", "spiral", "honeycomb", "fish", "butterfly"),
)
NUMBERS = {
    "iterations": (whole_number(1, 100_000), "steps of gradient ascent"),
    "learning_rate": (number(0, 1e6), "length of a step, the Euclidean norm over the picture; fourier: Adam's rate"),
    "l2_reg": (number(0, 1e6), "weight of the picture's squared norm"),
    "max_jitter": (whole_number(0, 512), "largest random shift before each step, in pixels"),
    "blur_every": (whole_number(0), "iterations between two blurs, 0 for none"),
    "blur_sigma": (number(0, 100), "standard deviation of the blur, in pixels"),
    "clip_pixels": (number(0, 0.99), "share of pixels of smallest norm set to the mean colour at each blur"),
    "clip_gradients": (number(0, 0.99), "share of pixels of smallest gradient times pixel set to it, likewise"),
    "shift": (number(0, 0.5), "largest random shift before each step, as a share of the side"),
    "zoom": (number(0, 0.9), "largest random change of size before each step, as a share"),
    "rotation": (number(0, 180), "largest random turn before each step, in degrees"),
}

CHOICES = (Choice("form", FORMS),)


@dataclass(frozen=True, kw_only=True)
class Settings(shared.SizedSettings):
    """What is asked. A number that is None stands for the form's own, on the network at hand."""

    labels: tuple[str, ...] = ()  # names or numbers; none: CLASSES
    form: str = "pixels"
    iterations: int | None = None
    learning_rate: float | None = None
    l2_reg: float | None = None
    max_jitter: int | None = None
    blur_every: int | None = None
    blur_sigma: float | None = None
    clip_pixels: float | None = None
    clip_gradients: float | None = None
    shift: float | None = None
    zoom: float | None = None
    rotation: float | None = None

    @property
    def forms(self) -> tuple[str, ...]:
        return tuple(FORMS) if self.form == "both" else (self.form,)

    def given(self, form: str) -> dict[str, float]:
        """The numbers asked for that this form has."""
        return {name: getattr(self, name) for name in FORMS[form] if getattr(self, name) is not None}


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for a number that the form does not have, or that means two things."""
    asked = Settings.of(options)
    CHOICES[0].refuse_ignored(options.given, asked.forms)
    if asked.learning_rate is not None and len(asked.forms) > 1:
        raise UsageError("learning_rate: it has another unit in each form; give it with --form pixels or fourier")
    return asked


def default_of(name: str) -> str:
    """The words for --help: a number's default in each form, and what the embedded network takes instead."""
    defaults = [f"{FORMS['pixels'][name]}" if name in FORMS["pixels"] else ""]
    defaults += [f"{EMBEDDED[name]} on the embedded network" if name in EMBEDDED else ""]
    defaults += [f"fourier: {FORMS['fourier'][name]}" if name in FORMS["fourier"] else ""]
    return f"(default: {', '.join(filter(None, defaults))})"


def parser() -> Parser:
    result = make_parser(__doc__, output="class_visualization.png", images=False)
    add, named = result.add_argument, ", ".join(CLASSES[0])
    add("--labels", nargs="+", metavar="CLASS", help=f"class names or numbers (default: {named})")
    add("--form", choices=(*FORMS, "both"), default=Settings.form, help="what is climbed")
    add_size(result, "side of the pictures")
    numbers = {name: (kind, f"{meaning} {default_of(name)}") for name, (kind, meaning) in NUMBERS.items()}
    add_numbers(result, numbers, defaults={})
    return result
