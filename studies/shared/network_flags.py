"""The flags that say which network is asked, and how large the pictures are that it sees."""

import argparse

from core.defaults import SHARED, SIDE
from studies.shared.bounds import whole_number

WEIGHTS_OF_SQUEEZENET = "auto, imagenet, patterns, or a .pth, .pt or .safetensors file"
WEIGHTS = "auto (the network's own), random, or a .pth, .pt or .safetensors file; of SqueezeNet also imagenet, patterns"
MODEL = "the network: torchvision's name, e.g. resnet50, timm:NAME, or package.module:function of your own"


def add_network(parser: argparse.ArgumentParser, *, any_network: bool, several: bool, weights: bool) -> None:
    """--model, --weights where `weights`, and --classes where it may be any network, else the settings refuse another
    one than SqueezeNet. several: --model may name some, to be compared.
    """
    add = parser.add_argument
    if several:
        add("--model", nargs="+", metavar="NAME", help=f"{MODEL}; several are compared")
    else:
        text = MODEL if any_network else "this study needs SqueezeNet's form"
        add("--model", default=SHARED, metavar="NAME", help=text)
    if weights:
        text = WEIGHTS if any_network else WEIGHTS_OF_SQUEEZENET
        add("--weights", default="auto", metavar="FILE", help=text)
    if any_network:
        text = "the names of its classes: a file, one a line or a JSON list; or imagenet (default: the weights' own)"
        add("--classes", metavar="FILE", help=text)


def add_size(parser: argparse.ArgumentParser, meaning: str) -> None:
    """--size, of a study that shows a network squares of the side that it is made for."""
    text = f"{meaning} (default: the network's, {SIDE} for most)"
    parser.add_argument("--size", type=whole_number(64, 1024), metavar="PIXELS", help=text)
