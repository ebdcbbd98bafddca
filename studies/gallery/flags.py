"""All figures of this repository as one page, in the order of the lecture, each with its question and its command.

Writes visualization/gallery.html, which needs nothing else: it can be shown without a network, or sent.
"""

import argparse
from dataclasses import dataclass

from studies.shared.options import OUTPUT_FOLDER, Parser, page_path, whole_number
from studies.shared.outputs import add_overwrite
from studies.shared.settings import Settings as CommonSettings

QUESTION = "What do all studies show, on one page?"


@dataclass(frozen=True, kw_only=True)
class Settings(CommonSettings):
    """What is asked: how wide the figures may be."""

    width: int = 1200  # pixels


def settings(options: argparse.Namespace) -> Settings:
    # No network is asked, and no chance is in it.
    unused = {name: getattr(Settings, name) for name in ("model", "weights", "classes", "device", "seed")}
    return Settings.of(options, **unused)


def parser() -> Parser:
    result = Parser(description=__doc__)
    add = result.add_argument
    add("--width", type=whole_number(200, 4000), default=Settings.width, metavar="PIXELS", help="most, of a figure")
    path = OUTPUT_FOLDER / "gallery.html"
    add("--output", type=page_path, default=path, metavar="PATH", help="where to write, .html")
    add_overwrite(result)
    return result
