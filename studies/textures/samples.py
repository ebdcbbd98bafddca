"""Samples of textures: parts of rendered, painted and photographed ones, or of any picture, all square."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image
from skimage import data

from core.defaults import ROOT
from core.errors import UsageError, WorkError
from core.images import load_image
from painting.scales import SMALLEST_SIDE
from patterns.canvas import Grid
from patterns.colours import Palette
from patterns.textures import TEXTURES as RENDERERS
from studies.shared.pictures import Picture, list_pictures, open_picture
from studies.shared.report import Report
from studies.textures.flags import NAMES, PAINTED, PHOTOGRAPHED, RENDERED, SIDE


class Sample(NamedTuple):
    """A square part of a texture."""

    name: str
    pixels: np.ndarray  # uint8 (S, S, 3)


def read_samples(texts: Sequence[str], side: int, report: Report) -> list[Sample]:
    """The textures that can be had, `side` pixels each way; of the others it is said what is wrong.

    Raises the first one's error if there is none.
    """
    asked = []
    for text in texts:  # the names come before files, as those of photographs do
        asked += [Picture(text, text)] if text in NAMES else list_pictures([text], report.say)
    samples, broken, absent = [], [], []
    for picture in asked:
        try:
            samples.append(Sample(picture.name, np.asarray(read_sample(picture, side))))
        except UsageError as error:
            broken.append(error)
        except WorkError as error:
            absent.append(error)
    for error in absent:
        report.say(f"left out: {error}")
    if not samples:
        raise broken[0] if broken else WorkError("images: none of the textures can be had; name files by --images")
    for error in broken:
        report.skip(error)
    return samples


def read_sample(picture: Picture, side: int) -> Image.Image:
    """A square sample, RGB: of a texture known by name a part at its own scale, of a file the whole central square."""
    name, smooth = picture.source, Image.Resampling.LANCZOS
    if name in RENDERED:
        return rendered(name, side)
    if name in PHOTOGRAPHED:
        return photographed(name).resize((2 * SIDE, 2 * SIDE), smooth).crop((0, 0, SIDE, SIDE)).resize((side, side))
    if name in PAINTED:
        file, left, top, length = PAINTED[name]
        image = load_image(ROOT / "images" / "styles" / f"{file}.jpg")
    else:
        image = open_picture(picture)
        length = min(image.size)
        if length < SMALLEST_SIDE:
            shape = f"'{name}' is {image.width} x {image.height} pixels"
            raise UsageError(f"image: {shape}; at least {SMALLEST_SIDE} are needed each way")
        left, top = (image.width - length) // 2, (image.height - length) // 2
    return image.crop((left, top, left + length, top + length)).resize((side, side), smooth)


def rendered(name: str, side: int) -> Image.Image:
    """One of the textures of the embedded world, filling the picture."""
    chance = np.random.default_rng(list(RENDERERS).index(name))
    palette = Palette.draw(chance, np.full(3, 0.5, np.float32))
    colours = RENDERERS[name](Grid.of_frame(side).scaled(RENDERED[name]), chance, palette)  # (3, S, S)
    return Image.fromarray((colours.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0))


def photographed(name: str) -> Image.Image:
    """A photograph of scikit-image's, RGB. It comes with its usual packages; others would have to fetch it."""
    try:
        return Image.fromarray(getattr(data, name)()).convert("RGB")
    except (OSError, ImportError, ValueError):
        raise WorkError(f"texture: '{name}' does not come with this scikit-image and cannot be fetched") from None
