"""What does a neuron look for? One layer inside the network: where it fires, what excites it, what it dreams of.

Writes visualization/neuron_visualization.png: the activation maps of --layer on a picture, and for its most selective
channels the patches that excite them most, with guided backprop beneath, and a picture climbed to excite them.

With --technique it draws one of these alone, or something else: templates (the weights of a linear classifier,
trained on scenes of 32 pixels), filters (the first layer's, of all networks that --model names), weights (a higher
layer's), activations, patches, channels and units (pictures climbed for a whole map, or for its centre alone). Of
several techniques each gets a file of its own.
"""

import argparse
from dataclasses import dataclass

from core.defaults import SHARED
from core.errors import UsageError
from studies.shared.forms import FORMS
from studies.shared.options import Parser, find_techniques, make_parser, number, whole_number
from studies.shared.settings import PictureSettings
from studies.shared.uses import Choice
from visualizers.catalogue import defaults_of

QUESTION = "What does a neuron look for?"
SHARES_WORK = True  # by several processes that torchrun starts: they look through the pictures together
TECHNIQUES = ("templates", "filters", "weights", "activations", "patches", "channels", "units")
DEFAULT_TECHNIQUES = ("activations", "patches", "channels")  # one sheet, under each other
LAYER = "features.7"  # of SqueezeNet, the seventh of 13: beyond edges, not yet whole objects
OURS = SHARED
COMPARED = ("filters", "weights")  # techniques that draw several networks side by side
COUNT = 6  # channels side by side
MARKED = 9  # strongest maps of a picture
FORM_TITLES = {"fourier": "Fourier basis", "pixels": "plain pixels"}

MAPS = ("model", "size", "layer", "channels", "count", "images")  # of techniques that show the maps of a layer
USES = {
    "templates": ("labels", "train", "weight_decay"),
    "filters": ("model", "shared_scale"),
    "weights": ("model", "shared_scale", "layer", "channels", "count"),
    "activations": (*MAPS, "shared_scale"),
    "patches": (*MAPS, "scenes"),
    "channels": (*MAPS, "scenes", "form", "iterations"),
    "units": (*MAPS, "scenes", "form", "iterations"),
}
BARE, STRONGEST, RENDERED = (f"a run without --{flag}" for flag in ("technique", "channels", "images"))
CHOICES = (
    Choice("technique", USES | {BARE: tuple(flag for name in DEFAULT_TECHNIQUES for flag in USES[name])}),
    Choice("channels", {"--channels": (), STRONGEST: ("count",)}),
    Choice("images", {"--images": (), RENDERED: ("scenes",)}),
)


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked. `labels` are the templates' classes."""

    technique: tuple[str, ...] = ()  # a file each; none: a sheet of DEFAULT_TECHNIQUES
    layer: str | None = None  # None: LAYER; of weights, the second convolution
    channels: tuple[int, ...] = ()  # none: the strongest, or the most selective
    count: int | None = None  # of channels, if none are named; None: COUNT, of activations MARKED
    form: tuple[str, ...] = ("fourier",)
    iterations: int | None = None  # None: the form's own
    model: tuple[str, ...] = ()  # filters and weights compare several; none: OURS
    shared_scale: bool = False
    scenes: int = 360  # rendered, where no images are named
    train: int = 200  # scenes of each class that the templates are trained on
    weight_decay: float = defaults_of("visualizers.linear_templates", "linear_templates")["weight_decay"]

    @property
    def endings(self) -> tuple[str, ...]:
        return tuple(f"_{name}" for name in self.technique) if len(self.technique) > 1 else ("",)


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for an unknown technique, and for flags that none of the techniques has."""
    asked = Settings.of(options, technique=find_techniques(options.technique or [], TECHNIQUES))
    if len(asked.model) > 1 and not set(asked.technique or DEFAULT_TECHNIQUES) <= set(COMPARED):
        words = f"only --technique {' and '.join(COMPARED)} compare networks, give one"
        raise UsageError(f"model: got {len(asked.model)}; {words}")
    techniques, channels, pictures = CHOICES
    techniques.refuse_ignored(options.given, asked.technique or [BARE])
    channels.refuse_ignored(options.given, ["--channels" if asked.channels else STRONGEST])
    pictures.refuse_ignored(options.given, ["--images" if asked.images else RENDERED])
    return asked


def parser() -> Parser:
    result = make_parser(
        __doc__, output="neuron_visualization.png", labels="templates: classes of scenes", several_networks=True
    )
    add = result.add_argument
    listed = f"all, or any of {', '.join(TECHNIQUES)} (default: a sheet of {', '.join(DEFAULT_TECHNIQUES)})"
    add("--technique", nargs="+", metavar="NAME", help=listed)
    which = f"{LAYER}, of other networks the last at half the depth; weights: the second convolution"
    add("--layer", metavar="NAME", help=f"which layer; list: say them all (default: {which})")
    channels = "which channels (default: those that fire most, or are most selective)"
    add("--channels", nargs="+", type=whole_number(0), metavar="N", help=channels)
    count = f"how many channels, if none are named (default: {COUNT}; activations: {MARKED})"
    add("--count", type=whole_number(1, 64), metavar="N", help=count)
    form = "channels, units: how the climbed picture is written"
    add("--form", nargs="+", choices=tuple(FORM_TITLES), help=f"{form} (default: {' '.join(Settings.form)})")
    steps = ", ".join(f"{name} {FORMS[name]['iterations']}" for name in FORM_TITLES)
    add("--iterations", type=whole_number(1, 100_000), metavar="N", help=f"steps of the climb (default: {steps})")
    add("--shared-scale", action="store_true", help="one colour scale for all filters or maps, not one for each")
    scenes = "rendered scenes to find patches in, if no --images are named"
    add("--scenes", type=whole_number(1, 1_000_000), default=Settings.scenes, metavar="N", help=scenes)
    train = "templates: scenes of each class"
    add("--train", type=whole_number(2, 100_000), default=Settings.train, metavar="N", help=train)
    smooth = "templates: the larger, the smoother"
    add("--weight-decay", type=number(1e-9, 1e9), default=Settings.weight_decay, metavar="N", help=smooth)
    return result
