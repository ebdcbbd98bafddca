"""Fool it: an attack within a radius, and what the network then says, also of the file that holds the picture."""

from dataclasses import dataclass

import numpy as np

from core.errors import UsageError
from explorer.world import Asked, World
from studies.fooling.flags import ATTACKS, Settings
from studies.fooling.study import JPEG_QUALITY, attack, judge

FOLD = 10  # how many times the difference is magnified
OFFERED = tuple(name for name in ATTACKS if name != "noise")


@dataclass(frozen=True)
class Fooled:
    """What came of an attack."""

    picture: np.ndarray  # uint8 (H, W, 3), as a PNG holds it
    difference: np.ndarray  # uint8 (H, W, 3), magnified around grey
    words: str  # in Markdown


def fool(world: World, asked: Asked, name: str, target: int, *, levels: float) -> Fooled:
    """Attack the picture, each pixel moved by at most `levels` of 255; DeepFool has no bound and no target."""
    targeted = ATTACKS[name].targeted is not False
    if targeted and target == asked.label:
        raise UsageError("target: it is the class that the picture has now; choose another")
    bound = levels if ATTACKS[name].bounded else None
    settings = Settings(output=world.nowhere, technique=(name,), bound=bound)
    model, image = world.networks[asked.network], asked.chosen.image.to(world.device)
    label = target if targeted else asked.label
    fooling, _ = attack(name, model, image, label, targeted, settings)
    judged = judge(name, model, image, fooling)
    difference = (255 * (0.5 + FOLD * judged.change).clip(0, 1)).round().astype(np.uint8)
    outcome = "**fooled**" if judged.fooled else "**not fooled**: allow a larger radius, or take another target"
    words = [
        f"{outcome} in {int(fooling.steps)} steps; the change: {judged.size}",
        f"before: {judged.before}",
        f"after, read back from a PNG: {judged.after}",
        f"after a JPEG of quality {JPEG_QUALITY}: {judged.as_jpeg}",
    ]
    return Fooled(judged.saved, difference, "\n\n".join(words))


def command(world: World, asked: Asked, name: str, target: int, *, levels: float) -> str:
    """The command that attacks the same picture in the same way."""
    aim = "" if ATTACKS[name].targeted is False else f" --labels {target}"
    bound = f" --bound {levels:g}" if ATTACKS[name].bounded else ""
    flags = f"{asked.chosen.flags}{world.network_flags(asked)}"
    return f"python -m studies fooling {flags} --technique {name}{aim}{bound}"
