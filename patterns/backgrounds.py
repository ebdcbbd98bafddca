"""Backgrounds with natural statistics, drawn without knowing the class of the object.

Occlusion, 1/f spectra and smooth shading are what natural pictures have in common, and networks
trained on noise with these properties learn useful features (Baradad et al. 2021, Learning to See
by Looking at Noise; Kataoka et al. 2020, Pre-training without Natural Images, with fractals).
`dead_leaves` follows Lee, Mumford and Huang 2001: shapes that cover each other, with radii r of
density r^-3, which makes the picture look the same at every scale.

The contrast of a background is kept low, so that the object is the only large contrasting thing,
but the small distractors on top of it may be as bright as the object.
"""

import math
from collections.abc import Callable

import numpy as np

from core.errors import UsageError
from patterns.canvas import TAU, Grid, coverage, length, ramp, segment, smooth_noise
from patterns.colours import Palette, mix, oklch
from patterns.textures import TEXTURES

Background = Callable[[Grid, np.random.Generator], np.ndarray]


def _scheme(rng, count: int, spread: float) -> np.ndarray:
    """`count` related colours: one or two hues, lightness within about +-2 `spread`."""
    lightness = rng.uniform(0.33, 0.86) + spread * rng.normal(size=count)
    hue = rng.uniform(0, TAU) + rng.normal(0, 0.3, count)
    if rng.random() < 0.4:  # a second hue
        hue += (rng.random(count) < 0.35) * rng.uniform(1.5, 3.5)
    chroma = rng.uniform(0.01, 0.11) * rng.uniform(0.5, 1.3, count)
    return oklch(np.clip(lightness, 0.12, 0.95), chroma, hue)


def gradient(grid: Grid, rng) -> np.ndarray:
    """Two or three colours that run into each other along a line, or around a bright place."""
    colours = _scheme(rng, 3, 0.09)
    angle = rng.uniform(0, TAU)
    across = math.cos(angle) * grid.columns + math.sin(angle) * grid.rows[:, None]
    if rng.random() < 0.4:
        cx, cy = rng.uniform(-0.8, 0.8, 2).tolist()
        across = length(grid.x - cx, grid.y - cy) - 1
    first = mix(colours[0], colours[1], ramp(across, -1.3, 0.4))
    return mix(first, colours[2], ramp(across, 0.1, 1.4))


def clouds(grid: Grid, rng) -> np.ndarray:
    """1/f^a noise: lightness and hue vary together, mostly along one line in colour space."""
    colours = _scheme(rng, 3, 0.08)
    gain = rng.uniform(0.35, 0.75)
    frequency = rng.uniform(0.5, 1.3)
    main = grid.fractal(rng, frequency, 5, gain)
    other = grid.noise(rng, frequency)
    picture = mix(colours[0], colours[1], ramp(main, -1.6, 1.6))
    return mix(picture, colours[2], ramp(other, 0.0, 2.2) * 0.7)


def horizon(grid: Grid, rng) -> np.ndarray:
    """Ground under a sky, parted by a rough line, each with its own noise."""
    colours = _scheme(rng, 4, 0.09)
    level = rng.uniform(-0.6, 0.4)
    skyline = smooth_noise(rng, np.zeros(1, np.float32), grid.columns, rng.uniform(0.15, 0.5))
    edge = grid.y - level - rng.uniform(0.01, 0.1) * skyline
    noise = grid.fractal(rng, rng.uniform(0.8, 2.5), 4, rng.uniform(0.5, 0.8))
    sky = mix(colours[0], colours[1], ramp(grid.y, level, 1.1))
    ground = mix(colours[2], colours[3], ramp(noise, -1.8, 1.8))
    return mix(sky, ground, coverage(edge, grid.pixel + rng.uniform(0, 0.04)))


def dead_leaves(grid: Grid, rng) -> np.ndarray:
    """Discs, ellipses and boxes of power-law sizes that cover each other, softly shaded."""
    count = int(rng.integers(40, 75))
    colours = _scheme(rng, count, rng.uniform(0.04, 0.085))
    small, large = rng.uniform(0.05, 0.1), rng.uniform(0.5, 0.8)
    # Inverse of the distribution function of a density proportional to r^-3.
    radii = (large**-2 + rng.random(count) * (small**-2 - large**-2)) ** -0.5
    # Larger ones first, on the whole: else a few of them would hide all the others.
    order = np.argsort(-radii * rng.uniform(0.5, 1.5, count)).tolist()
    radii = radii.tolist()
    picture = gradient(grid, rng)
    size = len(grid.rows)
    numbers = rng.uniform(-1, 1, (count, 6)).tolist()
    boxy = rng.random() < 0.35
    for leaf in order:
        radius = radii[leaf]
        cx, cy, turn, squash, slope_x, slope_y = numbers[leaf]
        cx, cy = cx * 1.1, cy * 1.1
        left = max(int((cx - radius + 1) * size / 2), 0)
        right = min(int((cx + radius + 1) * size / 2) + 2, size)
        top = max(int((1 - cy - radius) * size / 2), 0)
        bottom = min(int((1 - cy + radius) * size / 2) + 2, size)
        if left >= right or top >= bottom:
            continue
        x = (grid.columns[left:right] - cx) * (1 / radius)
        y = (grid.rows[top:bottom, None] - cy) * (1 / radius)
        c, s = math.cos(3 * turn), math.sin(3 * turn)
        wide = 1.25 + 0.25 * squash
        u, v = x * c + y * s, (y * c - x * s) * wide
        distance = (np.maximum(np.abs(u), np.abs(v)) - 0.7) / wide if boxy else (np.sqrt(u * u + v * v) - 1) / wide
        cover = coverage(distance, grid.pixel / radius)
        shade = 1 + 0.14 * (slope_x * x + slope_y * y)
        window = picture[:, top:bottom, left:right]
        window += (colours[leaf][:, None, None] * shade - window) * cover
    return picture


