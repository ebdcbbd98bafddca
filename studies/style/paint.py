"""Paints one pair from coarse to fine."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as F

from core.errors import UsageError
from core.files import fingerprint
from core.images import deprocess
from core.masks import load_mask
from core.paths import as_path
from painting.forecast import forecast
from painting.scales import SMALLEST_SIDE
from painting.start import start_noise
from painting.targets import Style
from studies.shared.cost import cost_in_words
from studies.shared.interruption import Interruption
from studies.shared.named_pictures import find_picture, open_named, scaled_tensor
from studies.shared.network import make_generator
from studies.shared.report import Report
from studies.style.flags import DEFAULTS, PairSettings
from studies.style.results import Painting, Pair
from visualizers.colour_transfer import keep_luminance, match_colours
from visualizers.style_transfer import StyleStep, style_terms, style_transfer

TECHNIQUE = ("content_weight", "style_weight", "tv_weight", "iterations", "smallest", "optimiser", "loss")
STARTS = ("content", "noise")
FRAMES, WIDEST = 48, 480  # of an animation: about so many, at most so many pixels wide


class Pictures:
    """Reads pictures as the network takes them. A broken one gives the same error each time it is asked for."""

    def __init__(self, like: Tensor) -> None:
        self.like = like  # of the device and dtype wanted
        self.broken: dict[str, UsageError] = {}

    def read(self, name: str, folder: str, side: int | None = None) -> Tensor:
        """(1, 3, H, W), its shorter side `side` pixels long, or as it is. Raises UsageError for one of no use."""
        if name in self.broken:
            raise self.broken[name]
        try:
            image = open_named(name, folder)
            if min(image.size) < SMALLEST_SIDE:
                shape = f"'{name}' is {image.width} x {image.height} pixels"
                raise UsageError(f"image: {shape}; at least {SMALLEST_SIDE} are needed each way")
        except UsageError as error:
            self.broken[name] = error
            raise
        return scaled_tensor(image, side or min(image.size)).to(self.like)


def decisive_settings(pair: Pair, settings: PairSettings) -> dict:
    """All that decides what the picture will be: the files themselves, not where they lie."""
    start = settings.start
    return {
        "content": [Path(pair.content).stem, fingerprint(find_picture(pair.content, "content"))],
        "styles": [[Path(style).stem, fingerprint(find_picture(style, "styles"))] for style in pair.styles],
        "blend": settings.blend,
        "mask": [fingerprint(as_path(mask, "mask")) for mask in settings.mask],
        "size": settings.size,
        "start": start if start in STARTS else fingerprint(find_picture(start, "content")),
        "keep_colour": settings.keep_colour,
        "seed": settings.seed,
        "style_scale": settings.style_scale,
        **technique_of(settings),
    }


def technique_of(settings: PairSettings) -> dict:
    """What `style_transfer` is told; the size of the strokes is in the size of the styles already."""
    return {name: getattr(settings, name) for name in TECHNIQUE}


def paint(
    pair: Pair, settings: PairSettings, model: nn.Module, pictures: Pictures, report: Report, stop: Interruption
) -> Painting:
    """Say what it will cost, paint, say the losses. Ctrl-C is kept in `stop`; the picture is then the one there is.

    Raises UsageError for a picture that cannot be used, the same each time it is met.
    """
    content = pictures.read(pair.content, "content", settings.size)
    styles = read_styles(pair, content, settings, pictures)
    start = read_start(content, settings, pictures)
    technique = technique_of(settings)
    say_cost(pair, content, styles, model, technique, report)

    def finished(image: Tensor) -> Tensor:
        """In the full size, with the colours asked for."""
        image = resized(image, content.shape[2:])
        return keep_luminance(image, content) if settings.keep_colour == "luminance" else image

    steps: list[StyleStep] = []
    frames: list[np.ndarray] = []
    last: Tensor | None = None
    began = time.perf_counter()
    with report.progress(desc=pair.title, unit="step") as bar, stop:

        def watch(step: StyleStep) -> None:
            nonlocal last
            bar.total = step.scales * step.iterations
            bar.update()
            if settings.gif and len(steps) % -(-bar.total // FRAMES) == 0:
                frames.append(frame_of(finished(step.image)))
            steps.append(step._replace(image=None))
            last = step.image

        last = style_transfer(model, content, styles, start=start, callback=watch, **technique)
    seconds = time.perf_counter() - began
    if last is None:  # interrupted before the first step
        stop.go_on()
    stopped = ""
    if stop.happened:
        at = steps[-1]
        stopped = f"at step {at.iteration} of {at.iterations} at {min(last.shape[2:])} pixels"
    result = finished(last)
    values = style_terms(model, result, content, styles, **technique)
    losses = "content {:.4f}, style {:.4f}, total variation {:.4f}".format(*values)
    words = f"stopped {stopped}: " if stopped else ""
    report.say(f"{pair.title}: {words}loss {sum(values):.4f} ({losses}), {seconds:.0f} s")
    return Painting(result, losses, steps, [*frames, frame_of(result)] if frames else [], stopped)


def read_styles(pair: Pair, content: Tensor, settings: PairSettings, pictures: Pictures) -> list[Style]:
    """The styles with their shares and masks, recoloured where the content's colours are to be kept so."""
    weights = settings.blend or (1,) * len(pair.styles)
    side = max(SMALLEST_SIDE, round(settings.size * settings.style_scale))
    masks = [read_mask(mask, content) for mask in settings.mask] or [None] * len(pair.styles)
    styles = []
    for name, weight, mask in zip(pair.styles, weights, masks, strict=True):
        image = pictures.read(name, "styles", side)
        image = match_colours(image, content) if settings.keep_colour == "histogram" else image
        styles.append(Style(image, weight / sum(weights), mask))
    return styles


def read_mask(path: str | Path, content: Tensor) -> Tensor:
    """A mask file as shares from 0 to 1, (1, 1, H, W), stretched over the content (1, 3, H, W)."""
    shares = torch.from_numpy(load_mask(path))[None, None].to(content)
    return resized(shares, content.shape[2:]).clamp(0, 1)


def read_start(content: Tensor, settings: PairSettings, pictures: Pictures) -> Tensor | None:
    """What to start from, (1, 3, H, W): noise, an earlier picture, or None for the content."""
    if settings.start == "content":
        return None
    if settings.start == "noise":
        return start_noise(content, make_generator(settings.seed))
    return resized(pictures.read(settings.start, "content"), content.shape[2:])


def resized(image: Tensor, shape: Sequence[int]) -> Tensor:
    """(1, C, h, w) -> (1, C, H, W)."""
    return image if tuple(image.shape[2:]) == tuple(shape) else F.resize(image, list(shape), antialias=True)


def frame_of(image: Tensor) -> np.ndarray:
    """A picture (1, 3, H, W) for an animation, uint8 (h, w, 3), made smaller if it is too wide."""
    picture = Image.fromarray(deprocess(image)[0])
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def say_cost(
    pair: Pair, content: Tensor, styles: list[Style], model: nn.Module, technique: dict, report: Report
) -> None:
    """Say before the work how long it will take, and how much memory."""
    settings = {name: DEFAULTS[name] for name in ("layers", "content_layer", "style_scale", "tile")} | technique
    del settings["optimiser"]  # of no matter: each of its steps takes one gradient
    report.say(f"{pair.title}: {cost_in_words(forecast(model, content, styles, **settings))}")
