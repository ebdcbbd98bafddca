"""Where does the object end? A map says roughly where it is, and GrabCut cuts it out along the edges of the image.

Writes visualization/segmentation_visualization.png: image, map, what GrabCut starts from, the mask, the cut-out; on
rendered scenes, whose masks are known, with the overlap of mask and true mask (intersection over union, IoU).
"""

import argparse
from dataclasses import dataclass

from studies.shared.options import Parser, find_technique, make_parser, number, whole_number
from studies.shared.settings import PictureSettings
from visualizers.catalogue import defaults_of

QUESTION = "Where does the object end?"
MAPS = {  # what seeds the cut: its name in the figure
    "grad-cam": "Grad-CAM",
    "guided-grad-cam": "guided Grad-CAM,\nblurred",
    "guided-backprop": "guided backprop,\nblurred",
    "integrated-gradients": "integrated gradients,\nblurred",
    "occlusion": "occlusion",
    "centre": "the centre, baseline",
}
DEFAULTS = defaults_of("visualizers.segmentation", "segment")


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: the map that seeds the cut, and GrabCut's quantiles, border and rounds."""

    at_layer = True
    technique: str = "guided-grad-cam"
    sure: float = DEFAULTS["sure"]
    probable: float = DEFAULTS["probable"]
    background: float = DEFAULTS["background"]
    border: int = DEFAULTS["border"]
    iterations: int = DEFAULTS["iterations"]


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for an unknown technique."""
    return Settings.of(options, technique=find_technique(options.technique, MAPS))


def parser() -> Parser:
    result = make_parser(__doc__, output="segmentation_visualization.png")
    add = result.add_argument
    add("--technique", default=Settings.technique, metavar="NAME", help=f"the map that seeds: {', '.join(MAPS)}")
    for flag, meaning in {
        "sure": "surely object above this quantile",
        "probable": "probably object above this quantile",
        "background": "surely background below this quantile",
    }.items():
        add(f"--{flag}", type=number(0, 1), default=DEFAULTS[flag], metavar="N", help=meaning)
    border, rounds = "frame that is surely background", "rounds of learning the colours and cutting"
    add("--border", type=whole_number(0, 100), default=DEFAULTS["border"], metavar="PIXELS", help=border)
    add("--iterations", type=whole_number(1, 100), default=DEFAULTS["iterations"], metavar="N", help=rounds)
    return result
