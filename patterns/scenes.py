"""Scenes: an object or a patch of texture over a background, lit, blurred, with its exact mask.

A scene is a function of (seed, index, label) and of nothing else. These three seed four separate
generators - for the background, the object, the light and the sensor noise - so the background's
distribution cannot depend on the class, and the picture cannot depend on the batch. All lengths
are fractions of the frame (see canvas), so a scene looks the same at every size; only the sensor
noise is drawn per pixel.

The mask is where the object covers more than half of a pixel, before blur and noise.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from core.errors import UsageError
from patterns.backgrounds import render_background
from patterns.canvas import (
    FRAME_EDGE,
    TAU,
    Board,
    Grid,
    box,
    coverage,
    length,
    pixel_centres,
    smooth_noise,
    spline_weights,
)
from patterns.colours import Palette
from patterns.objects import AREAS, FACETS, LEAN, OBJECTS
from patterns.textures import PERIODS, TEXTURES

CLASS_NAMES: tuple[str, ...] = (*TEXTURES, *OBJECTS)

_MIN_SIZE, _MAX_SIZE = 32, 1024
_SHADOW_CELLS = 48
_PERIODS = 0.12, 0.5  # of most textures, in frame units

# A scene at 224 pixels frees and takes some megabytes many times. By default glibc hands them back
# to the system at once, and the page faults cost a third of the time. It raises its threshold to
# twice the largest block freed so far; this one is never touched, so it costs nothing.
_large_block = np.empty(30 << 20, np.uint8)
del _large_block


@dataclass(frozen=True)
class Scene:
    """A picture (H, W, 3) uint8, the object's mask (H, W) bool, and its class number."""

    image: np.ndarray
    mask: np.ndarray
    label: int


@dataclass(frozen=True)
class PairScene:
    """A picture with two objects, their disjoint masks (2, H, W) and class numbers (2,)."""

    image: np.ndarray
    masks: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class _Light:
    """Where the light comes from, and what it does."""

    x: float
    y: float
    relief: float
    shadow: float
    shadow_offset: float
    shadow_blur: float

    @classmethod
    def draw(cls, rng) -> "_Light":
        angle = rng.uniform(0.05, 0.95) * np.pi  # from above
        return cls(
            math.cos(angle),
            math.sin(angle),
            rng.uniform(0.1, 0.4),
            rng.uniform(0.0, 0.55),
            rng.uniform(0.02, 0.08),
            rng.uniform(0.02, 0.06),
        )


@dataclass(frozen=True)
class _Spot:
    """The place in the frame where an object goes: its centre and its share of the frame."""

    x: float
    y: float
    scale: float


# --- Public --------------------------------------------------------------------------------------


def render_scene(label: int | str, *, seed: int, size: int = 224, facet: int | None = None) -> Scene:
    """One scene of a class; the same as the first scene of a batch with this seed and label."""
    label = class_number(label)
    seed, size = check_seed(seed), check_size(size)
    _check_facet(label, facet)
    return _render(seed, 0, label, size, facet)


def render_pair(label_a: int | str, label_b: int | str, *, seed: int, size: int = 224) -> PairScene:
    """Two objects in one scene; one of them, drawn at random, is nearer and may hide the other."""
    labels = class_number(label_a, "label_a"), class_number(label_b, "label_b")
    seed, size = check_seed(seed), check_size(size)
    ground_rng, object_rng, light_rng, noise_rng = _generators(seed, 0, *labels)
    picture = render_background(ground_rng, size)
    light = _Light.draw(light_rng)
    direction = object_rng.uniform(0, TAU)
    dx, dy = math.cos(direction), math.sin(direction)
    # Push the two apart to opposite sides of the frame.
    reach = 0.46 / max(abs(dx), abs(dy)) if object_rng.random() < 0.7 else 0.42
    spots = []
    for side in (-1, 1):
        scale = object_rng.uniform(0.38, 0.52)
        x, y = np.clip(
            side * reach * np.array([dx, dy]) + object_rng.normal(0, 0.04, 2),
            scale - 0.98,
            0.98 - scale,
        ).tolist()
        spots.append(_Spot(x, y, scale))
    far_first = (0, 1) if object_rng.random() < 0.5 else (1, 0)
    masks = np.zeros((2, size, size), bool)
    for place in far_first:
        mask = put_object(picture, labels[place], None, object_rng, light, spots[place])
        masks[1 - place] &= ~mask
        masks[place] = mask
    image = _develop(picture, light, light_rng, noise_rng)
    return PairScene(image, masks, np.array(labels))


