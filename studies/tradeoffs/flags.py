"""What does each setting of style transfer do? A figure each: the same picture, and one setting that varies.

Writes visualization/style_tradeoffs_<figure>.png. Below each picture: its content, style and total-variation loss,
relative and unweighted, so that they can be compared across a figure.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from studies.shared import settings as shared
from studies.shared.options import Parser, is_picture_path, make_parser, whole_number
from visualizers.catalogue import constant_of, defaults_of

QUESTION = "What does each setting of style transfer do?"
STYLES_OF = {  # figure: how many styles it shows
    "weights": 1,
    "style-size": 2,
    "layers": 1,
    "start": 1,
    "blend": 2,
    "dream": 1,
    "loss": 2,
    "colour": 1,
}
CONTENT, STYLES = "harbour_town", ("swirling_night", "mosaic")
DEFAULT_LOSS = defaults_of("visualizers.style_transfer", "style_transfer")["loss"]
SMALLEST = constant_of("painting.scales", "SMALLEST_SIDE")


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """The figures asked for, the pictures, and the sizes and steps of every transfer."""

    only_squeezenet = "styles are those of SqueezeNet's layers; of another network's use inversion or deepdream"
    figure: tuple[str, ...] = ("weights",)
    content: str = CONTENT
    style: tuple[str, ...] = ()  # as many as each figure shows; none: those of STYLES
    size: int = 192
    smallest: int = 96
    iterations: int = 60

    def path_of(self, figure: str) -> Path:
        """Where a figure goes: the picture named, or into the folder named."""
        name = f"style_tradeoffs_{figure.replace('-', '_')}.png"
        return self.output if is_picture_path(self.output) else self.output / name

    @property
    def outputs(self) -> tuple[Path, ...]:
        return tuple(map(self.path_of, self.figure))


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for several figures in one file, and for more or fewer styles than a figure shows."""
    names = tuple(STYLES_OF) if "all" in options.figure else tuple(dict.fromkeys(options.figure))
    if is_picture_path(options.output) and len(names) > 1:
        raise UsageError(f"output: {len(names)} figures do not go into '{options.output}'; give a folder")
    for name in names:
        if options.style and len(options.style) != STYLES_OF[name]:
            raise UsageError(f"style: got {len(options.style)}; the figure '{name}' shows {STYLES_OF[name]}")
    return Settings.of(options, figure=names)


def parser() -> Parser:
    result = make_parser(
        __doc__, output="", writes="figures: a folder, or one .png or .jpg", images=False, any_network=False
    )
    add, side = result.add_argument, whole_number(SMALLEST, 1024)
    figures = {"nargs": "+", "choices": [*STYLES_OF, "all"], "default": ["weights"], "metavar": "NAME"}
    add("--figure", **figures, help=f"{', '.join(STYLES_OF)}, or all (default: weights)")
    add("--content", default=Settings.content, metavar="FILE", help="the picture that is painted")
    styles = f"one style or two, as the figure shows (default: {', '.join(STYLES)})"
    add("--style", nargs="+", metavar="FILE", help=styles)
    add("--size", type=side, default=Settings.size, metavar="PIXELS", help="shorter side of the pictures")
    add("--smallest", type=side, default=Settings.smallest, metavar="PIXELS", help="shorter side to begin with")
    steps = whole_number(1, 10_000)
    add("--iterations", type=steps, default=Settings.iterations, metavar="N", help="steps at each size")
    return result
