"""Which pixels matter for a class? The saliency map beside Captum's, and integrated gradients.

Writes visualization/saliency_visualization.png. With --technique it draws a grid instead: techniques down, images
across, and on rendered scenes, whose masks are known, how well each map points at the object.

Maps that have one sign are drawn from black to yellow; those of both signs in red, what speaks for the class, and blue,
what speaks against it. Guided backprop and the deconvnet are pictures, in colours around grey.

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

QUESTION = "Which pixels matter for a class?"
BARE = ("gradient", "integrated-gradients")  # what is drawn, the first beside Captum's, if no technique is named
FAMILY = "pixels"


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: the techniques and their settings, and the class that is not to be explained."""

    techniques: tuple[str, ...] = ()  # names in the catalogue; none: BARE, or with `versus` the first of these
    versus: str | None = None
    shared_scale: bool = False
    captum: bool = True  # whether Captum's maps of the techniques that it has are made, too
    technique_settings: Mapping[str, Any] = field(default_factory=dict)  # the techniques' own defaults else


def choices() -> tuple[Choice, ...]:
    """Which flags each technique has, as the catalogue says."""
    return (technique_choice(family(FAMILY), BARE),)


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for an unknown technique, for a setting that none of those chosen has, and for --versus with
    one whose maps cannot be subtracted.
    """
    known, versus = family(FAMILY), options.versus is not None
    techniques = choose_techniques(options.technique, known, versus=versus)
    choices()[0].refuse_ignored(options.given, techniques or (BARE[:1] if versus else [BARE_RUN]))
    return Settings.of(
        options,
        techniques=techniques,
        technique_settings=given_settings(vars(options), known),
    )


def parser() -> Parser:
    result = make_parser(__doc__, output="saliency_visualization.png")
    add_technique_flags(result, family(FAMILY), default="gradient beside Captum's, and integrated-gradients", own=())
    add_no_captum(result)
    return result
