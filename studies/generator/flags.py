"""What excites the network most, in the world of rendered scenes? Pictures drawn by a generator whose code climbs.

Writes visualization/generator_visualization.png: the generator's picture of each class, below it those climbed pixel by
pixel and in the Fourier form; and what the generator knows: scenes it has never seen, and what it draws of their codes.

The generator has seen rendered scenes only. So for the ImageNet network this is the scene that excites the class most,
not a photograph of it.
"""

import argparse
from dataclasses import dataclass

from core.errors import UsageError
from studies.shared import settings as shared
from studies.shared.number_flags import add_numbers
from studies.shared.options import Parser, make_parser, number, whole_number
from visualizers.catalogue import defaults_of

QUESTION = "What excites the network most, in the world of rendered scenes?"
CLASSES = (  # the first group that the network knows
    ("honeycomb", "starfish", "monarch", "chainlink fence", "umbrella"),
    ("star", "spiral", "honeycomb", "fish", "butterfly"),
)
STARTS = ("marble", "wood grain", "cracks", "leopard spots")  # scenes whose codes the ascents start from
DEFAULTS = defaults_of("visualizers.generator_visualization", "climb_codes")
NUMBERS = {  # of the climb
    "iterations": (whole_number(1, 100_000), "steps of gradient ascent"),
    "learning_rate": (number(0, 1e6), "length of a step, the Euclidean norm over the code"),
    "code_weight": (number(0, 1e6), "weight of the code's squared norm"),
    "largest": (number(1e-3, 100), "largest size of a code's numbers, in standard deviations of the scenes' codes"),
    "max_jitter": (whole_number(0, 112), "largest random shift before each step, in pixels"),
}


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """What is asked: classes, or units of a layer."""

    only_squeezenet = "the generator was trained with SqueezeNet; for another network use classes"
    labels: tuple[str, ...] = ()  # names or numbers, or "all"; none: CLASSES
    layer: str | None = None  # whose units are excited instead of classes
    channels: tuple[int, ...] = (0, 1, 2, 3, 4)
    starts: int = 3  # of STARTS
    judge: str | None = None  # weights of a second network
    iterations: int = DEFAULTS["iterations"]
    learning_rate: float = DEFAULTS["learning_rate"]
    code_weight: float = DEFAULTS["code_weight"]
    largest: float = DEFAULTS["largest"]
    max_jitter: int = DEFAULTS["max_jitter"]

    @property
    def climb(self) -> dict[str, float]:
        """The numbers of the climb, by their names in `climb_codes`."""
        return {name: getattr(self, name) for name in NUMBERS}


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for classes, or a judge of classes, together with a layer, and for channels of none."""
    asked = Settings.of(options)
    if options.channels and not asked.layer:
        raise UsageError("channels: they are units of a layer; give --layer, or leave --channels out")
    if asked.layer and asked.labels:
        raise UsageError("labels: classes and units of a layer do not go together; give --labels or --layer")
    if asked.layer and asked.judge:
        raise UsageError("judge: it can name pictures of classes only, not of units; give --judge or --layer")
    return asked


def parser() -> Parser:
    result = make_parser(__doc__, output="generator_visualization.png", images=False, any_network=False)
    add = result.add_argument
    labels = f"class names or numbers, or all (default: {', '.join(CLASSES[0])})"
    add("--labels", nargs="+", metavar="CLASS", help=labels)
    add("--layer", metavar="NAME", help="excite units of this layer, at the centre of its map, not classes")
    channels = f"whose units (default: {' '.join(map(str, Settings.channels))})"
    add("--channels", nargs="+", type=whole_number(0), metavar="N", help=channels)
    starts = "codes to start from; the best is shown"
    add("--starts", type=whole_number(1, len(STARTS)), default=Settings.starts, metavar="N", help=starts)
    add("--judge", metavar="FILE", help="weights of a second network that says what it sees in the pictures")
    add_numbers(result, NUMBERS, DEFAULTS)
    return result
