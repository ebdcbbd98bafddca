"""Which images look alike to the network? Nearest neighbours, PCA, t-SNE and an image map, features beside pixels.

Writes visualization/embedding_visualization.png, some images with their nearest ones, by features and by pixels;
beside it embedding_visualization_tsne.png, every image as a point in the plane, and embedding_visualization_map.png,
every image in a cell of its own. With --technique it draws those named; of several, the second and later ones get
their names appended to the file's.

Of rendered scenes, of handwritten digits and of a folder with a subfolder for each class the classes are known. Then it
prints how many of the nearest images are of the image's own class, by features, by pixels and in each drawing.

Features are kept in visualization/embedding_cache/, by the content of the picture, so that a second run takes seconds.
"""

import argparse
from dataclasses import dataclass

from studies.shared.network_flags import add_size
from studies.shared.options import Parser, find_techniques, make_parser, number, whole_number
from studies.shared.settings import SizedSettings
from studies.shared.uses import Choice
from visualizers.catalogue import defaults_of

QUESTION = "Which images look alike to the network?"
SHARES_WORK = True  # by several processes that torchrun starts: they fill the cache together
KEEP_FREED_MEMORY = False  # pictures of many sizes come and go: what is kept of them would scatter the memory
SCENES = 1800
TECHNIQUES = {
    "neighbours": "Nearest neighbours",
    "pca": "PCA",
    "tsne": "t-SNE",
    "map": "Image map",
}
DEFAULT_TECHNIQUES = ("neighbours", "tsne", "map")
CHOICES = (Choice("technique", {"neighbours": (), "pca": (), "tsne": ("perplexity",), "map": ("perplexity",)}),)


@dataclass(frozen=True, kw_only=True)
class Settings(SizedSettings):
    """What is asked: the drawings, which images, and what their features are. Images, scenes or digits: one of them."""

    technique: tuple[str, ...] = DEFAULT_TECHNIQUES
    images: tuple[str, ...] = ()  # files or folders
    scenes: int = SCENES  # rendered, where there are neither images nor digits
    digits: bool = False
    layer: str | None = None
    neighbours: int = 5  # of an image, shown and counted
    perplexity: float = defaults_of("visualizers.embedding", "tsne")["perplexity"]
    at_layer = True
    reads_subfolders = True  # each is a class

    @property
    def endings(self) -> tuple[str, ...]:
        return ("", *(f"_{name}" for name in self.technique[1:]))


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for an unknown technique, and for a setting that none of those chosen has."""
    techniques = find_techniques(options.technique or DEFAULT_TECHNIQUES, TECHNIQUES)
    CHOICES[0].refuse_ignored(options.given, techniques)
    return Settings.of(options, technique=techniques)


def parser() -> Parser:
    result = make_parser(__doc__, output="embedding_visualization.png", images=False)
    add = result.add_argument
    names = f"all, or any of {', '.join(TECHNIQUES)} (default: {', '.join(DEFAULT_TECHNIQUES)})"
    add("--technique", nargs="+", metavar="NAME", help=names)
    which = result.add_mutually_exclusive_group()
    text = "files or folders; in a folder with subfolders each subfolder is a class"
    which.add_argument("--images", nargs="+", metavar="PATH", help=text)
    text = f"that many rendered scenes, the 36 classes in turn (the default, {SCENES} of them)"
    which.add_argument("--scenes", type=whole_number(4, 100_000), metavar="N", help=text)
    which.add_argument("--digits", action="store_true", help="scikit-learn's 1797 handwritten digits")
    add_size(result, "side of the square crop")
    text = "the features' layer; list: say them all (default: the last one with places)"
    add("--layer", metavar="NAME", help=text)
    text = "how many are shown, and counted"
    add("--neighbours", type=whole_number(1, 8), default=Settings.neighbours, metavar="N", help=text)
    text = "of t-SNE: about how many neighbours count"
    add("--perplexity", type=number(2, 500), default=Settings.perplexity, metavar="N", help=text)
    return result
