"""The images to learn on and those held out, and perturbations as files."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.images import load_image
from core.kept import Unreadable, read_png_text
from patterns.dataset import stream_scenes
from patterns.scenes import CLASS_NAMES
from studies.shared.crops import random_crops
from studies.shared.network import make_generator
from studies.shared.pictures import list_pictures, readable_pictures
from studies.shared.report import Report
from studies.universal.flags import Settings

HELD_OUT = 2  # of the default photographs; of others a third
GREY = 128  # the level that means no change


class Images(NamedTuple):
    """What the perturbation is learned on and judged by."""

    learn: Tensor | None  # (N, 3, H, W), normalised; None where a perturbation is given
    held: Tensor  # (M, 3, H, W), normalised
    kind: str  # "scenes" or "crops"


def load_images(model: nn.Module, settings: Settings, report: Report) -> Images:
    """Rendered scenes if the network knows them and nothing else is named, else crops of photographs.

    A broken file is named and left out. Raises UsageError if fewer than two pictures are left.
    """
    if not settings.images and tuple(model.class_names) == CLASS_NAMES:
        learn = None if settings.perturbation else scenes(settings.count, settings.seed, settings.size, report)
        return Images(learn, scenes(settings.held, settings.seed + 1, settings.size, report), "scenes")
    found = list(readable_pictures(list_pictures(settings.images, report.say), report, {}))
    if len(found) < 2:
        raise UsageError("images: got one; give at least two, the last third of them is held out")
    names, whole = [picture.name for picture, _ in found], [image for _, image in found]
    last = max(1, len(whole) // 3) if settings.images else HELD_OUT
    generator = make_generator(settings.seed)
    learned = "" if settings.perturbation else f"learned on crops of {', '.join(names[:-last])}; "
    report.say(f"{learned}held out: crops of {', '.join(names[-last:])}")
    learn = random_crops(whole[:-last], settings.count, settings.size, generator=generator)
    return Images(learn, random_crops(whole[-last:], settings.held, settings.size, generator=generator), "crops")


def scenes(count: int, seed: int, size: int, report: Report) -> Tensor:
    """Rendered scenes, (count, 3, size, size)."""
    stream = stream_scenes(count, seed=seed, size=size)
    return torch.cat(list(report.progress(stream, total=count, desc="rendering", unit="scene", leave=False)))


def as_levels(difference: Tensor) -> np.ndarray:
    """A difference (1, 3, H, W), white being 1 -> a picture around level 128, uint8 (H, W, 3); nothing is lost."""
    levels = (difference[0].permute(1, 2, 0) * 255).round() + GREY
    return levels.clamp(0, 255).byte().cpu().numpy()


def check_whole(path: Path) -> None:
    """Raise UsageError for a PNG that is cut off or changed: its checksums tell. What else it is, `load_image` says."""
    if path.suffix.lower() == ".png":
        try:
            read_png_text(path)
        except Unreadable as error:
            raise UsageError(f"perturbation: '{path}' {error}; give the picture that a run wrote, *_v.png") from None


def read_perturbation(path: Path, settings: Settings) -> tuple[Tensor, Settings]:
    """The difference (1, 3, size, size) that such a picture holds, and the settings with its norm as the bound.

    Raises UsageError for a picture of another size, one that changes nothing, and one that passes the bound asked for.
    """
    size = settings.size
    check_whole(path)
    picture = load_image(path)
    if picture.size != (size, size):
        raise UsageError(f"perturbation: '{path}' is {picture.width} x {picture.height}; it must be {size} x {size}")
    difference = (torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() - GREY) / 255
    if not difference.any():
        raise UsageError(f"perturbation: '{path}' is level {GREY} everywhere; it changes nothing")
    flag, length = ("bound", difference.abs().max() * 255) if settings.norm == "linf" else ("l2", difference.norm())
    measured, asked = round(float(length), 3), getattr(settings, flag)
    if asked is not None and measured > asked + 1e-3:
        raise UsageError(f"{flag}: '{path}' is larger, {measured:g}; leave --{flag} out, or give at least that")
    return difference, replace(settings, **{flag: measured})
