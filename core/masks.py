"""Masks as people have them -> shares from 0 to 1: grey pictures, paint on transparency, label maps of 0 and 1.

What can be read in two ways is refused: a mask that is read wrongly spoils the picture and says nothing.
"""

from pathlib import Path

import numpy as np
from PIL import Image

from core.errors import UsageError
from core.images import deep_greys, to_rgb, upright
from core.picture_files import read_file, shown

SPREAD = 64  # grey levels between the channels of a pixel: above, it is a colour and no tinted grey
OPAQUE = 8  # grey levels: transparency that varies by less was left by a program, and is no mask
DARKEST = 32  # grey levels: a mask whose largest value is below holds numbers of labels
WHITEST = 250  # grey levels: from here on a value is white
WHITE_WHERE = "white where the style goes"


def load_mask(path: str | Path) -> np.ndarray:
    """Read a mask file as shares from 0 to 1, float32 (H, W), the right way up.

    A grey picture: white is 1, black is 0. Where the transparency varies, it is the mask: what is painted is 1. Where
    the largest value is 1, black is 0 and that value is 1. A colour profile is not applied: the numbers are shares.
    Raises UsageError, one sentence naming the file, if it cannot be read, and for what has two readings: dark paint on
    transparency, colours, labels of several classes, 0 and one other grey, values below zero or that are no numbers,
    and a mask that is 0 everywhere.
    """
    return read_file(path, lambda image: _shares(upright(image), f"mask: '{shown(path)}'"))


def _shares(image: Image.Image, name: str) -> np.ndarray:
    if image.mode.startswith(("I", "F")):  # deeper than 8 bits
        values = deep_greys(image)
        if not np.isfinite(values).all():
            raise UsageError(f"{name} holds values that are no numbers (NaN or infinity); save it {WHITE_WHERE}")
        if values.min() < 0:
            raise UsageError(f"{name} holds values below zero, down to {values.min():g}; save it {WHITE_WHERE}")
        greys = np.asarray(to_rgb(image, keep_dark=True))[..., 0]
        _check_levels(values, greys, name)
        return _scaled(values, greys, name)
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        colours, alpha = rgba[..., :3], rgba[..., 3]
        if alpha.max() == 0:
            raise UsageError(f"{name} is transparent everywhere; paint it {WHITE_WHERE}")
        if np.ptp(alpha) >= min(OPAQUE, alpha.max()):  # or both are 0 and 1, as numbers of labels are
            _check_paint(colours[alpha > alpha.max() // 2], name)
            return _scaled(alpha, alpha, name)
        return _of_greys(colours, name)
    return _of_greys(np.asarray(to_rgb(image)), name)


def _check_paint(colours: np.ndarray, name: str) -> None:
    """colours: uint8 (P, 3), of what is not transparent. Light or coloured paint has one meaning, dark grey has two."""
    if colours.min() < 128 and not _is_coloured(colours):
        words = "is partly transparent and has dark greys, so it can be read in two ways"
        raise UsageError(f"{name} {words}; save it without transparency, {WHITE_WHERE}")


def _of_greys(colours: np.ndarray, name: str) -> np.ndarray:
    """uint8 (H, W, 3) -> shares (H, W)."""
    if _is_coloured(colours):
        raise UsageError(f"{name} has colours; give a grey picture for each style, {WHITE_WHERE}")
    greys = np.asarray(Image.fromarray(colours).convert("L"))
    _check_levels(greys, greys, name)
    return _scaled(greys, greys, name)


def _check_levels(values: np.ndarray, greys: np.ndarray, name: str) -> None:
    """Black and one grey, arguments as of `_scaled`: is the grey a mark, or a share?"""
    levels = np.bincount(greys.ravel(), minlength=256).nonzero()[0]
    if len(levels) == 2 and levels[0] == 0 and DARKEST <= levels[1] < WHITEST and values.max() != 1:
        words = f"holds only 0 and {values.max():g}, which can be read as 1 or as {levels[1] / 255:.2f}"
        raise UsageError(f"{name} {words}; save it {WHITE_WHERE}")


def _is_coloured(colours: np.ndarray) -> bool:
    return bool(np.ptp(colours, axis=-1).max() > SPREAD)


def _scaled(values: np.ndarray, greys: np.ndarray, name: str) -> np.ndarray:
    """What the file holds, and the same as grey levels from 0 to 255; both (H, W) -> shares (H, W)."""
    most = values.max()
    if most <= 0:
        raise UsageError(f"{name} is black everywhere; paint it {WHITE_WHERE}")
    if most == 1:
        return values.astype(np.float32)
    if greys.max() < DARKEST:
        words = f"is almost black, with values up to {most:g}, as a map of labels is"
        raise UsageError(f"{name} {words}; give a mask for each style, {WHITE_WHERE}")
    return (greys / 255).astype(np.float32)
