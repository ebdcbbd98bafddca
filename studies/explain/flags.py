"""All maps of every picture of a folder: one PNG each, with saliency, guided backprop, Grad-CAM and both at once.

Writes visualization/explained/NAME.png, and beside these explained.csv, a line a picture: what the network sees in it
and what was explained. A network without ReLUs has saliency and Grad-CAM alone. With --maps it writes each picture's
maps as numbers, too, NAME.npz. With --report it writes one page of all of them that can be sent, explained.html: the
doubtful ones first, to be filtered by class and probability.

Started again, it goes on where it stopped: what is there already, made from the same picture with the same settings and
weights, is not made again. A bare run makes its few pictures anew.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

from core.errors import UsageError
from studies.shared.options import OUTPUT_FOLDER, Parser, is_picture_path, make_parser
from studies.shared.settings import PictureSettings
from visualizers.catalogue import SETTINGS

QUESTION = "What do four maps say of every picture of a folder?"
SHARES_WORK = True  # by several processes that torchrun starts


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: pictures, and the layer of Grad-CAM. `output` is a folder."""

    layer: str | None = None  # none: the last one with places
    maps: str | None = None  # float16 or float32: as numbers, too
    report: bool = False  # one page of all pictures
    at_layer = True
    endings = ()  # the pictures tell the names

    @property
    def table(self) -> Path:
        """Where the table of all pictures goes."""
        return self.output / "explained.csv"

    @property
    def page(self) -> Path:
        """Where the page of all pictures goes."""
        return self.output / "explained.html"

    @property
    def of_all(self) -> list[Path]:
        """What is written of all pictures together."""
        return [self.table, self.table.with_suffix(".md"), *[self.page] * self.report]


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError where the output is no folder."""
    if is_picture_path(options.output):
        raise UsageError(f"output: '{options.output}' has an ending; give a folder, which gets one PNG a picture")
    return Settings.of(options)


def parser() -> Parser:
    result = make_parser(__doc__, output="", writes="pictures: a folder")
    result.set_defaults(output=OUTPUT_FOLDER / "explained")
    result.add_argument("--layer", metavar="NAME", help=SETTINGS["layer"].meaning)
    types = ("float16", "float32")
    text = "write the maps as numbers, too, a compressed .npz a picture (float16 if no type is given)"
    result.add_argument("--maps", nargs="?", const=types[0], choices=types, help=text)
    result.add_argument("--report", action="store_true", help="write one page of all pictures, explained.html")
    return result
