"""Where is the evidence for a class? Class activation maps: Grad-CAM, layer by layer, and its siblings.

Writes visualization/gradcam_visualization.png, and beside it gradcam_visualization_captum.png: the same maps
by Captum next to ours, with Captum's layer activation and layer conductance.

With --technique it draws a grid instead: techniques down, images across, and on rendered scenes, whose masks are known,
how well each map points at the object. At the last layers the class map, Grad-CAM, XGrad-CAM and HiRes-CAM are nearly
one: SqueezeNet's head is linear up to its last ReLU. At --layer features.7 they part.

With --versus it draws why one class and not another: the map of the difference of their scores.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from studies.shared.options import Parser, make_parser
from studies.shared.settings import PictureSettings
from studies.shared.techniques import (
    BARE_RUN,
    add_no_captum,
    add_technique_flags,
    choose_techniques,
    family,
    given_settings,
    technique_choice,
)
from studies.shared.uses import Choice
from visualizers.catalogue import SETTINGS, Technique

QUESTION = "Where is the evidence for a class?"
BARE = ("grad-cam", "guided-backprop", "guided-grad-cam")  # what is drawn if no technique is named
LAYERS = ("features.4", "features.7", "features.9", "features.10", "features.12")  # shallow to deep
OWN = ("layer",)  # the setting of techniques that the study declares itself: it explains this layer by Captum, too


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: the techniques and their settings, the layer, and the class that is not to be explained."""

    techniques: tuple[str, ...] = ()  # names in the catalogue; none: BARE, or with `versus` the first of these
    versus: str | None = None
    shared_scale: bool = False
    captum: bool = True  # whether Captum's maps are made, too, and in a bare run drawn beside ours
    layer: str | None = None
    layers: tuple[str, ...] = ()  # of the strip that shows Grad-CAM layer by layer; none: LAYERS, or some of each depth
    at_layer = True
    technique_settings: Mapping[str, Any] = field(default_factory=dict)  # but the layer; their own defaults else

    @property
    def endings(self) -> tuple[str, ...]:
        return ("", "_captum") if self.captum and not self.techniques and self.versus is None else ("",)


def techniques() -> dict[str, Technique]:
    """The maps of a layer in the catalogue's order, then what is drawn in colours."""
    rows = family("layer").values()
    return {row.name: row for row in sorted(rows, key=lambda row: row.picture)}


def choices() -> tuple[Choice, ...]:
    """Which flags each technique has, as the catalogue says, and the bare run."""
    return (technique_choice(techniques(), BARE, all_named=("shared_scale",), alone=("layers",)),)


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for an unknown technique, for a setting that none of those chosen has, and for --versus with
    one whose maps cannot be subtracted.
    """
    known, versus = techniques(), options.versus is not None
    names = choose_techniques(options.technique, known, versus=versus)
    choices()[0].refuse_ignored(options.given, names or (BARE[:1] if versus else [BARE_RUN]))
    return Settings.of(
        options,
        techniques=names,
        technique_settings=given_settings(vars(options), known, own=OWN),
    )


def parser() -> Parser:
    result = make_parser(__doc__, output="gradcam_visualization.png")
    default = f"{', '.join(BARE)}, with the strip of layers"
    add_technique_flags(result, techniques(), default=default, own=OWN)
    add_no_captum(result)
    add = result.add_argument
    add("--layer", metavar="NAME", help=SETTINGS["layer"].meaning)
    strip = f"the layers of the strip (default: {' '.join(LAYERS)}; of other networks one of each resolution)"
    add("--layers", nargs="+", metavar="NAME", help=strip)
    return result
