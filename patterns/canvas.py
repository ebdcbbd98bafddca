"""Coordinates, smooth noise, signed distances and the board that objects are painted on.

Coordinates. The frame spans [-1, 1] in x (to the right) and in y (up), whatever its size in
pixels, so one seed gives one picture at every size. Objects and textures are drawn in local
coordinates: the frame's, moved, turned, scaled and slightly warped. An object about fills the unit
disc; a texture's period is about 1.

Shapes. A shape is a signed distance field: d(x, y) is the distance to its outline, negative inside.
A disc is sqrt((x - cx)^2 + (y - cy)^2) - r. The union of two shapes is min(d1, d2), their
intersection max(d1, d2), the complement -d, a stroke along the outline |d| - w. The coverage of a
pixel falls from 1 to 0 while d goes from minus half to plus half a pixel; this is the
antialiasing, and coverage above one half is exactly d < 0.

Noise. Random numbers on a lattice in frame coordinates, interpolated by cubic B-splines. On a
pixel grid parallel to the lattice this is two thin matrix products, much faster than a lookup for
each pixel.

Pictures are float32. Python's own floats do not change that, numpy's float64 scalars would: so
scalars come from `math`, and the shapes below cast what they are given. np.hypot, np.mod and
np.where are avoided on whole pictures: they are five to a hundred times slower than a square root,
a floor or a product.
"""

import itertools
from dataclasses import dataclass
from typing import Self

import numpy as np

TAU = 2 * np.pi
FRAME_EDGE = 1.15  # noise lattices reach a little beyond the frame
FAR = np.float32(9.0)  # a distance outside every shape
# Mean square of the two-dimensional cubic B-spline weights is 0.479^2: this restores variance 1.
_SPLINE_GAIN = np.float32(1 / 0.479)

# --- Coordinates and noise -----------------------------------------------------------------------


def pixel_centres(size: int) -> np.ndarray:
    """Frame coordinates of the pixel centres, left to right."""
    return ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)


def spline_weights(positions: np.ndarray, spacing: float, count: int) -> np.ndarray:
    """The (positions, count) cubic B-spline weights of a lattice from the frame's left edge on."""
    # The spline is a difference of two truncated cubes; the knots start one cell outside.
    knots = np.arange(count, dtype=np.float32) - 1
    offset = np.abs((positions[:, None] + FRAME_EDGE) / np.float32(spacing) - knots)
    wide = np.maximum(2 - offset, 0)
    narrow = np.maximum(1 - offset, 0)
    return wide * wide * wide * np.float32(1 / 6) - narrow * narrow * narrow * np.float32(4 / 6)


def smooth_noise(rng, rows, columns, spacing: float, planes: int | None = None) -> np.ndarray:
    """Smooth noise, mean 0 and variance 1, over rows x columns (frame coordinates)."""
    spacing = max(spacing, 2 * FRAME_EDGE / 150)  # finer noise would alias in any case
    count = int(np.ceil(2 * FRAME_EDGE / spacing)) + 3
    shape = (count, count) if planes is None else (planes, count, count)
    lattice = rng.standard_normal(shape, dtype=np.float32) * _SPLINE_GAIN
    down = spline_weights(rows, spacing, count)
    across = spline_weights(columns, spacing, count)
    return down @ (lattice @ across.T)


@dataclass(frozen=True)
class Grid:
    """Local coordinates x, y of a box of pixels, and the frame coordinates of its rows, columns."""

    x: np.ndarray
    y: np.ndarray
    pixel: float  # side of a pixel in local units
    unit: float  # length of a local unit in frame units
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of_frame(cls, size: int) -> Self:
        """The whole frame in frame coordinates."""
        centres = pixel_centres(size)
        x, y = np.meshgrid(centres, -centres)
        return cls(x, y, 2 / size, 1.0, -centres, centres)

    def scaled(self, unit: float) -> Self:
        """The same pixels with a local unit that is `unit` times as long."""
        factor = np.float32(1 / unit)
        return type(self)(
            self.x * factor,
            self.y * factor,
            self.pixel / unit,
            self.unit * unit,
            self.rows,
            self.columns,
        )

    def noise(self, rng, frequency: float) -> np.ndarray:
        """Smooth noise of about `frequency` bumps to a local unit, mean 0 and variance 1."""
        return smooth_noise(rng, self.rows, self.columns, self.unit / (2 * frequency))

    def fractal(self, rng, frequency: float, octaves: int, gain: float = 0.5) -> np.ndarray:
        """1/f^a noise: octaves of smooth noise, each `gain` times as strong as the one before."""
        total = self.noise(rng, frequency)
        for octave in range(1, octaves):
            total += np.float32(gain**octave) * self.noise(rng, frequency * 2**octave)
        return total * np.float32(np.sqrt((1 - gain**2) / (1 - gain ** (2 * octaves))))


