"""Does one change fool the network on every image? One perturbation, added to any of them, changes what it sees.

It is learned on some images and judged on others, beside random noise of the same norm. Without --images it learns on
rendered scenes where the network knows them, else on crops of the default photographs, the last two held out.

Writes visualization/universal_perturbation.png: the perturbation magnified, the fooling rate against the number of
images that it was learned on, and six held-out images without and with it. The perturbation itself is kept beside it,
as ..._v.png, level 128 meaning no change; --perturbation FILE judges such a file again, on other images or networks.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from studies.shared import settings as shared
from studies.shared.network_flags import add_size
from studies.shared.options import Parser, make_parser, number, whole_number
from studies.shared.uses import Choice
from visualizers.catalogue import defaults_of

QUESTION = "Does one change fool the network on every image?"
BOUNDS = {"scenes": 16, "crops": 10}  # grey levels; the scenes' network was trained on noisy pictures: it needs more
TILES = {"scenes": 112, "crops": 56}  # pixels: of a few tried on the held-out images of seed 0, the best
METHODS = ("ascent", "deepfool")
DEFAULTS = defaults_of("visualizers.universal_perturbation", "universal_perturbation")
LEARNED = "a run without --perturbation"
CHOICES = (
    Choice("method", {"ascent": ("iterations", "tile"), "deepfool": ("passes",)}),
    # --count is looked at with a perturbation, too: the crops held out are drawn after those to learn on.
    Choice("perturbation", {"--perturbation": (), LEARNED: ("method", "iterations", "tile", "passes")}),
)


@dataclass(frozen=True, kw_only=True)
class Settings(shared.SizedSettings):
    """What is asked: the images, how far the perturbation may go, and how it is learned."""

    images: tuple[str, ...] = ()  # the last third is held out; none: scenes, or the default photographs
    bound: float | None = None  # grey levels of 255, how far a pixel may move; None: that of BOUNDS, unless l2 is given
    l2: float | None = None  # Euclidean norm instead, white being 1
    method: str = "ascent"
    tile: int | None = None  # pixels: the side of the square that is repeated; 0: nothing is; None: that of TILES
    iterations: int = DEFAULTS["steps"]  # of the ascent
    passes: int = 1  # of deepfool over the images, at most
    count: int = 288  # images to learn on
    held: int = 144  # images held out
    transfer: tuple[str, ...] = ()  # other networks that it is judged on
    perturbation: Path | None = None  # a file that is judged; nothing is learned

    @property
    def endings(self) -> tuple[str, ...]:
        return ("", "_v.png") if self.perturbation is None else ("",)

    @property
    def norm(self) -> str:
        """In which norm the perturbation is bounded."""
        return "linf" if self.l2 is None else "l2"

    @property
    def bounds(self) -> dict[str, float]:
        """The bound in RGB where white is 1, as the techniques take it."""
        return {"linf": self.bound / 255} if self.l2 is None else {"l2": self.l2}

    @property
    def bound_text(self) -> str:
        """ "at most 16/255" or "L2 4"."""
        return f"at most {self.bound:g}/255" if self.l2 is None else f"L2 {self.l2:g}"


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for two bounds, and for what the method has not, or a perturbation that is there already."""
    if options.bound is not None and options.l2 is not None:
        raise UsageError("bound, l2: give one of the two")
    methods, sources = CHOICES
    sources.refuse_ignored(options.given, ["--perturbation" if options.perturbation else LEARNED])
    methods.refuse_ignored(options.given, [options.method])
    return Settings.of(options)


def parser() -> Parser:
    result = make_parser(__doc__, output="universal_perturbation.png", images=False)
    add = result.add_argument
    add("--images", nargs="+", metavar="PATH", help="files or folders; the last third of the pictures is held out")
    add_size(result, "side of the squares")
    levels = f"largest change of a pixel, in 1/255 (default: {BOUNDS['scenes']} scenes, {BOUNDS['crops']} photographs)"
    add("--bound", type=number(1, 127), metavar="LEVELS", help=levels)
    add("--l2", type=number(0.01, 1000), metavar="N", help="largest Euclidean norm instead, white being 1")
    meaning = "deepfool: the paper's, one image at a time"
    add("--method", choices=METHODS, default=Settings.method, help=meaning)
    sides = f"default: {TILES['scenes']} scenes, {TILES['crops']} photographs"
    meaning = f"side of the square that is repeated, in pixels; 0: nothing is ({sides})"
    add("--tile", type=whole_number(0, 1024), metavar="N", help=meaning)
    steps = "steps of the ascent"
    add("--iterations", type=whole_number(1, 100_000), default=Settings.iterations, metavar="N", help=steps)
    passes = "deepfool: over the images, at most"
    add("--passes", type=whole_number(1, 1000), default=Settings.passes, metavar="N", help=passes)
    learned, held = "scenes or crops to learn on", "held-out scenes or crops"
    add("--count", type=whole_number(1, 100_000), default=Settings.count, metavar="N", help=learned)
    add("--held", type=whole_number(6, 100_000), default=Settings.held, metavar="N", help=held)
    others = "judge on these networks too: weights of SqueezeNet, or names as --model takes them"
    add("--transfer", nargs="+", metavar="NET", help=others)
    meaning = "judge this one, ..._v.png, and learn nothing; its norm is the bound"
    add("--perturbation", type=Path, metavar="FILE", help=meaning)
    return result
