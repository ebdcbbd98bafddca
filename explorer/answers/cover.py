"""What if I cover it? Occlusion by hand: somebody paints over the picture, and the network looks again."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from explorer.answers import look
from explorer.world import SIDE, Asked, Chosen, World
from studies.shared.network import class_title

MOST = 5  # classes that are listed
TECHNIQUE = "grad-cam"


@dataclass(frozen=True)
class Covered:
    """The picture before and after, and what the network says."""

    asked: Asked  # of the picture as it is painted over
    maps: tuple[np.ndarray, np.ndarray]  # uint8 (H, W, 3): before, after
    rows: list[list[str]]  # class, before, after
    words: str


def painted_over(chosen: Chosen, composite: np.ndarray, layers: Sequence[np.ndarray]) -> Chosen:
    """The picture with what was painted on it, and nothing else changed.

    composite: (h, w, 3 or 4), uint8, of any size; layers: (h, w, 4) each, of what was painted.
    """
    pixels = chosen.pixels.copy()
    if layers:
        brush = np.max([np.asarray(_resized(layer[..., 3])) for layer in layers], axis=0) > 127
        pixels[brush] = np.asarray(_resized(composite[..., :3]))[brush]
    return Chosen(f"{chosen.name}, painted over", chosen.flags, pixels, chosen.mask)


def _resized(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels)).resize((SIDE, SIDE), Image.Resampling.BOX)


def cover(world: World, asked: Asked, chosen: Chosen, *, layer: str, strength: float = 0.65) -> Covered:
    """Look again at the picture as it is painted over, for the same class."""
    again = world.ask(asked.network, chosen, asked.label)
    pictures = []
    for each in (asked, again):
        maps = look.compute(world, each, [TECHNIQUE], layer=layer)
        pictures.append(look.show(each, maps, together=False, strength=strength)[0].pixels)
    network = world.networks[asked.network]
    tops = (each.probabilities.argsort(descending=True, stable=True)[:MOST].tolist() for each in (asked, again))
    listed = list(dict.fromkeys([asked.label, *(label for top in tops for label in top)]))
    rows = []
    for label in listed:
        name = network.class_names[label]
        titles = (class_title(network, each.probabilities, label).removeprefix(name).strip() for each in (asked, again))
        rows.append([name, *titles])
    before, after = (class_title(network, each.probabilities, asked.label) for each in (asked, again))
    share = 100 * (chosen.pixels != asked.chosen.pixels).any(axis=2).mean()
    return Covered(again, tuple(pictures), rows, f"{before} before; {after} with {share:.0f} % of it painted over")