# --- Signed distances ----------------------------------------------------------------------------


def length(x, y) -> np.ndarray:
    """sqrt(x^2 + y^2)."""
    return np.sqrt(x * x + y * y)


def disc(x, y, cx: float, cy: float, radius: float) -> np.ndarray:
    """Distance to a disc."""
    return length(x - np.float32(cx), y - np.float32(cy)) - np.float32(radius)


def ellipse(x, y, cx: float, cy: float, rx: float, ry: float) -> np.ndarray:
    """Distance to an ellipse, first order: the implicit function over its gradient."""
    u, v = (x - np.float32(cx)) * np.float32(1 / rx), (y - np.float32(cy)) * np.float32(1 / ry)
    level = length(u, v)
    slope = length(u * np.float32(1 / rx), v * np.float32(1 / ry))
    return level * (level - 1) / np.maximum(slope, 1e-3)


def box(x, y, cx: float, cy: float, half_width: float, half_height: float, corner: float = 0.0):
    """Distance to a rectangle with rounded corners."""
    u = np.abs(x - np.float32(cx)) - np.float32(half_width - corner)
    v = np.abs(y - np.float32(cy)) - np.float32(half_height - corner)
    outside = length(np.maximum(u, 0), np.maximum(v, 0))
    return outside + np.minimum(np.maximum(u, v), 0) - np.float32(corner)


def segment(x, y, ax: float, ay: float, bx: float, by: float) -> np.ndarray:
    """Distance (never negative) to the straight segment from a to b."""
    dx, dy = bx - ax, by - ay
    u, v = x - np.float32(ax), y - np.float32(ay)
    along = (u * np.float32(dx) + v * np.float32(dy)) * np.float32(1 / (dx * dx + dy * dy))
    along = np.minimum(np.maximum(along, 0), 1)
    return length(u - along * np.float32(dx), v - along * np.float32(dy))


def half_plane(x, y, ax: float, ay: float, bx: float, by: float) -> np.ndarray:
    """Distance to the half plane to the left of the way from a to b."""
    dx, dy = bx - ax, by - ay
    scale = 1 / np.hypot(dx, dy)
    return (x - np.float32(ax)) * np.float32(dy * scale) - (y - np.float32(ay)) * np.float32(dx * scale)


def convex(x, y, *corners: tuple[float, float]) -> np.ndarray:
    """Distance to a convex polygon with its corners in anticlockwise order (corners mitred)."""
    distance = half_plane(x, y, *corners[-1], *corners[0])
    for start, end in itertools.pairwise(corners):
        distance = np.maximum(distance, half_plane(x, y, *start, *end))
    return distance


def lens(x, y, half_length: float, half_width: float) -> np.ndarray:
    """Distance to a pointed lens (almond) along x: two discs that overlap."""
    radius = (half_length**2 + half_width**2) / (2 * half_width)
    return length(x, np.abs(y) + np.float32(radius - half_width)) - np.float32(radius)


