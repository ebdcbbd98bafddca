"""What does each layer still remember of a picture? Pictures rebuilt from the features of one layer alone.

Writes visualization/inversion_visualization.png: one row an image, the original at the left, then one reconstruction a
layer, from shallow to deep. Beside it a table, .md, the means over the images, and .csv, every image at every layer:
how far the reconstruction is from the picture, for the eye and for the layer, and what the network says of it.

The deepest layer starts from noise, each other one from the picture of the next deeper layer. That layer's features
were computed from this one's, so nothing comes in that these do not hold. Layers within a fire module, most of which
hold but a part, start from noise.
"""

import argparse
from dataclasses import dataclass

from studies.shared.options import Parser, make_parser, number, whole_number
from studies.shared.settings import PictureSettings
from visualizers.catalogue import defaults_of

QUESTION = "What does each layer still remember of a picture?"
LAYERS = {  # name: what it is; what follows a ReLU or a pooling, block by block
    "features.1": "conv1",
    "features.2": "pool1",
    "features.3": "fire2",
    "features.4": "fire3",
    "features.6": "fire4",
    "features.7": "fire5",
    "features.9": "fire6",
    "features.10": "fire7",
    "features.11": "fire8",
    "features.12": "fire9",
    "classifier.1": "class map",
}
DEFAULTS = defaults_of("visualizers.inversion", "invert_features")
DESCENT = {  # setting of the descent: (type, what it is)
    "iterations": (whole_number(1, 100_000), "gradients computed for each picture; the last line search may add a few"),
    "tv_weight": (number(0, 1e6), "weight of the total variation, which makes smooth"),
    "beta": (number(1, 10), "exponent of the total variation"),
    "alpha_weight": (number(0, 1e6), "weight of the alpha-norm, which keeps colours from being too strong"),
    "alpha": (number(1, 20), "exponent of the alpha-norm"),
}


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: the layers, and how each of them is inverted."""

    prefers = 128  # pixels: the side of the square crop
    layers: tuple[str, ...] = ()  # none: LAYERS, or of another network one of each resolution
    iterations: int = DEFAULTS["iterations"]
    tv_weight: float = DEFAULTS["tv_weight"]
    beta: float = DEFAULTS["beta"]
    alpha_weight: float = DEFAULTS["alpha_weight"]
    alpha: float = DEFAULTS["alpha"]
    endings = ("", ".md", ".csv")


def settings(options: argparse.Namespace) -> Settings:
    """Each field from the flag of its name."""
    return Settings.of(options)


def parser() -> Parser:
    result = make_parser(__doc__, output="inversion_visualization.png", labels="the classes whose probability is told")
    add, blocks = result.add_argument, ", ".join(f"{layer} ({name})" for layer, name in LAYERS.items())
    text = f"the layers; list: say them all (default: {blocks}; of other networks one of each resolution)"
    add("--layers", "--layer", nargs="+", metavar="NAME", help=text)
    for name, (kind, text) in DESCENT.items():
        add(f"--{name.replace('_', '-')}", type=kind, default=DEFAULTS[name], metavar="N", help=text)
    return result
