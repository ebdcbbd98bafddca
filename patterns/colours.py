"""Colours chosen in OKLab, so that "contrast" means contrast to the eye.

OKLab (Ottosson 2020) is a linear map of the cube roots of the cone responses. In its polar form a
colour is lightness L (0 black, 1 white), chroma C (0 grey, about 0.3 for the purest screen colour)
and hue h (radians). Equal steps in L look equal, whatever the hue. A palette can therefore keep a
given distance from its background and still take any hue, so that no class owns a colour.
Colours are sRGB float32 arrays, in [0, 1], with the channel last.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

TAU = 2 * np.pi

_LAB_TO_CONE = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_CONE_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)
_LINEAR_TO_CONE = np.linalg.inv(_CONE_TO_LINEAR)
_CONE_TO_LAB = np.linalg.inv(_LAB_TO_CONE)

# Hue steps, in turns, from the base colour to the second and to the accent.
_HARMONIES = ((0.0, 0.08), (0.08, 0.5), (0.5, 0.08), (0.42, 0.58), (0.33, 0.67), (0.17, 0.5))


def oklch(lightness, chroma, hue) -> np.ndarray:
    """sRGB colours of the given lightness, chroma and hue (arrays broadcast), clipped to [0, 1]."""
    lightness, chroma, hue = np.broadcast_arrays(lightness, chroma, hue)
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    linear = np.clip((lab @ _LAB_TO_CONE.T) ** 3 @ _CONE_TO_LINEAR.T, 0, 1)
    encoded = np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return encoded.astype(np.float32)


def oklab(colour) -> np.ndarray:
    """OKLab coordinates (L, a, b) of sRGB colours (channel last)."""
    colour = np.asarray(colour, np.float64)
    linear = np.where(colour < 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return np.cbrt(np.maximum(linear @ _LINEAR_TO_CONE.T, 0)) @ _CONE_TO_LAB.T


def mix(first: np.ndarray, second: np.ndarray, amount) -> np.ndarray:
    """The colour `amount` of the way from first to second; an (h, w) amount gives (3, h, w)."""
    if np.ndim(amount) == 0:
        return first + (second - first) * np.float32(amount)
    if first.ndim == 1:
        first = first[:, None, None]
    if second.ndim == 1:
        second = second[:, None, None]
    blend = (second - first) * amount
    blend += first
    return blend


def lighter(colour: np.ndarray, amount: float) -> np.ndarray:
    """The colour moved `amount` of the way to white."""
    return colour + (1 - colour) * np.float32(amount)


def darker(colour: np.ndarray, amount: float) -> np.ndarray:
    """The colour moved `amount` of the way to black."""
    return colour * np.float32(1 - amount)


@dataclass(frozen=True)
class Palette:
    """Five colours that go together: two main ones, an accent, a near white and a near black."""

    base: np.ndarray
    second: np.ndarray
    accent: np.ndarray
    light: np.ndarray
    dark: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, background: np.ndarray) -> Self:
        """A random palette whose two main colours stand out from the background's mean colour."""
        ground, ground_a, ground_b = oklab(background)
        # Lighter or darker than the background, at random, but where there is room for it.
        side = 1.0 if rng.random() < np.clip((0.9 - ground) / 0.6, 0, 1) else -1.0
        low, high = 0.25, 0.92
        room = (high - ground) if side > 0 else (ground - low)
        base_lightness = np.clip(ground + side * rng.uniform(0.22, max(0.25, 0.9 * room)), low, high)
        # The second colour is a clear step from the base: further from the background if the
        # range allows it, else on the base's other side.
        step = rng.uniform(0.2, 0.34)
        beyond = base_lightness + side * step
        inside = low - 0.03 < beyond < high + 0.03
        second_lightness = np.clip(beyond if inside else base_lightness - side * step, low, high)
        # The base hue stays at least 50 degrees from the background's.
        ground_hue = np.arctan2(ground_b, ground_a)
        hue = ground_hue + rng.uniform(50, 310) * TAU / 360
        second_turn, accent_turn = _HARMONIES[rng.integers(len(_HARMONIES))]
        flip = rng.choice((-1, 1))
        jitter = rng.normal(0, 0.03, 2)
        second_hue = hue + TAU * (flip * second_turn + jitter[0])
        accent_hue = hue + TAU * (flip * accent_turn + jitter[1])
        chroma = rng.uniform(0.06, 0.19)
        colours = oklch(
            np.array(
                [
                    base_lightness,
                    second_lightness,
                    rng.uniform(0.5, 0.78),
                    rng.uniform(0.88, 0.98),
                    rng.uniform(0.14, 0.3),
                ]
            ),
            np.array(
                [
                    chroma,
                    rng.uniform(0.03, 0.17),
                    rng.uniform(0.1, 0.2),
                    rng.uniform(0.0, 0.05),
                    rng.uniform(0.01, 0.08),
                ]
            ),
            np.array([hue, second_hue, accent_hue, hue + 0.5, second_hue]),
        )
        return cls(*colours)