def render_batch(labels: Sequence[int | str], *, seed: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (N, H, W, 3) uint8 and masks (N, H, W) bool; scene i depends on seed, i, its label."""
    numbers = [class_number(label, "labels") for label in labels]
    seed, size = check_seed(seed), check_size(size)
    images = np.empty((len(numbers), size, size, 3), np.uint8)
    masks = np.empty((len(numbers), size, size), bool)
    for index, label in enumerate(numbers):
        scene = _render(seed, index, label, size)
        images[index], masks[index] = scene.image, scene.mask
    return images, masks


def render_indexed(
    label: int | str,
    *,
    seed: int,
    index: int,
    size: int = 224,
    background: str | None = None,
    facet: int | None = None,
) -> Scene:
    """Scene `index` of a batch, on its own; on wish before a background of one kind (see BACKGROUNDS), or with an
    object of one kind (see FACETS).

    The kind leaves the object's shape, its place and the light as they are. Its colours change, since they are
    chosen to stand out from the background.
    """
    seed, index, label = check_seed(seed), check_seed(index, "index"), class_number(label)
    _check_facet(label, facet)
    return _render(seed, index, label, check_size(size), facet, background=background)


def class_number(label: int | str, argument: str = "label") -> int:
    """The number of a class given by number or name."""
    if isinstance(label, str):
        if label in CLASS_NAMES:
            return CLASS_NAMES.index(label)
    elif _is_whole(label) and 0 <= label < len(CLASS_NAMES):
        return int(label)
    raise UsageError(
        f"{argument} is {label!r}; it must be a number from 0 to {len(CLASS_NAMES) - 1} "
        f"or one of: {', '.join(CLASS_NAMES)}."
    )


# --- Checks --------------------------------------------------------------------------------------


def _is_whole(value) -> bool:
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))


def check_seed(seed: int, argument: str = "seed") -> int:
    """The seed (or index, or length) as an int, if it is a whole number and not negative."""
    if not _is_whole(seed) or seed < 0:
        raise UsageError(f"{argument} is {seed!r}; it must be a whole number, 0 or more.")
    return int(seed)


def check_size(size: int) -> int:
    """The size as an int, if it is allowed."""
    if not _is_whole(size) or not _MIN_SIZE <= size <= _MAX_SIZE:
        raise UsageError(f"size is {size!r}; it must be a whole number from {_MIN_SIZE} to {_MAX_SIZE}.")
    return int(size)


def _check_facet(label: int, facet: int | None) -> None:
    kinds = FACETS.get(CLASS_NAMES[label], ())
    if facet is None or (_is_whole(facet) and 0 <= facet < len(kinds)):
        return
    allowed = f"None or a number from 0 to {len(kinds) - 1}" if kinds else "None"
    raise UsageError(f"facet is {facet!r}; for the class {CLASS_NAMES[label]!r} it must be {allowed}.")


# --- Composition ---------------------------------------------------------------------------------


def _generators(seed: int, index: int, *labels: int) -> list[np.random.Generator]:
    # A seed sequence ignores trailing zeros: counting labels from 1 keeps pairs apart from singles.
    children = np.random.SeedSequence([seed, index, *(label + 1 for label in labels)]).spawn(4)
    return [np.random.Generator(np.random.SFC64(child)) for child in children]


def _render(
    seed: int,
    index: int,
    label: int,
    size: int,
    facet: int | None = None,
    *,
    background: str | None = None,
) -> Scene:
    ground_rng, object_rng, light_rng, noise_rng = _generators(seed, index, label)
    picture = render_background(ground_rng, size, background)
    light = _Light.draw(light_rng)
    mask = put_object(picture, label, facet, object_rng, light)
    return Scene(_develop(picture, light, light_rng, noise_rng), mask, label)


def put_object(
    picture: np.ndarray,
    label: int,
    facet: int | None,
    rng,
    light: _Light,
    spot: _Spot | None = None,
) -> np.ndarray:
    """Paint an object of the class into the picture; its mask."""
    name = CLASS_NAMES[label]
    paint = _texture_layer if name in TEXTURES else _object_layer
    board, rows, columns = paint(picture, name, facet, rng, light, spot)
    _cast_shadow(picture, board, light)
    window = picture[:, rows, columns]
    window += (board.rgb - window) * board.alpha
    mask = np.zeros(picture.shape[1:], bool)
    mask[rows, columns] = board.alpha > 0.5
    return mask


def _share(rng) -> float:
    """The share of the frame to cover: about 9 % to 52 %, median 25 %."""
    return min(max(0.25 * math.exp(0.5 * rng.normal()), 0.09), 0.52)


def _object_layer(picture, name, facet, rng, light, spot):
    """A board with an object painted on it, and the rows and columns of the picture it covers."""
    kinds = FACETS.get(name, ())
    drawn = int(rng.integers(len(kinds))) if kinds else None
    facet = drawn if facet is None else facet
    share = _share(rng)
    area = AREAS[name]
    # Thin things would outgrow the frame to cover a quarter of it: they get less, but 8 %.
    scale = max(math.sqrt(4 * share / max(area, 1.35)), math.sqrt(4 * 0.082 / area))
    scale = min(scale, 0.9)
    places = rng.uniform(-1, 1, 2)
    spot = spot or _Spot(*(places * max(0.0, 0.97 - 1.05 * scale)).tolist(), scale)
    lean = LEAN.get(name)
    angle = rng.uniform(0, TAU)
    if lean is not None:
        angle = math.radians(lean) * min(max(rng.normal(0, 0.5), -1), 1)
    stretch = math.exp(rng.uniform(-0.07, 0.07))
    mirrored = rng.random() < 0.5
    grid, rows, columns = _local_grid(picture.shape[1], spot, angle, stretch, mirrored, rng)
    palette = Palette.draw(rng, picture[:, rows, columns].mean(axis=(1, 2)))
    board = Board(grid)
    OBJECTS[name](board, rng, palette, facet)
    _light_up(board, light, 0.22, rng)
    return board, rows, columns


def _texture_layer(picture, name, facet, rng, light, spot):
    """The same with a patch of texture; textures have no facets."""
    share = _share(rng)
    outline = _OUTLINES[rng.choice(len(_OUTLINES), p=_OUTLINE_WEIGHTS)]
    wide = math.exp(rng.uniform(0.0, 0.35))
    period = math.exp(rng.uniform(*map(math.log, PERIODS.get(name, _PERIODS))))
    places = rng.uniform(-1, 1, 2)
    angle = rng.uniform(0, TAU)
    upright = rng.random() < 0.4
    texture_angle = rng.normal(0, 0.15) if upright else rng.uniform(0, TAU)
    if spot is not None:
        outline = outline if outline in (_blob, _plate, _round) else _blob
        scale = spot.scale * 0.95
    else:
        scale = math.sqrt(4 * share / np.pi)
        spot = _Spot(*(places * max(0.0, 0.97 - 1.12 * scale)).tolist(), scale)
    size = picture.shape[1]
    whole = outline in (_everything, _half)
    reach = _Spot(0.0, 0.0, 1.0) if whole else _Spot(spot.x, spot.y, scale * 1.5)
    frame, rows, columns = _local_grid(size, reach, 0.0, 1.0, False, rng)
    # From here on in frame units around the patch's centre.
    frame = frame.scaled(1 / reach.scale)
    outline_rng, texture_rng = (np.random.default_rng(n) for n in rng.integers(2**32, size=2))
    c, s = math.cos(angle), math.sin(angle)
    distance = outline(frame.x * c + frame.y * s, frame.y * c - frame.x * s, scale, wide, outline_rng)
    if not whole:  # at least three periods across, or nobody could tell the texture
        period = min(period, 2 * scale / 3.4)
    ct, st = math.cos(texture_angle) / period, math.sin(texture_angle) / period
    dx, dy = texture_rng.uniform(0, 8, 2).tolist()
    local = Grid(
        frame.x * ct + frame.y * st + dx,
        frame.y * ct - frame.x * st + dy,
        frame.pixel / period,
        period,
        frame.rows,
        frame.columns,
    )
    palette = Palette.draw(rng, picture[:, rows, columns].mean(axis=(1, 2)))
    board = Board(frame)
    board.rgb = np.ascontiguousarray(TEXTURES[name](local, texture_rng, palette), np.float32)
    board.distance = distance
    board.alpha = coverage(distance, frame.pixel)
    _light_up(board, light, 0.07, rng)
    return board, rows, columns


def _local_grid(size: int, spot: _Spot, angle: float, stretch: float, mirrored: bool, rng):
    """The pixels around a spot in the local coordinates of an object placed there."""
    reach = spot.scale * 1.18
    left = max(int((spot.x - reach + 1) * size / 2), 0)
    right = min(int((spot.x + reach + 1) * size / 2) + 1, size)
    top = max(int((1 - spot.y - reach) * size / 2), 0)
    bottom = min(int((1 - spot.y + reach) * size / 2) + 1, size)
    rows, columns = slice(top, bottom), slice(left, right)
    centres = pixel_centres(size)
    across, up = centres[columns], -centres[rows]
    u, v = (across - spot.x), (up - spot.y)[:, None]
    c, s = math.cos(angle) / spot.scale, math.sin(angle) / spot.scale
    flip = -1 if mirrored else 1
    x = u * (flip * c / stretch) + v * (flip * s / stretch)
    y = v * (c * stretch) - u * (s * stretch)
    # A mild smooth warp; its gradient is a few percent, so distances stay nearly true.
    strength = rng.uniform(0.0, 0.035)
    spacing = rng.uniform(0.5, 0.9) * spot.scale
    warp = smooth_noise(rng, up, across, spacing, planes=2) * strength
    return (
        Grid(x + warp[0], y + warp[1], 2 / size / spot.scale, spot.scale, up, across),
        rows,
        columns,
    )


# --- Outlines of texture patches; `scale` is the radius of the disc of equal area ----------------


def _blob(x, y, scale: float, wide: float, rng) -> np.ndarray:
    """A closed curve with a few random bulges."""
    angle = np.arctan2(y, x)
    radius = np.ones_like(angle)
    for harmonic in (2, 3, 4, 5):
        bulge = rng.uniform(0.0, 0.3) / harmonic
        radius += bulge * np.sin(angle * harmonic + rng.uniform(0, TAU))
    return (length(x, y) - scale * radius) * 0.92


def _plate(x, y, scale: float, wide: float, rng) -> np.ndarray:
    """A rectangle with rounded corners."""
    half = scale * math.sqrt(np.pi) / 2
    corner = rng.uniform(0.05, 0.5) * half / wide
    return box(x, y, 0, 0, half * math.sqrt(wide), half / math.sqrt(wide), corner)


def _round(x, y, scale: float, wide: float, rng) -> np.ndarray:
    """A disc."""
    return length(x, y) - scale


def _half(x, y, scale: float, wide: float, rng) -> np.ndarray:
    """All that lies to one side of a straight line."""
    return x - rng.uniform(-0.35, 0.2)


def _everything(x, y, scale: float, wide: float, rng) -> np.ndarray:
    """The whole frame."""
    return np.full(x.shape, -2, np.float32)


_OUTLINES = (_blob, _plate, _round, _half, _everything)
_OUTLINE_WEIGHTS = (0.4, 0.22, 0.16, 0.12, 0.1)

# --- Light ---------------------------------------------------------------------------------------


def _light_up(board: Board, light: _Light, rim: float, rng) -> None:
    """Round the object's edge towards the light, and vary its brightness across its surface."""
    depth = np.minimum(np.maximum(board.distance * (-1 / rim), 0), 1)
    height = depth * (2 - depth)
    # Brightness follows the slope of the rounded edge towards the light.
    factor = np.ones_like(height)
    step = light.relief * rim / (4 * board.pixel)
    factor[:, 1:-1] -= (height[:, 2:] - height[:, :-2]) * (step * light.x)
    factor[1:-1] += (height[2:] - height[:-2]) * (step * light.y)
    np.maximum(factor, 0.55, out=factor)
    np.minimum(factor, 1.45, out=factor)
    grid = board.grid
    mottle = smooth_noise(rng, grid.rows, grid.columns, rng.uniform(0.04, 0.15))
    factor += rng.uniform(0.0, 0.05) * mottle
    slope = rng.uniform(0.0, 0.22)
    factor += slope * light.x * (grid.columns - grid.columns.mean())
    factor += (slope * light.y * (grid.rows - grid.rows.mean()))[:, None]
    board.rgb *= factor
    np.clip(board.rgb, 0, 1, out=board.rgb)


def _cast_shadow(picture: np.ndarray, board: Board, light: _Light) -> None:
    """Darken the picture by the object's silhouette, blurred and moved away from the light.

    A blurred silhouette needs few samples: it is gathered with Gaussian weights on a coarse
    lattice, and read from there by cubic splines. Both steps are thin matrix products.
    """
    centres = pixel_centres(picture.shape[1])
    spacing = 2 * FRAME_EDGE / (_SHADOW_CELLS - 3)
    knots = (np.arange(_SHADOW_CELLS, dtype=np.float32) - 1) * spacing - FRAME_EDGE
    norm = 2 / len(centres) / (light.shadow_blur * math.sqrt(TAU))

    def gather(positions: np.ndarray) -> np.ndarray:
        away = (knots[:, None] - positions) * (1 / light.shadow_blur)
        return np.exp(away * away * -0.5) * norm

    grid = board.grid
    coarse = gather(grid.rows) @ board.alpha @ gather(grid.columns).T
    down = spline_weights(-centres + light.shadow_offset * light.y, spacing, _SHADOW_CELLS)
    across = spline_weights(centres + light.shadow_offset * light.x, spacing, _SHADOW_CELLS)
    picture *= 1 - light.shadow * np.minimum(down @ coarse @ across.T, 1)


def _develop(picture: np.ndarray, light: _Light, rng, noise_rng) -> np.ndarray:
    """Light falling off across the frame, exposure, blur and sensor noise; the picture as uint8."""
    size = picture.shape[1]
    centres = pixel_centres(size)
    fall = rng.uniform(0.0, 0.18)
    vignette = rng.uniform(0.0, 0.22)
    exposure = rng.uniform(0.94, 1.16)
    sigma = rng.uniform(0.0, 0.011)
    blurred = rng.random() < 0.65
    strength = rng.uniform(0.0, 0.035) * (rng.random() < 0.7)
    # Fall-off and vignette are sums of a part by row and a part by column.
    square = (vignette / 2) * centres * centres
    by_column = exposure + fall * light.x * centres - square
    by_row = (fall * light.y) * -centres - square
    picture *= by_column + by_row[:, None]
    if blurred and sigma * size / 2 > 0.2:
        away = (centres[:, None] - centres) * (1 / sigma)
        weights = np.exp(away * away * -0.5)
        weights /= weights.sum(axis=1, keepdims=True)
        picture = weights @ picture @ weights.T
    picture *= 255
    if strength > 0:
        # The sum of two random bytes: triangular noise, much cheaper than normal noise.
        grain = np.frombuffer(noise_rng.bytes(2 * picture.size), np.uint8)
        grain = np.add(*grain.reshape(2, *picture.shape), dtype=np.float32)
        grain -= 255
        grain *= strength * 255 / 104
        picture += grain
    picture += 0.5
    np.clip(picture, 0, 255, out=picture)
    return np.ascontiguousarray(picture.astype(np.uint8).transpose(1, 2, 0))
