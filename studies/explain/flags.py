"""All maps of every picture of a folder: one PNG each, with saliency, guided backprop, Grad-CAM and both at once.

Writes visualization/explained/NAME.png. Started again, it goes on where it stopped: what is there already, made from
the same picture with the same settings and weights, is not made again. A bare run makes its few pictures anew.
"""

import argparse
from dataclasses import dataclass

from core.errors import UsageError
from studies.shared.options import OUTPUT_FOLDER, Parser, is_picture_path, make_parser
from studies.shared.settings import PictureSettings
from visualizers.catalogue import SETTINGS

QUESTION = "What do four maps say of every picture of a folder?"


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: pictures, and the layer of Grad-CAM. `output` is a folder."""

    layer: str | None = None
    at_layer = True
    endings = ()  # the pictures tell the names


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError where the output is no folder."""
    if is_picture_path(options.output):
        raise UsageError(f"output: '{options.output}' has an ending; give a folder, which gets one PNG a picture")
    return Settings.of(options)


def parser() -> Parser:
    result = make_parser(__doc__, output="", writes="pictures: a folder")
    result.set_defaults(output=OUTPUT_FOLDER / "explained")
    result.add_argument("--layer", metavar="NAME", help=SETTINGS["layer"].meaning)
    return result
