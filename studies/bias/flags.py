"""Does it look at the thing, or at what is behind it? A hidden bias, planted on purpose, and found by looking at maps.

The story of the husky and the wolf (Ribeiro et al., 2016), with our own scenes: two networks learn to tell two
classes apart. For the biased one each class always has its own kind of background, for the unbiased one the background
says nothing. Both name new scenes well. The maps show what the biased one looks at, and the same objects before
swapped backgrounds show what that costs.

The networks are small (SqueezeNet 1.1) and trained here from nothing, in about a minute each; they are kept in
visualization/, under names that change with the settings, so that a second run takes seconds. Training on from the
embedded network plants no bias (training/biased.py has the numbers): it knows these objects before any background.

Writes visualization/bias_visualization.png.
"""

import argparse
from dataclasses import dataclass

from studies.shared import settings as shared
from studies.shared.options import Parser, make_parser, whole_number
from visualizers.catalogue import defaults_of

QUESTION = "Does it look at the thing, or at what is behind it?"
LEAST_SCENES = 20  # fewer tell nothing
DEFAULTS = defaults_of("training.biased", "make_recipe")


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """What is asked: two classes, the background of each, and how the networks are trained and tested."""

    only_squeezenet = "it trains its two networks itself; to see where another one looks, use explain or segmentation"
    labels: tuple[str, ...] = ("star", "sun")  # two names or numbers
    backgrounds: tuple[str, ...] = ("dead leaves", "clouds")
    scenes: int = 200  # test scenes of each arrangement
    iterations: int = DEFAULTS["steps"]  # of either training
    size: int = DEFAULTS["size"]  # pixels: the side of the scenes
    fresh: bool = False  # train again even if there are trained networks


def settings(options: argparse.Namespace) -> Settings:
    """Each field from the flag of its name; there is none for weights, since both networks are trained here."""
    return Settings.of(options)


def parser() -> Parser:
    result = make_parser(__doc__, output="bias_visualization.png", images=False, weights=False, any_network=False)
    add = result.add_argument
    labels, kinds, count = list(Settings.labels), list(Settings.backgrounds), whole_number(1, 100_000)
    add("--labels", nargs=2, default=labels, metavar="CLASS", help="two classes (default: star sun)")
    meaning = "the kind of background that goes with either (default: 'dead leaves' clouds)"
    add("--backgrounds", nargs=2, default=kinds, metavar="KIND", help=meaning)
    scenes, meaning = whole_number(LEAST_SCENES, 100_000), "test scenes of each sort"
    add("--scenes", type=scenes, default=Settings.scenes, metavar="N", help=meaning)
    add("--iterations", type=count, default=Settings.iterations, metavar="N", help="of either training")
    add("--size", type=whole_number(64, 1024), default=Settings.size, metavar="PIXELS", help="side of the scenes")
    add("--fresh", action="store_true", help="train again even if there are trained networks")
    return result