def fold(x, y, count: int, turn: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The plane folded into one of `count` equal sectors with its axis along x; also its number."""
    radius = length(x, y)
    angle = np.arctan2(y, x) - np.float32(turn)
    number = np.rint(angle * np.float32(count / TAU))
    angle -= number * np.float32(TAU / count)
    return radius * np.cos(angle), radius * np.sin(angle), number


def star_edge(along, across, count: int, outer: float, inner: float) -> np.ndarray:
    """Distance to a star, in coordinates folded by `count`: the line from tip to notch."""
    half = np.pi / count
    return half_plane(along, np.abs(across), outer, 0.0, inner * np.cos(half), inner * np.sin(half))


def coverage(distance: np.ndarray, pixel: float) -> np.ndarray:
    """The part of each pixel inside the shape: a smoothstep over one pixel across the outline."""
    inside = np.float32(0.5) - distance * np.float32(1 / pixel)
    inside = np.minimum(np.maximum(inside, 0), 1)
    return inside * inside * (3 - 2 * inside)


def stroke(distance: np.ndarray, half_width: float, pixel: float) -> np.ndarray:
    """The part of each pixel inside a line around distance 0; right for lines below a pixel too."""
    scale = np.float32(1 / pixel)
    outer = (distance + np.float32(half_width)) * scale + np.float32(0.5)
    inner = (distance - np.float32(half_width)) * scale + np.float32(0.5)
    return np.minimum(np.maximum(outer, 0), 1) - np.minimum(np.maximum(inner, 0), 1)


def implicit_coverage(field: np.ndarray, softness: float = 1.0) -> np.ndarray:
    """Coverage of field < 0 where the field is no distance: its step to the next pixel tells."""
    slope = np.empty_like(field)
    slope[:, :-1] = np.abs(field[:, 1:] - field[:, :-1])
    slope[:, -1:] = slope[:, -2:-1]
    slope[:-1] += np.abs(field[1:] - field[:-1])
    inside = np.float32(0.5) - field / (slope * np.float32(softness) + 1e-6)
    return np.minimum(np.maximum(inside, 0), 1)


def ramp(value, start: float, end: float) -> np.ndarray:
    """Smoothstep: 0 up to start, 1 from end on (start may be above end)."""
    part = (value - np.float32(start)) * np.float32(1 / (end - start))
    part = np.minimum(np.maximum(part, 0), 1)
    return part * part * (3 - 2 * part)


# --- The board -----------------------------------------------------------------------------------


class Board:
    """A box of pixels to paint one object on, back to front.

    `add` paints a part and enlarges the silhouette; `draw` and `line` paint details that stay
    inside it. The board keeps colour (3, h, w), coverage `alpha` and the silhouette's `distance`.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        self.x, self.y, self.pixel = grid.x, grid.y, grid.pixel
        self.rgb = np.zeros((3, *grid.x.shape), np.float32)
        self.alpha = np.zeros(grid.x.shape, np.float32)
        self.distance = np.full(grid.x.shape, FAR, np.float32)

    def add(self, distance: np.ndarray, colour: np.ndarray) -> None:
        """Paint a part of the object: colour is (3,) or (3, h, w)."""
        cover = coverage(distance, self.pixel)
        # Colours are not premultiplied, so a part over nothing must bring its full colour.
        self.alpha += cover * (1 - self.alpha)
        self._blend(cover / np.maximum(self.alpha, 1e-6), colour)
        np.minimum(self.distance, distance, out=self.distance)

    def draw(self, distance: np.ndarray, colour: np.ndarray, opacity: float = 1.0) -> None:
        """Paint a detail over what is there; the silhouette stays as it is."""
        self._blend(coverage(distance, self.pixel) * np.float32(opacity), colour)

    def line(self, distance, half_width: float, colour: np.ndarray, opacity: float = 1.0) -> None:
        """Paint a line where the distance passes through 0."""
        self._blend(stroke(distance, half_width, self.pixel) * np.float32(opacity), colour)

    def wash(self, amount: np.ndarray, colour: np.ndarray) -> None:
        """Blend a colour over everything by an (h, w) amount in [0, 1]."""
        self._blend(amount, colour)

    def shade(self, factor: np.ndarray) -> None:
        """Multiply everything painted so far."""
        self.rgb *= factor

    def _blend(self, cover: np.ndarray, colour: np.ndarray) -> None:
        # Most parts are small: blend within the rows and columns they touch.
        touched = np.flatnonzero(cover.any(axis=1))
        if not touched.size:
            return
        rows = slice(touched[0], touched[-1] + 1)
        touched = np.flatnonzero(cover[rows].any(axis=0))
        columns = slice(touched[0], touched[-1] + 1)
        colour = colour[:, None, None] if colour.ndim == 1 else colour[:, rows, columns]
        window = self.rgb[:, rows, columns]
        step = colour - window
        step *= cover[rows, columns]
        window += step