def faint_texture(grid: Grid, rng) -> np.ndarray:
    """Any texture, in two nearly equal colours, over a gradient."""
    picture = gradient(grid, rng)
    names = tuple(TEXTURES)
    texture = TEXTURES[names[rng.integers(len(names))]]
    palette = Palette(*_scheme(rng, 5, 0.07))
    pattern = texture(_turned_grid(grid, rng, rng.uniform(0.12, 0.5)), rng, palette)
    return mix(picture, pattern, rng.uniform(0.2, 0.45))


BACKGROUNDS: dict[str, tuple[Background, float]] = {
    "gradient": (gradient, 0.15),
    "clouds": (clouds, 0.25),
    "horizon": (horizon, 0.18),
    "dead leaves": (dead_leaves, 0.24),
    "faint texture": (faint_texture, 0.18),
}


def render_background(rng: np.random.Generator, size: int, kind: str | None = None) -> np.ndarray:
    """A background (3, size, size) of a kind, drawn at random if None, often with small distractors on it."""
    grid = Grid.of_frame(size)
    painters, weights = zip(*BACKGROUNDS.values(), strict=True)
    drawn = painters[rng.choice(len(painters), p=weights)]  # drawn in any case, to keep the rest in step
    painter = drawn if kind is None else BACKGROUNDS[check_kind(kind)][0]
    picture = painter(grid, rng)
    if rng.random() < 0.25 and painter is not clouds:
        picture *= 1 + 0.05 * grid.fractal(rng, 3, 3, 0.7)
    for _ in range(int(rng.integers(0, 7)) if rng.random() < 0.6 else 0):
        _distract(picture, grid, rng)
    return np.clip(picture, 0, 1)


def check_kind(kind: str, argument: str = "background") -> str:
    """The kind, if there is one of that name."""
    if kind not in BACKGROUNDS:
        raise UsageError(f"{argument} is {kind!r}; it must be one of: {', '.join(BACKGROUNDS)}.")
    return kind


def _turned_grid(grid: Grid, rng, period: float) -> Grid:
    """The grid in units of `period`, turned and moved at random."""
    angle = rng.uniform(0, TAU)
    c, s = math.cos(angle) / period, math.sin(angle) / period
    dx, dy = rng.uniform(0, 8, 2).tolist()
    return Grid(
        grid.x * c + grid.y * s + dx,
        grid.y * c - grid.x * s + dy,
        grid.pixel / period,
        grid.unit * period,
        grid.rows,
        grid.columns,
    )


def _distract(picture: np.ndarray, grid: Grid, rng) -> None:
    """Paint one small thing: a blob, a stroke or a scrap of texture."""
    kind = rng.integers(3)
    cx, cy = rng.uniform(-1, 1, 2).tolist()
    radius = rng.uniform(0.03, 0.11)
    angle = rng.uniform(0, TAU)
    size = len(grid.rows)
    palette = Palette(*_scheme(rng, 5, 0.16))
    child = np.random.default_rng(rng.integers(2**32))  # draws differ by kind; keep ours in step
    left, right = (max(int((cx + side * 1.2 * radius + 1) * size / 2) + (side > 0), 0) for side in (-1, 1))
    top, bottom = (max(int((1 - cy + side * 1.2 * radius) * size / 2) + (side > 0), 0) for side in (-1, 1))
    rows, columns = slice(top, min(bottom, size)), slice(left, min(right, size))
    window = picture[:, rows, columns]
    if min(window.shape) < 2:
        return
    scrap = Grid(
        grid.x[rows, columns],
        grid.y[rows, columns],
        grid.pixel,
        grid.unit,
        grid.rows[rows],
        grid.columns[columns],
    )
    if kind == 0:
        dx, dy = math.cos(angle) * radius, math.sin(angle) * radius
        distance = segment(scrap.x, scrap.y, cx - dx, cy - dy, cx + dx, cy + dy)
        distance = distance - (radius * child.uniform(0.08, 0.2))
    else:
        distance = length(scrap.x - cx, scrap.y - cy)
        around = np.arctan2(scrap.y - cy, scrap.x - cx)
        wobble = 1 + child.uniform(0, 0.15) * np.sin(around * int(child.integers(2, 6)) + angle)
        distance = distance - radius * wobble
    colours = palette.base[:, None, None]
    if kind == 2:
        texture = tuple(TEXTURES.values())[child.integers(len(TEXTURES))]
        colours = texture(_turned_grid(scrap, child, radius * child.uniform(0.5, 1.2)), child, palette)
    shade = 1 + (scrap.y - cy) * 1.5
    cover = coverage(distance, grid.pixel) * child.uniform(0.6, 1.0)
    window += (colours * shade - window) * cover
