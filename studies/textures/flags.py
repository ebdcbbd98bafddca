"""How much of a texture do Gram matrices hold? A texture made anew from those of more and more layers, from noise.

Writes visualization/texture_synthesis.png: one row a texture, the sample at the left, then what is made of the Gram
matrices of one layer, of two, three and four, and last the classical way, which knows no network: pixel by pixel, each
a copy of one of the sample's. Above each stands how far its Gram matrices are from the sample's.

With --size, larger than the sample, it continues the sample: all layers and the classical way alone.
"""

import argparse
from dataclasses import dataclass

from core.errors import UsageError
from studies.shared import settings as shared
from studies.shared.options import Parser, make_parser, number, whole_number
from visualizers.catalogue import constant_of, defaults_of

QUESTION = "How much of a texture do Gram matrices hold?"
SIDE = 128  # of a sample, in pixels
RENDERED = {  # textures of the embedded world: how much of a frame the sample shows
    "scales": 0.4,
    "cracks": 0.4,
    "bricks": 0.5,
    "weave": 0.45,
    "honeycomb": 0.4,
    "leopard spots": 0.4,
}
PHOTOGRAPHED = ("brick", "grass", "gravel")  # they come with scikit-image
PAINTED = {"mosaic": ("mosaic", 640, 450, 190), "brush strokes": ("blood_sunset", 60, 20, 300)}  # left, top, side
TEXTURES = ("scales", "cracks", "mosaic", *PHOTOGRAPHED)
NAMES = (*RENDERED, *PAINTED, *PHOTOGRAPHED)
SMALLEST = constant_of("painting.scales", "SMALLEST_SIDE")
NEURAL = defaults_of("visualizers.texture_synthesis", "synthesize_texture")
CLASSICAL = defaults_of("visualizers.texture_sampling", "sample_texture")


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """The samples, and the settings of both ways."""

    only_squeezenet = "textures are those of SqueezeNet's layers; of another network's use inversion or deepdream"
    images: tuple[str, ...] = TEXTURES  # names of textures, files, folders
    sample_size: int = SIDE  # pixels
    size: int = SIDE  # pixels: the side of the results
    iterations: int = NEURAL["iterations"]
    scales: int = NEURAL["scales"]
    tv_weight: float = NEURAL["tv_weight"]
    window: int = CLASSICAL["window"]
    tolerance: float = CLASSICAL["tolerance"]


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for a window that the sampling cannot use: before the work, not after it."""
    if options.window % 2 == 0 or options.window > options.sample_size:
        most = f"{options.sample_size}, the sample's side"
        raise UsageError(f"window: {options.window} pixels; allowed are odd numbers from 3 to {most}")
    return Settings.of(options, size=options.size or options.sample_size)


def parser() -> Parser:
    result = make_parser(__doc__, output="texture_synthesis.png", images=False, any_network=False)
    add = result.add_argument
    names = f"files, folders, or any of {', '.join(NAMES)} (default: {', '.join(TEXTURES)})"
    add("--images", nargs="+", metavar="PATH", help=names)
    side = whole_number(SMALLEST, 512)
    add("--sample-size", type=side, default=SIDE, metavar="PIXELS", help="side of the samples")
    size = "side of the results (default: the sample's); if larger, two each"
    add("--size", type=whole_number(SMALLEST, 2048), metavar="PIXELS", help=size)
    window = "side of the neighbourhood that the classical way compares, odd, in pixels"
    tolerance = "how much worse than the best a window may be there and still be drawn"
    for name, kind, words in (
        ("iterations", whole_number(1, 100_000), "steps of the descent at each scale"),
        ("scales", whole_number(1, 10), "sizes from coarse to fine, each sqrt(2) larger"),
        ("tv_weight", number(0, 1e6), "weight of the total variation against the style loss"),
        ("window", whole_number(3, 99), window),
        ("tolerance", number(0, 10), tolerance),
    ):
        default = getattr(Settings, name)
        add(f"--{name.replace('_', '-')}", type=kind, default=default, metavar="N", help=words)
    return result
