"""Paint it: the picture in the style of another, step by step or at once by a network that learned to paint."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from core.defaults import ROOT
from core.images import preprocess
from explorer.watching import Finished, pixels_of, watched
from explorer.world import Asked, World
from painting.targets import Style
from studies.fast_style.flags import NETWORK
from studies.fast_style.network import load_styles
from studies.shared.named_pictures import open_named, scaled_tensor
from visualizers.fast_style_transfer import StyleNetwork, stylise
from visualizers.style_transfer import StyleStep, style_transfer

STYLES = tuple(sorted(path.stem for path in (ROOT / "images" / "styles").glob("*.jpg")))
SIDES = (128, 192, 256)  # pixels of the painting


@dataclass(frozen=True)
class Painting:
    """A painting on its way, or at its end."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    words: str


def at_once(asked: Asked, style: str, device: str) -> Painting:
    """One pass of the network that learned the styles."""
    network = _painter(device)
    weights = [float(name == style) for name in network.styles]
    picture = stylise(network, preprocess(asked.chosen.pixels).to(device), weights)
    return Painting(pixels_of(picture), f"{style.replace('_', ' ')}, in one pass")


def step_by_step(
    world: World, asked: Asked, style: str, *, side: int, strength: float, iterations: int, stop: threading.Event
) -> Iterator[Painting]:
    """From coarse to fine, shown as it comes. iterations: at each size."""
    model = world.networks[asked.network]
    content = scaled_tensor(Image.fromarray(asked.chosen.pixels), side).to(world.device)
    texture = scaled_tensor(open_named(style, "styles"), side).to(world.device)

    def work(show):
        def watch(step: StyleStep) -> bool:
            losses = f"content {step.content:.3f}, style {step.style:.3f}"
            words = f"size {step.scale} of {step.scales}, step {step.iteration} of {step.iterations}: {losses}"
            return show((pixels_of(step.image), words))

        return style_transfer(
            model, content, [Style(texture)], style_weight=strength, iterations=iterations, smallest=64, callback=watch
        )

    words = ""
    for each in watched(work, stop):
        if isinstance(each, Finished):
            yield Painting(pixels_of(each.result), f"stopped at {words}" if each.stopped else f"finished: {words}")
        else:
            words = each[1]
            yield Painting(*each)


def command(world: World, asked: Asked, style: str, *, side: int, strength: float, iterations: int) -> str:
    """The command that paints the same picture."""
    content = asked.chosen.flags.removeprefix("--images ") if asked.chosen.flags.startswith("--images") else "SCENE.png"
    flags = f"--style-weight {strength:g} --size {side} --smallest 64 --iterations {iterations}"
    return f"python -m studies style --content {content} --style {style}{world.network_flags(asked)} {flags}"


@lru_cache(maxsize=2)
def _painter(device: str) -> StyleNetwork:
    return load_styles(NETWORK, device)
