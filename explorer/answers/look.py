"""Where did it look? Maps of one picture, side by side, each with its reason, its score and how far to believe it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from core.errors import UsageError
from drawing.colours import blank_note, diverging, diverging_overlay, full_scale, heat, outline, overlay, signed
from explorer.world import Asked, World
from studies.shared.network import make_generator
from studies.shared.pictures import score_title
from studies.shared.report import with_reason
from studies.shared.verdicts import verdict
from visualizers.catalogue import TECHNIQUES, Technique
from visualizers.evidence import explain, pixel_values

MOST = 4  # side by side
STUDIES = {"pixels": "saliency", "layer": "gradcam"}  # which study draws the techniques of a family


@dataclass(frozen=True)
class Map:
    """A technique's map of one picture."""

    technique: Technique
    raw: Tensor  # as the technique gives it, without its first dimension, on the CPU
    values: np.ndarray  # (H, W): a number a pixel
    layer: str  # where it was drawn, or nothing
    reason: str  # why it is blank, or nothing

    @property
    def title(self) -> str:
        """ "Grad-CAM, features.12"."""
        return ", ".join(filter(None, (self.technique.one_line, self.layer)))


@dataclass(frozen=True)
class Shown:
    """A map as it is shown."""

    title: str
    pixels: np.ndarray  # uint8 (H, W, 3)
    words: str  # in Markdown
    alt: str  # what it tells somebody who does not see it


def compute(
    world: World,
    asked: Asked,
    names: Sequence[str],
    *,
    layer: str,
    seed: int = 0,
    versus: int | None = None,
) -> list[Map]:
    """The maps of these techniques; with `versus`, of the difference of the two classes' scores.

    Raises UsageError for more than MOST, an unknown one, or one whose maps may not be subtracted where they must be.
    """
    if len(names) > MOST:
        raise UsageError(f"techniques: {len(names)} are chosen; at most {MOST} fit beside each other")
    return [_one(world, asked, TECHNIQUES[name], layer=layer, seed=seed, versus=versus) for name in names]


def _one(world: World, asked: Asked, technique: Technique, *, layer: str, seed: int, versus: int | None) -> Map:
    if versus is not None and not technique.additive:
        raise UsageError(f"techniques: {technique.one_line} is not linear in the score, so no two classes are compared")
    model, image = world.networks[asked.network], asked.chosen.image.to(world.device)
    settings = {**technique.fewer, "layer": layer}
    call = partial(explain, technique, model, image, settings=settings, additive=versus is not None)
    maps, reason = with_reason(partial(call, torch.tensor([asked.label]), generator=make_generator(seed)))
    if versus is not None:
        maps = maps - call(torch.tensor([versus]), generator=make_generator(seed))
        reason = "the two classes are the same" if versus == asked.label else "both classes have score 0"
    values = pixel_values(technique, maps, asked.chosen.pixels.shape[:2])[0].cpu().numpy()
    at = layer if "layer" in technique.settings else ""
    return Map(technique, maps[0].cpu(), values, at, blank_note(values, reason))


def show(
    asked: Asked, maps: Sequence[Map], *, together: bool, strength: float, both_signs: bool = False
) -> list[Shown]:
    """The maps over their picture. together: one scale for all of them. strength: of the colours, from 0 to 1."""
    scale = full_scale(*(one.values for one in maps), quantile=1.0) if together and maps else None
    shown = []
    for one in maps:
        painted = _paint(one, asked.chosen.pixels, scale, strength, both_signs=both_signs)
        pixels = outline((255 * painted).round().astype(np.uint8), asked.chosen.mask)
        score = "" if one.reason else score_title(torch.from_numpy(one.values), asked.chosen.mask)
        words = [f"**{one.technique.one_line}**: {one.technique.question}", one.reason, score, verdict(one.technique)]
        shown.append(Shown(one.title, pixels, "\n\n".join(filter(None, words)), alt_text(one)))
    return shown


def _paint(one: Map, picture: np.ndarray, scale: float | None, strength: float, *, both_signs: bool) -> np.ndarray:
    """A map in its colours, RGB in [0, 1], mixed with the grey picture where it is not a picture of its own."""
    if one.technique.picture and not both_signs:
        return signed(one.raw.permute(1, 2, 0).numpy(), scale=scale)
    if one.technique.result == "coarse map" or both_signs:
        if both_signs or one.values.min() < 0:
            return _mixed(picture, diverging_overlay(picture, one.values, scale=scale), strength)
        return overlay(picture, one.values, strength, scale=scale)
    colours = diverging if one.values.min() < 0 else heat
    return _mixed(picture, colours(one.values, scale=scale), strength)


def alt_text(one: Map) -> str:
    """What a map tells somebody who does not see it: where it is farthest from zero."""
    if one.reason:
        return f"{one.title}: blank"
    places = np.unravel_index(np.abs(one.values).argmax(), one.values.shape)
    down, right = (3 * place // side for place, side in zip(places, one.values.shape, strict=True))
    words = [("at the top", "in the middle", "at the bottom")[down], ("left", "", "right")[right]]
    return f"{one.title}: strongest {' '.join(filter(None, words))}"


def _mixed(picture: np.ndarray, colours: np.ndarray, strength: float) -> np.ndarray:
    grey = np.repeat(picture.mean(axis=2, keepdims=True) / 255, 3, axis=2)
    return (1 - strength) * grey + strength * colours


def commands(world: World, asked: Asked, names: Sequence[str], *, layer: str, versus: int | None = None) -> str:
    """The commands that draw the same maps: one a family of techniques."""
    lines = []
    for family, study in STUDIES.items():
        chosen = [name for name in names if TECHNIQUES[name].families[0] == family]
        if chosen:
            at = f" --layer {layer}" if any("layer" in TECHNIQUES[name].settings for name in chosen) else ""
            at = at if study == "gradcam" else ""
            other = "" if versus is None else f" --versus {versus}"
            flags = world.flags_for(asked)
            lines.append(f"python -m studies {study} {flags} --technique {' '.join(chosen)}{at}{other}")
    return "\n".join(lines)
