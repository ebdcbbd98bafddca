"""What does a layer see in a picture? DeepDream: what it saw faintly is made stronger, again and again.

Writes visualization/deepdream.png: the picture beside its dreams, one for each layer, from strokes to parts of objects.
With --zoom it goes deeper into one dream, frame by frame, and writes visualization/deepdream.gif.
"""

import argparse
from dataclasses import dataclass
from typing import NamedTuple

from core.defaults import ROOT
from core.errors import UsageError
from studies.shared.options import PICTURE_SUFFIXES, Parser, check_output, make_parser, number, whole_number
from studies.shared.settings import Settings as SharedSettings
from studies.shared.uses import Choice
from visualizers.catalogue import constant_of, defaults_of

QUESTION = "What does a layer see in a picture?"
PICTURE = ROOT / "images" / "content" / "mountain_lake.jpg"
LAYERS = ("features.4", "features.7", "features.9", "features.11", "features.12")
RICHEST = "features.11"  # where one layer has to do
SIZE, ZOOM_SIZE = 512, 288  # of the shorter side, in pixels
MOST_BYTES = 8_000_000  # of a GIF
DEFAULTS = defaults_of("visualizers.deepdream", "deepdream")
# Less for a frame, since each goes on with the dream of the one before.
ZOOM = {"octaves": 3, "iterations": 3, "step": 0.01}
ASCENT = {  # setting of the ascent: (type, what it is)
    "octaves": (whole_number(1, 20), "sizes at which it dreams, each carried over to the next"),
    "ratio": (number(1, 4), "of one octave's size to the one before"),
    "iterations": (whole_number(1, 10_000), "steps at each octave"),
    "step": (number(0, 10), "mean change of a value at each step, in the network's units"),
    "smoothing": (number(0, 20), "standard deviation of the gradient's blur, in pixels"),
    "jitter": (whole_number(0, 512), "largest random shift before each step, in pixels"),
    "tile": (
        whole_number(constant_of("core.tiles", "SMALLEST_TILE"), 4096),
        "side of a large picture's tiles, in pixels",
    ),
}

STILL = "a run without --zoom"
CHOICES = (Choice("zoom", {"--zoom": (), STILL: ("alone",)}),)  # of one dream, a GIF or the picture


class Job(NamedTuple):
    """What a dream makes stronger."""

    layer: str
    channel: int | None  # all of the layer, if None

    @property
    def channels(self) -> list[int] | None:
        """As the technique takes it."""
        return None if self.channel is None else [self.channel]


@dataclass(frozen=True, kw_only=True)
class Settings(SharedSettings):
    """What is asked. What is None or empty depends on --zoom and --alone: `ascent`, `side` and `jobs` tell it."""

    images: tuple[str, ...] = ()  # files, folders, names of default photographs; none: a mountain lake
    size: int | None = None  # pixels: the shorter side of the dream
    layer: tuple[str, ...] = ()
    channel: tuple[int, ...] = ()
    guide: str | None = None  # a picture whose forms the dream takes on
    alone: bool = False  # one dream by itself, in its full size
    zoom: int | None = None  # frames of a GIF
    octaves: int | None = None
    ratio: float | None = None
    iterations: int | None = None
    step: float | None = None
    smoothing: float | None = None
    jitter: int | None = None
    tile: int | None = None

    @property
    def ascent(self) -> dict[str, float]:
        """The settings of each dream, keyword arguments of `visualizers.deepdream.deepdream`."""
        given = {name: getattr(self, name) for name in ASCENT if getattr(self, name) is not None}
        return {name: (DEFAULTS | (ZOOM if self.zoom else {}) | given)[name] for name in ASCENT}

    @property
    def side(self) -> int:
        """The shorter side of the dream, in pixels."""
        return self.size or (ZOOM_SIZE if self.zoom else SIZE)

    @property
    def jobs(self) -> list[Job]:
        """The dreams of each picture."""
        layers = self.layer or ((RICHEST,) if self.zoom or self.alone else LAYERS)
        return [Job(layer, channel) for layer in layers for channel in self.channel or (None,)]


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for a file that is an animation's without --zoom, and for --alone with it."""
    CHOICES[0].refuse_ignored(options.given, ["--zoom" if options.zoom else STILL])
    output = options.output
    if options.zoom:
        output = output.with_suffix(".gif")
        check_output(output)
    elif output.suffix.lower() == ".gif":
        raise UsageError(f"output: '{output}' is for an animation; give --zoom FRAMES, or a .png or .jpg")
    return Settings.of(options, output=output)


def parser() -> Parser:
    what = "sheet, .png or .jpg, or animation, .gif"
    result = make_parser(
        __doc__, output="deepdream.png", writes=what, images=False, endings=(*PICTURE_SUFFIXES, ".gif")
    )
    add = result.add_argument
    add("--images", nargs="+", metavar="PATH", help="files, folders or default photographs (default: a mountain lake)")
    text = f"shorter side of the dream (default: {SIZE}, {ZOOM_SIZE} for --zoom)"
    add("--size", type=whole_number(64, 4096), metavar="PIXELS", help=text)
    own = f"{', '.join(LAYERS)}, where there is one {RICHEST}; of other networks one of each resolution"
    text = f"layers to dream with, a panel each; list: say them all (default: {own})"
    add("--layer", "--layers", nargs="+", metavar="NAME", help=text)
    text = "channels of the layers, a panel each (default: all)"
    add("--channel", type=whole_number(0), nargs="+", metavar="N", help=text)
    add("--guide", metavar="PATH", help="a picture whose forms the dream takes on")
    add("--alone", action="store_true", help="write one dream by itself, in its full size")
    text = f"write a GIF of so many frames, each a little further in, at most {MOST_BYTES // 10**6} MB"
    add("--zoom", type=whole_number(1, 1000), metavar="FRAMES", help=text)
    for name, (kind, meaning) in ASCENT.items():
        instead = f", {ZOOM[name]} for --zoom" if name in ZOOM else ""
        add(f"--{name}", type=kind, metavar="N", help=f"{meaning} (default: {DEFAULTS[name]}{instead})")
    return result
