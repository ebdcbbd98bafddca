"""Show every class of the embedded world: a few scenes of each, and the same with the outlines of their masks.

Writes visualization/contact_sheet.png and contact_sheet_masks.png beside it.
"""

import argparse
from dataclasses import dataclass

from studies.shared.options import OUTPUT_FOLDER, Parser, picture_path, whole_number
from studies.shared.outputs import add_overwrite
from studies.shared.settings import Settings as CommonSettings

QUESTION = "What do the 36 classes of the embedded world look like?"


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """What is asked: how large the scenes are, and how many of each class."""

    size: int = 112  # pixels: side of a scene
    per_class: int = 4
    endings = ("", "_masks")


def settings(options: argparse.Namespace) -> Settings:
    """Each field from the flag of its name; no network is asked."""
    return Settings.of(options)


def parser() -> Parser:
    result = Parser(description=__doc__)
    add = result.add_argument
    add("--size", type=whole_number(32, 1024), default=Settings.size, metavar="PIXELS", help="side of a scene")
    add("--seed", type=whole_number(0), default=Settings.seed, metavar="N", help="start of all random numbers")
    scenes = "scenes of each class"
    add("--per-class", type=whole_number(1, 20), default=Settings.per_class, metavar="N", help=scenes)
    path = OUTPUT_FOLDER / "contact_sheet.png"
    add("--output", type=picture_path, default=path, metavar="PATH", help="where to write, .png or .jpg")
    add_overwrite(result)
    return result
