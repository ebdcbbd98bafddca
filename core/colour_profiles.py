"""Colour profiles: what the numbers of a picture mean, as its file says (ICC) -> the same colours in sRGB.

A network learned from pictures in sRGB. The numbers of a camera's Adobe RGB or of a print's CMYK, read as if they were
sRGB, are other colours. Intent: relative colorimetric with black-point compensation, as photo programs convert.
"""

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "Lab"}  # Pillow's mode: ICC's name
LIKE = {"RGBA": "RGB", "RGBX": "RGB", "RGBa": "RGB", "P": "RGB", "PA": "RGB", "HSV": "RGB", "YCbCr": "RGB"}
LIKE |= {"LA": "L", "La": "L", "1": "L"} | {mode: mode for mode in SPACES}
SAME = 2  # grey levels: a profile that moves no colour by more is sRGB itself, and the picture stays as it is
STEPS = 9  # of each channel, between the colours that are tried


def in_srgb(image: Image.Image) -> Image.Image:
    """The picture in sRGB, if its file has a profile that fits it and says another space; else the picture itself.

    Transparency is kept. A broken profile, one for another kind of picture (of grey for colours, say), and one that
    turns all colours into one count as none. Greys deeper than 8 bits have no profile here. A Lab picture without a
    profile is meant for daylight of 5000 K (D50), as ICC has it.
    """
    mode, profile = LIKE.get(image.mode, ""), image.info.get("icc_profile")
    transform = _transform(profile, mode) if mode and isinstance(profile, bytes) and profile else None
    if transform is None and mode == "LAB":
        transform = _transform(None, mode)
    if transform is None:
        return image
    alpha = None
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        alpha = image.convert("RGBA").getchannel("A")
        image = image.convert("RGBA")
    converted = transform(image if image.mode == mode else image.convert(mode))
    if alpha is not None:
        converted.putalpha(alpha)
    converted.info = {}  # neither the profile nor a transparent colour is that of the new numbers
    return converted


@lru_cache(maxsize=8)
def _transform(profile: bytes | None, mode: str) -> Callable[[Image.Image], Image.Image] | None:
    """What takes pictures of a mode from a profile, Lab itself if None, to sRGB; None where there is nothing to do."""
    try:
        if profile is None:
            source = ImageCms.createProfile("LAB")
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if source.profile.xcolor_space.strip() != SPACES[mode]:
                return None
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            # A quick way for greys is off by up to ten levels in the dark, and 256 of them need none.
            ImageCms.Flags.BLACKPOINTCOMPENSATION | (ImageCms.Flags.NOOPTIMIZE if mode == "L" else 0),
        )
        tried = _all_colours(mode)
        before, after = np.asarray(tried), np.asarray(ImageCms.applyTransform(tried, transform))  # (1, P, 3)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError, ImportError):  # ImportError: Pillow without LittleCMS
        return None
    if np.ptp(after) == 0:
        return None
    if mode in {"RGB", "L"} and np.abs(after - before.reshape(1, len(after[0]), -1).astype(int)).max() <= SAME:
        return None
    if mode == "L":
        tables = [channel.tolist() for channel in after[0].T]
        return lambda image: Image.merge("RGB", [image.point(table) for table in tables])
    return lambda image: ImageCms.applyTransform(image, transform)


def _all_colours(mode: str) -> Image.Image:
    """A picture of colours that are spread over all that a mode can say."""
    channels = len(mode) if mode != "LAB" else 3
    levels = np.linspace(0, 255, STEPS if channels > 1 else 256).astype(np.uint8)
    colours = np.stack(np.meshgrid(*[levels] * channels, indexing="ij"), axis=-1).reshape(1, -1, channels)
    return Image.frombytes(mode, colours.shape[1::-1], np.ascontiguousarray(colours).tobytes())
