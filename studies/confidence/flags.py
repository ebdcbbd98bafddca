"""Does the network know that it does not know? Its confidence in pictures it knows, and in others.

Writes visualization/confidence_visualization.png: for each network a reliability diagram with the expected calibration
error, the confidence and the entropy of its answers for pictures of its own world, for fooled ones (PGD), for noise
and for pictures of another world, how well confidence tells these apart, and the nonsense it is surest of; beside it
the table as .md and .csv.

The world of the networks trained here is the rendered scenes, another one the photographs; for ImageNet weights it is
the other way round, and since nobody has labelled the crops of the photographs, there is no calibration error.
"""

import argparse
from dataclasses import dataclass

from core.defaults import PHOTOGRAPHS
from studies.shared import settings as shared
from studies.shared.options import Parser, make_parser, number, whole_number
from visualizers.catalogue import constant_of

QUESTION = "Does the network know that it does not know?"
# The last one is made for certified defence alone.
NETWORKS: tuple[str, ...] = constant_of("studies.shared.networks", "NETWORKS")[:3]
SMALL, LARGE = 96, 224  # side of the pictures: where the networks know the scenes, and elsewhere


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """What is asked: the networks, the pictures of each kind, and the attack."""

    only_squeezenet = "it compares SqueezeNets that were trained on scenes; for another network use fooling or trust"
    weights: tuple[str, ...] = NETWORKS
    images: tuple[str, ...] = ()  # photographs to cut crops from; none: the default ones
    size: int | None = None  # pixels: the side of the pictures; None: SMALL or LARGE
    pictures: int = 108  # of each kind
    scenes: int = 720  # for the calibration, and as many to fit the temperature
    bound: float = 4.0  # grey levels of 255, how far the attack may move a pixel
    iterations: int = 20  # of the attack
    endings = ("", ".md", ".csv")


def settings(options: argparse.Namespace) -> Settings:
    """Each field from the flag of its name."""
    return Settings.of(options)


def parser() -> Parser:
    result = make_parser(__doc__, output="confidence_visualization.png", images=False, weights=False, any_network=False)
    add = result.add_argument
    words = "one or several, as in other studies (default: the plain network, the embedded one, the robust one)"
    add("--weights", nargs="+", default=list(Settings.weights), metavar="FILE", help=words)
    named = f"files, folders, or any of {', '.join(PHOTOGRAPHS)}, to cut crops from (default: these five)"
    add("--images", nargs="+", metavar="PATH", help=named)
    words = f"side of the pictures (default: {SMALL} for networks that know the scenes, else {LARGE})"
    add("--size", type=whole_number(64, 1024), metavar="PIXELS", help=words)
    add("--pictures", type=whole_number(2, 100_000), default=Settings.pictures, metavar="N", help="of each kind")
    words = "for the calibration, and as many to fit the temperature"
    add("--scenes", type=whole_number(2, 100_000), default=Settings.scenes, metavar="N", help=words)
    words = "the attack's largest change of a pixel, in 1/255"
    add("--bound", type=number(0.1, 64), default=Settings.bound, metavar="LEVELS", help=words)
    steps = Settings.iterations
    add("--iterations", type=whole_number(1, 10_000), default=steps, metavar="N", help="of the attack")
    return result
