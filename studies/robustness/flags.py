"""Can a network be trained so that it is not fooled? A robust network beside the same one trained without attacks.

Writes four pictures, one for each question. visualization/robustness_visualization.png: how often is each network right
under attack? The table, and accuracy against the size of the attack and its steps, on scenes that no network was
trained on. Beside it _certified.png: within which radius is the answer proved, by randomised smoothing? _maps.png:
where does each look, by its saliency maps? _classes.png: what does each hold most typical of a class? The table is kept
as .md and .csv, too.

Robust accuracy is what 'visualizers.pgd' leaves; saliency is scored by the objects' exact masks.
"""

import argparse
from dataclasses import dataclass

from studies.shared import settings as shared
from studies.shared.options import Parser, make_parser, number, whole_number
from visualizers.catalogue import constant_of, defaults_of

QUESTION = "Can a network be trained so that it is not fooled?"
NETWORKS: tuple[str, ...] = constant_of("studies.shared.networks", "NETWORKS")
SMOOTHING = defaults_of("visualizers.randomised_smoothing", "certify")


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """What is asked: the networks, the scenes, the attacks, the proof, and how long a class picture is climbed."""

    only_squeezenet = (
        "it compares SqueezeNets that were trained on scenes; for another network use fooling or universal"
    )
    weights: tuple[str, ...] = NETWORKS
    scenes: int = 72  # held-out scenes to attack
    size: int = 96  # pixels: the side of the scenes
    bound: float = 4.0  # grey levels of 255, how far the attack may move a pixel
    l2: float = 0.5  # Euclidean length of the other attack, RGB with white 1
    iterations: int = 20  # of the attack
    restarts: int = 1  # random starts of the attack
    certified: int = 24  # scenes to certify
    sigma: float = SMOOTHING["sigma"]  # of the smoothing noise, RGB with white 1
    draws: int = 150  # noisy copies of each scene
    alpha: float = SMOOTHING["alpha"]  # risk of a wrong proof
    class_iterations: int = 128  # of each class picture
    endings = ("", "_certified", "_maps", "_classes", ".md", ".csv")


def settings(options: argparse.Namespace) -> Settings:
    """Each field from the flag of its name."""
    return Settings.of(options)


def parser() -> Parser:
    result = make_parser(__doc__, output="robustness_visualization.png", images=False, weights=False, any_network=False)
    add = result.add_argument
    words = "networks of the scenes' classes (default: plain, embedded, robust, and one trained with noise)"
    add("--weights", nargs="+", default=list(Settings.weights), metavar="FILE", help=words)
    pixels, levels = "side of the scenes", "the attack's largest change of a pixel, in 1/255"
    add("--size", type=whole_number(64, 1024), default=Settings.size, metavar="PIXELS", help=pixels)
    add("--bound", type=number(0.1, 64), default=Settings.bound, metavar="LEVELS", help=levels)
    for flag, kind, meaning in (
        ("scenes", whole_number(1, 100_000), "held-out scenes to attack"),
        ("l2", number(0.01, 100), "the L2 attack's length, RGB with white 1"),
        ("iterations", whole_number(1, 10_000), "of the attack"),
        ("restarts", whole_number(1, 1000), "random starts of the attack"),
        ("certified", whole_number(1, 100_000), "scenes to certify"),
        ("sigma", number(0.001, 2), "noise, RGB with white 1"),
        ("draws", whole_number(2, 10**7), "noisy copies of each scene"),
        ("alpha", number(1e-9, 0.5), "risk of a wrong proof"),
        ("class-iterations", whole_number(1, 100_000), "of each class picture"),
    ):
        default = getattr(Settings, flag.replace("-", "_"))
        add(f"--{flag}", type=kind, default=default, metavar="N", help=meaning)
    return result
