"""Do other networks look at the same place? One technique: pictures down, networks across.

Writes visualization/networks_visualization.png. Each column names its network, the layer that is looked at and its
weights, random ones as such; each map has the class that this network sees and how probable it finds it, and below it
how alike it is to the first network's map of the picture: their rank correlation.

A bare run takes SqueezeNet 1.1, ResNet-18 and a transformer, Swin-T; of the last two the weights that torchvision's
cache holds, else random ones.
"""

import argparse
from dataclasses import dataclass

from core.defaults import SHARED
from core.errors import UsageError
from studies.shared.network_flags import WEIGHTS
from studies.shared.options import Parser, find_technique, make_parser
from studies.shared.settings import PictureSettings
from visualizers.catalogue import TECHNIQUES

QUESTION = "Do other networks look at the same place?"
MODELS = (SHARED, "resnet18", "swin_t")  # of a bare run


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: the networks, with weights and a layer each, and the technique."""

    model: tuple[str, ...] = ()  # none: MODELS, with the weights that are there
    weights: tuple[str, ...] = ("auto",)  # of all networks, or one for each
    layer: tuple[str, ...] = ()  # of all networks, or one for each; none: the last with places
    technique: str = "grad-cam"  # a name of the catalogue


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for an unknown technique, a layer for one that has none, and lists of another length."""
    technique = find_technique(options.technique, TECHNIQUES)
    count = len(options.model or MODELS)
    for name in ("weights", "layer"):
        given = len(getattr(options, name) or ())
        if given not in (0, 1, count):
            raise UsageError(f"{name}: got {given} for {count} networks; give one, or one for each")
    if options.layer and "layer" not in TECHNIQUES[technique].settings:
        raise UsageError(f"layer: {technique} looks at no layer; leave out --layer, or choose another --technique")
    return Settings.of(options, technique=technique)


def parser() -> Parser:
    result = make_parser(__doc__, output="networks_visualization.png", weights=False, several_networks=True)
    add = result.add_argument
    result.set_defaults(model=None)
    add("--weights", nargs="+", metavar="FILE", help=f"of all networks, or one for each: {WEIGHTS} (default: auto)")
    last = "the last with places"
    add(
        "--layer",
        nargs="+",
        metavar="NAME",
        help=f"one for all networks, or one each; list: say them all (default: {last})",
    )
    names = ", ".join(TECHNIQUES)
    add("--technique", default=Settings.technique, metavar="NAME", help=f"any of {names} (default: grad-cam)")
    return result
