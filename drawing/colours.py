"""Numbers -> colours: maps and pictures (H, W) or (H, W, 3) -> RGB in [0, 1], (H, W, 3)."""

import numpy as np

from drawing.palettes import coloured

QUANTILE = 0.995  # the brightest half per cent of pixels may saturate: one hot pixel must not hide the rest
ROUNDING = 1e-12  # what is smaller everywhere was left by rounding, and is not drawn at full strength


def full_scale(*maps: np.ndarray, quantile: float = QUANTILE) -> float:
    """The size that is drawn at full strength where these maps share one scale: a quantile over all of them."""
    sizes = np.concatenate([np.abs(values).ravel() for values in maps])
    return float(np.quantile(sizes, quantile) or sizes.max())  # a few bright pixels alone have quantile 0


def heat(values: np.ndarray, *, scale: float | None = None) -> np.ndarray:
    """A map (H, W), zero and up -> RGB (H, W, 3); zero stays zero. scale: `full_scale` of several; its own if None."""
    return coloured(_scaled(np.maximum(values, 0), scale), "inferno")


def diverging(values: np.ndarray, *, scale: float | None = None) -> np.ndarray:
    """A map (H, W) of both signs -> RGB: red speaks for, blue against, white is zero. `scale`: as in `heat`."""
    return coloured(0.5 + 0.5 * _scaled(values, scale), "RdBu_r")


def signed(values: np.ndarray, *, scale: float | None = None) -> np.ndarray:
    """A signed picture (H, W, 3) -> RGB around mid-grey, so that grey means no influence; `scale` as in `heat`."""
    return (0.5 + 0.5 * _scaled(values, scale)).clip(0, 1)


def overlay(image: np.ndarray, values: np.ndarray, strength: float = 0.65, *, scale: float | None = None) -> np.ndarray:
    """Lay a map (H, W) over its picture, uint8 (H, W, 3): colours where it is hot, the greyed picture elsewhere.

    scale: what is drawn at full strength, its own largest value if None.
    """
    scale = max(0.0, values.max()) if scale is None else scale
    share = _scaled(np.maximum(values, 0), scale=scale)[..., None]
    picture = image / 255.0
    grey = 0.35 * picture + 0.65 * picture.mean(axis=2, keepdims=True)
    colours = coloured(share[..., 0], "turbo")
    weight = strength * (0.4 + 0.6 * share)  # where the map is cold, the picture shows through
    return ((1 - weight) * grey + weight * colours).clip(0, 1)


def diverging_overlay(image: np.ndarray, values: np.ndarray, *, scale: float | None = None) -> np.ndarray:
    """Lay a map (H, W) of both signs over its picture, uint8 (H, W, 3): red speaks for, blue against, grey is zero."""
    share = _scaled(values, scale)
    colours = coloured(0.5 + 0.5 * share, "RdBu_r")
    pale = 0.35 + 0.5 * image.mean(axis=2, keepdims=True) / 255
    weight = 0.9 * np.abs(share)[..., None] ** 0.7  # middling values must show their colour, too
    return ((1 - weight) * pale + weight * colours).clip(0, 1)


def stretch(image: np.ndarray) -> np.ndarray:
    """Stretch the contrast of a faint picture, uint8 (H, W, 3), about its mean colour; a full one stays as it is.

    Synthesised pictures carry much of their content in small differences.
    """
    values = image / 255.0
    mean = values.mean(axis=(0, 1))
    spread = np.quantile(np.abs(values - mean), 0.998)
    return (mean + (values - mean) * max(1.0, 0.45 / max(spread, 1e-6))).clip(0, 1)


def outline(image: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Draw a mask's edge (H, W) on RGB (H, W, 3), one pixel wide, in magenta; no mask, no change."""
    if mask is None:
        return image
    result = image.copy()
    full = 255 if image.dtype == np.uint8 else 1.0
    around = np.pad(mask, 1, constant_values=True)
    within = around[:-2, 1:-1] & around[2:, 1:-1] & around[1:-1, :-2] & around[1:-1, 2:]
    result[mask & ~within] = (full, 0, full)  # a colour that no map has
    return result


def blank_note(values: np.ndarray, reason: str = "its class has score 0 here") -> str:
    """The words for a map that is zero everywhere, else nothing."""
    return "" if np.any(np.abs(values) > ROUNDING) else f"blank: {reason or 'nothing speaks for the class here'}"


def _scaled(values: np.ndarray, scale: float | None = None) -> np.ndarray:
    scale = full_scale(values) if scale is None else scale
    return np.zeros_like(values, dtype=float) if not scale else (values / scale).clip(-1, 1)
