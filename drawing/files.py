"""Pictures as files, which say how they were made."""

import io
import json
import platform
import zlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.defaults import SHARED
from core.files import write_whole

# For panels of photographs and maps, written by the thousand: a third of the time of Pillow's usual compression, in two
# hundredths more room, since noise repeats nothing (docs/explain.md has the numbers). Plots would take twice the room.
OF_MANY = {"compress_level": 1, "compress_type": zlib.Z_RLE}


def describe(script: str, settings: dict, weights: str) -> dict[str, str]:
    """What a PNG says of itself: enough to make it again. Where it lies and on what device is left out.

    So is the network where it is the shared one, as in files that were made when there was no other.
    """
    unsaid = {"model": SHARED, "classes": None}
    kept = {key: value for key, value in sorted(settings.items()) if key not in {"output", "device"}}
    kept = {key: value for key, value in kept.items() if key not in unsaid or value != unsaid[key]}
    packages = ("torch", "torchvision", "matplotlib", "numpy", "pillow")
    versions = [f"python {platform.python_version()}", *(f"{name} {_version(name)}" for name in packages)]
    return {
        "Script": script,
        "Settings": json.dumps(kept, default=str),
        "Weights": weights,
        "Versions": ", ".join(versions),
    }


@cache
def _version(package: str) -> str:
    """As it is installed: the package is not imported."""
    return version(package)


def save_picture(
    pixels: np.ndarray | Image.Image, path: str | Path, metadata: dict[str, str], **compression: int
) -> Path:
    """Write a PNG, or a JPEG if the name ends so, with its metadata; whole or not at all.

    compression: of a PNG, if it is not Pillow's usual one: OF_MANY.
    """
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    data = io.BytesIO()
    if Path(path).suffix.lower() in {".jpg", ".jpeg"}:
        image.save(data, "JPEG", quality=82, optimize=True, comment=json.dumps(metadata))
    else:
        texts = PngInfo()
        for key, value in metadata.items():
            texts.add_itxt(key, value)
        image.save(data, "PNG", pnginfo=texts, **compression)
    return write_whole(Path(path), data.getvalue())


def save_animation(
    frames: Sequence[np.ndarray],
    path: str | Path,
    metadata: dict[str, str],
    *,
    milliseconds: int | Sequence[int],
    most_bytes: int,
) -> Path:
    """Write pictures (H, W, 3), uint8, all of one shape, as a GIF that repeats for ever; whole or not at all.

    milliseconds: how long each is shown, one number for all or one each.
    All share one palette, chosen from frames spread over the whole, so that colours do not jump; errors are
    diffused. Where the file would be larger than `most_bytes`, the pictures are made smaller.
    """
    pictures = [Image.fromarray(frame) for frame in frames]
    while True:
        size = pictures[0].size
        spread = pictures[:: -(-len(pictures) // 8)]
        samples = Image.new("RGB", (size[0], size[1] * len(spread)))
        for index, sample in enumerate(spread):
            samples.paste(sample, (0, index * size[1]))
        palette = samples.quantize(256)
        coded = [picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG) for picture in pictures]
        data = io.BytesIO()
        settings = {"duration": milliseconds, "loop": 0, "optimize": False, "comment": json.dumps(metadata).encode()}
        coded[0].save(data, "GIF", save_all=True, append_images=coded[1:], **settings)
        if data.tell() <= most_bytes or min(size) < 2:
            return write_whole(Path(path), data.getvalue())
        scale = min(0.9, 0.95 * (most_bytes / data.tell()) ** 0.5)
        smaller = [max(1, round(side * scale)) for side in size]
        pictures = [picture.resize(smaller, Image.Resampling.LANCZOS) for picture in pictures]
