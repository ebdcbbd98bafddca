"""Pictures painted in a style by one forward pass of a small network that has learned to paint.

Bare, it paints four pictures of its own in every style of the network that comes with the repository, as one sheet,
visualization/fast_style_transfer.png. One picture in one style is written by itself, in its own shape; with a folder as
--output every picture goes into a file of its own. A .gif stays an animation there, and where --output ends in .gif;
else its first frame is painted.

`python -m training styles` teaches a network the styles of your pictures: visualization/fast_styles.safetensors, for
--network.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from core.defaults import ROOT
from core.errors import UsageError
from studies.shared.options import PICTURE_SUFFIXES, Parser, make_parser, number, whole_number
from studies.shared.settings import Settings as CommonSettings
from visualizers.catalogue import constant_of

QUESTION = "What would this picture look like in that style, at once?"
NETWORK = ROOT / "weights" / "fast_styles.safetensors"
SHOWN = ("china", "motorcycle", "harbour_town", "mountain_lake")
SHEET_SIZE = 448  # of the shorter side, in pixels
SMALLEST = constant_of("visualizers.fast_style_transfer", "SMALLEST_SIDE")


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """What is asked: the network that paints, pictures, styles, and one blend of these or several."""

    only_squeezenet = "the network that paints was trained with SqueezeNet; give another one that does by --network"
    network: Path = NETWORK
    images: tuple[str, ...] = ()  # files, folders, names of default photographs; none: SHOWN
    style: tuple[str, ...] = ()  # names of the network's styles; none: all
    blend: tuple[float, ...] = ()  # a weight for each style; none: each style by itself
    blends: int = 0  # so many blends from one style to another
    size: int | None = None  # pixels: the shorter side of the result; None: the picture's own, on a sheet SHEET_SIZE

    @property
    def endings(self) -> tuple[str, ...]:
        return ("",) if self.output.suffix else ()  # in a folder, the pictures and styles tell the names


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError where one blend and several are asked for."""
    if options.blend and options.blends:
        raise UsageError("blend: --blend is one blend and --blends are several; give one of them")
    return Settings.of(options, weights="")  # the shared network has no part in it


def parser() -> Parser:
    result = make_parser(
        __doc__,
        output="fast_style_transfer.png",
        writes="sheet, the painted picture or .gif, or a folder for them",
        images=False,
        weights=False,
        any_network=False,
        endings=(*PICTURE_SUFFIXES, ".gif", ""),
    )
    add = result.add_argument
    add("--images", nargs="+", metavar="PATH", help=f"files, folders, photographs (default: {', '.join(SHOWN)})")
    add("--style", nargs="+", metavar="NAME", help="styles of the network (default: all it knows)")
    add("--blend", nargs="+", type=number(0, 1e6), metavar="W", help="paint one blend: a weight for each style")
    several = "paint N blends from one --style to the other"
    add("--blends", type=whole_number(2, 12), metavar="N", help=several)
    sizes = f"shorter side of the result (default: the picture's own; on a sheet {SHEET_SIZE})"
    add("--size", type=whole_number(SMALLEST, 8192), metavar="PIXELS", help=sizes)
    network = "what `python -m training styles` wrote (default: the one that is here)"
    add("--network", type=Path, default=NETWORK, metavar="FILE", help=network)
    return result
