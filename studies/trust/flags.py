"""May I believe the map? Sanity checks, deletion and insertion, stability and localisation of every technique.

Writes visualization/trust_visualization.png, one image's maps while the network is randomised from the top, and
beside it _similarity.png (how alike old and new maps are, over the blocks), _curves.png (deletion and insertion of
that image) and the table, _table.png, .csv and .md.

Scores are kept in visualization/trust_cache/: an interrupted run goes on where it stopped.
"""

import argparse
from dataclasses import dataclass

from core.defaults import SHARED
from core.errors import UsageError
from studies.shared.options import Parser, find_techniques, make_parser, number, whole_number
from studies.shared.settings import PictureSettings
from visualizers.catalogue import TECHNIQUES, defaults_of

QUESTION = "May I believe the map?"
SHARES_WORK = True  # by several processes that torchrun starts
QUICK = tuple(name for name, technique in TECHNIQUES.items() if not technique.slow)
SLOW = tuple(name for name, technique in TECHNIQUES.items() if technique.slow)
DEFAULTS = defaults_of("measures.scorecard", "score_maps")


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: the techniques, the scenes if scenes are meant, and how thoroughly each map is checked."""

    at_layer = True
    techniques: tuple[str, ...] = QUICK  # names of the catalogue
    scenes: int = 0  # 0: the pictures named, the photographs, or a few scenes where the network knows nothing else
    checked: int = 24  # so many images with each block random; slow techniques with random networks at all
    draws: int = DEFAULTS["draws"]
    stages: int = DEFAULTS["stages"]
    noise: float = DEFAULTS["noise"]
    random_labels: str | None = None  # weights of a network trained on shuffled labels
    endings = ("", "_similarity", "_curves", "_table", "_table.md", "_table.csv")


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for an unknown technique, and for scenes together with pictures or labels."""
    techniques = find_techniques(options.technique, TECHNIQUES) if options.technique else QUICK
    if options.scenes and options.images:
        raise UsageError("scenes: give either --scenes or --images, not both")
    if options.scenes and options.labels:
        raise UsageError("labels: scenes are explained for their own class; leave out --labels")
    embedded = options.scenes and (options.model, options.weights) == (SHARED, "auto")
    weights = "patterns" if embedded else options.weights
    return Settings.of(options, techniques=techniques, weights=weights)


def parser() -> Parser:
    result = make_parser(__doc__, output="trust_visualization.png")
    add = result.add_argument
    meaning = (
        f"all, or any of {', '.join(TECHNIQUES)} (default: all but {', '.join(SLOW)}, which take minutes an image); "
        "the controls are always there"
    )
    add("--technique", nargs="+", metavar="NAME", help=meaning)
    meaning = "score the maps of N rendered scenes with the embedded network instead of photographs"
    add("--scenes", type=whole_number(0, 1_000_000), default=0, metavar="N", help=meaning)
    meaning = (
        "images to check with each block random, which takes longest (and slow techniques with random networks and "
        "noise at all); rounded up to eights"
    )
    add("--checked", type=whole_number(1, 1_000_000), default=Settings.checked, metavar="N", help=meaning)
    add("--draws", type=whole_number(1, 1000), default=Settings.draws, metavar="N", help="random networks of each kind")
    meaning = "stages of deletion and insertion: equal shares of the pixels"
    add("--stages", type=whole_number(1, 50_000), default=Settings.stages, metavar="N", help=meaning)
    meaning = "standard deviation of the noise for stability, in normalised units"
    add("--noise", type=number(0, 10), default=Settings.noise, metavar="N", help=meaning)
    meaning = "weights of a network trained on shuffled labels: compare its maps, too"
    add("--random-labels", metavar="FILE", help=meaning)
    return result
