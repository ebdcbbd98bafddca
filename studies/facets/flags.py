"""Which looks does the network see in one class? Its images sorted into facets, and a picture climbed for each.

Writes visualization/facet_visualization.png: for each facet the images nearest to its centre, their mean, and the
picture climbed from that mean. With --images, give many pictures of one class. Without, scenes are rendered whose kinds
are known, for the embedded network unless --weights says otherwise, and it is told how well the facets match the kinds.
"""

import argparse
from dataclasses import dataclass

from core.errors import UsageError
from studies.shared.network_flags import add_size
from studies.shared.number_flags import add_numbers
from studies.shared.options import Parser, make_parser, number, whole_number
from studies.shared.settings import PictureSettings
from studies.shared.uses import Choice
from visualizers.catalogue import constant_of, defaults_of

QUESTION = "Which looks does the network see in one class?"
CLASSES = ("star", "tree", "spiral")  # of scenes
LAYERS = constant_of("visualizers.facets", "LAYERS")
DEFAULTS = defaults_of("visualizers.facet_visualization", "facet_visualization")
NUMBERS = {  # of the climb
    "iterations": (whole_number(1, 100_000), "steps of gradient ascent"),
    "facet_weight": (number(0, 1e6), "how much the facet's features count beside the class's score; the paper has 0"),
    "learning_rate": (number(0, 1e6), "length of a step, the Euclidean norm over the picture"),
    "l2_reg": (number(0, 1e6), "weight of the picture's squared norm"),
    "blur_every": (whole_number(0), "iterations between two blurs, 0 for none"),
}

RENDERED = "a run without --images"
CHOICES = (Choice("images", {"--images": (), RENDERED: ("scenes",)}),)


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked. `images` are pictures of one class, none: rendered scenes of `labels`, or of CLASSES."""

    scenes: int = 160  # of each class
    facets: int | None = None  # None: as many as the silhouette finds best
    layers: tuple[str, ...] = ()  # none: LAYERS, or of another network its three coarsest resolutions
    nearest: int = constant_of("visualizers.facets", "NEAREST")
    iterations: int = DEFAULTS["iterations"]
    facet_weight: float = DEFAULTS["facet_weight"]
    learning_rate: float = DEFAULTS["learning_rate"]
    l2_reg: float = DEFAULTS["l2_reg"]
    blur_every: int = DEFAULTS["blur_every"]

    @property
    def climb(self) -> dict[str, float]:
        """The numbers of the climb, by their names in `facet_visualization`."""
        return {name: getattr(self, name) for name in NUMBERS}


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for several classes of one folder, and for a number of scenes where there are none."""
    asked = Settings.of(options)
    CHOICES[0].refuse_ignored(options.given, ["--images" if asked.images else RENDERED])
    if asked.images and len(asked.labels) > 1:
        raise UsageError(f"labels: {len(asked.labels)} classes for --images; give one, all pictures are of one class")
    return asked


def parser() -> Parser:
    result = make_parser(__doc__, output="facet_visualization.png", images=False)
    add = result.add_argument
    pictures = "pictures of one class, a folder or files (default: rendered scenes)"
    add("--images", nargs="+", metavar="PATH", help=pictures)
    one = "one, by name or number, for --images (default: the one predicted most often)"
    labels = f"the class: {one}; any for scenes (default: {', '.join(CLASSES)})"
    add("--labels", nargs="+", metavar="CLASS", help=labels)
    scenes = "rendered scenes of each class"
    add("--scenes", type=whole_number(4, 100_000), default=Settings.scenes, metavar="N", help=scenes)
    add_size(result, "side of the pictures")
    add("--facets", type=whole_number(2, 20), metavar="N", help="how many facets (default: the best by silhouette)")
    which = f"default: {' '.join(LAYERS)}; of other networks one of each resolution"
    layers = f"whose features tell the facets apart; list: say them all ({which})"
    add("--layers", "--layer", nargs="+", metavar="NAME", help=layers)
    mean = "images in the mean of a facet"
    add("--nearest", type=whole_number(1, 1000), default=Settings.nearest, metavar="N", help=mean)
    add_numbers(result, NUMBERS, DEFAULTS)
    return result
