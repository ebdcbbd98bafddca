"""The content scenes: clear, well-lit places with strong shapes and depth, for style to be laid on.

Each function draws one scene of ``height`` rows in design coordinates (see ``brushes``) and
returns floats (rows, columns, 3) from 0 to 1.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

from patterns.paintings.brushes import colour, grid, mix, noise, ramp, step


class Scene:
    """A picture made of filled shapes, each with a gradient from its top to its bottom."""

    def __init__(self, picture: np.ndarray):
        self.picture = picture
        self.height, self.columns = picture.shape[:2]

    def fill(self, corners, top: str, bottom: str | None = None, opacity: float = 1.0) -> None:
        """Fill a polygon of design points with a vertical gradient between two colours."""
        points = np.asarray(corners, float) * self.height
        low = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0)
        high = np.minimum(np.ceil(points.max(0)).astype(int) + 2, [self.columns, self.height])
        if (high <= low).any():
            return
        mask = Image.new("L", tuple((high - low).tolist()))
        ImageDraw.Draw(mask).polygon([tuple(p) for p in (points - low).tolist()], fill=255)
        part = (slice(low[1], high[1]), slice(low[0], high[0]))
        share = np.linspace(0, 1, high[1] - low[1])[:, None, None]
        tint = colour(top) * (1 - share) + colour(bottom or top) * share
        self.picture[part] = mix(self.picture[part], tint, opacity * np.asarray(mask) / 255.0)

    def box(self, left, top, right, bottom, code, code2=None, opacity=1.0) -> None:
        """Fill an upright rectangle."""
        corners = [(left, top), (right, top), (right, bottom), (left, bottom)]
        self.fill(corners, code, code2, opacity)


def sky(rng, height: int, codes: str, horizon: float, cover: float, cells: int) -> np.ndarray:
    """A sky that pales towards the horizon, with clouds lit from above; more with ``cover``."""
    _, y = grid(height)
    picture = ramp(codes, y / horizon)
    billow = noise(rng, cells, octaves=6, height=height, stretch=1.7)
    lower = np.roll(billow, round(0.02 * height), axis=0)  # thicker above than below: lit top
    puff = step(1.0 - cover, 1.75 - cover, billow - 1.6 * np.abs(y / horizon - 0.45))
    lit = np.clip(0.62 + 0.35 * (billow - lower), 0, 1)
    return mix(picture, ramp("b9c3d6 e4e2e4 fffaf0", lit), 0.92 * puff)


def mirrored(rng, picture: np.ndarray, waterline: float, tint: str, strength: float) -> np.ndarray:
    """Turn everything below ``waterline`` into rippled water that reflects what is above it."""
    height = picture.shape[0]
    x, y = grid(height)
    depth = np.clip(y - waterline, 0, 1)
    near = depth / (1 - waterline)
    # Ripples are fine at the far shore and broad at the near one.
    phase = 120 * np.log(0.06 + depth) / np.log(10)
    ripple = noise(rng, 70, octaves=2, height=height, stretch=7) * (1 - near)
    ripple = ripple + noise(rng, 26, octaves=2, height=height, stretch=6) * near
    wave = 0.6 * ripple + 0.4 * np.sin(phase + 2.0 * noise(rng, 6, height=height, stretch=3))
    row = (waterline - depth * 1.02 - 0.012 * wave * (0.15 + near)) * height
    column = (x + 0.006 * wave * (0.3 + near)) * height
    seen = np.stack(
        [map_coordinates(picture[..., c], [row, column], order=1, mode="reflect") for c in range(3)],
        -1,
    )
    water = mix(seen * 0.92, colour(tint), strength * (0.35 + 0.65 * near) + 0.06 * wave)
    water = mix(water, np.ones(3), 0.16 * step(1.1, 2.4, wave) * (0.4 + near))
    return np.where((y > waterline)[..., None], np.clip(water, 0, 1), picture)


# ---------------------------------------------------------------- mountain_lake

RIDGES = [
    # base, height of the peaks, bumps across, lit colour, shaded colour, snow, peaks (x, rise)
    (0.50, 0.06, 7, "c3cfe4", "a3b4d4", 0.0, [(0.15, 0.10), (0.75, 0.08)]),
    (0.54, 0.07, 9, "b4c0d8", "7388b4", 0.20, [(0.48, 0.40), (0.28, 0.19), (0.71, 0.22)]),
    (0.56, 0.05, 11, "8ea6bc", "506c98", 0.06, [(0.02, 0.24), (1.28, 0.26), (1.08, 0.13)]),
    (0.58, 0.03, 13, "6f9a8c", "34617a", 0.0, [(0.20, 0.09), (0.90, 0.07)]),
    (0.605, 0.02, 16, "5c8a58", "24504c", 0.0, [(0.0, 0.07), (1.33, 0.08), (0.62, 0.01)]),
]
WATERLINE = 0.615


def mountain_lake(height: int, rng) -> np.ndarray:
    """Ridges that pale with distance round a snowy peak, a low sun, a still lake, near pines."""
    x, y = grid(height)
    picture = sky(rng, height, "3f7fc8 6fa8dc a9cde8 f3dcb8 f9c896", 0.56, 0.30, 4)
    reach = np.hypot(x - 0.98, y - 0.25)
    picture = mix(picture, colour("ffdf9a"), 0.75 * np.exp(-reach / 0.11))
    picture = mix(picture, colour("fffbe8"), step(0.052, 0.047, reach))
    for base, rough, bumps, lit, shaded, snow, peaks in RIDGES:
        picture = _ridge(rng, picture, (base, rough, bumps), (lit, shaded), snow, peaks)
        haze = step(base - 0.10, base + 0.03, y) * (y < WATERLINE)
        picture = mix(picture, colour("e9dcd0"), 0.30 * haze * (base < 0.59))
    picture = mirrored(rng, picture, WATERLINE, "2a6690", 0.42)
    sparkle = noise(rng, 240, height=height, stretch=9) - 15 * np.abs(x - 0.98) ** 1.3
    picture = mix(picture, colour("fff2c4"), 0.8 * step(0.3, 0.8, sparkle) * (y > WATERLINE + 0.004))
    scene = Scene(picture)
    _shore(rng, scene)
    return scene.picture


def _ridge(rng, picture, shape, colours, snow, peaks) -> np.ndarray:
    """One range: craggy outline, flanks lit from the sun's side, snow above a ragged line."""
    base, rough, bumps = shape
    height = picture.shape[0]
    x, y = grid(height)
    across = x[0]
    rise = np.zeros_like(across)
    for peak, tall in peaks:
        rise = np.maximum(rise, tall * np.maximum(0, 1 - np.abs(across - peak) / (tall * 1.45)) ** 1.15)
    crags = sum(_crags(rng, across, bumps * 2**k) / 2**k for k in range(5))
    outline = base - rise - rough * crags * (0.35 + 1.8 * rise)
    below = y - outline
    # Spurs run down from the crest: folded noise has sharp crests, and each has a lit right side.
    wander = 0.013 * noise(rng, 7, octaves=3, height=height) * np.clip(below * 7, 0, 1)
    folds = sum(np.abs(noise(rng, 5 * 2**k, height=height, stretch=0.7)) / 2.0**k for k in range(5))
    # They also lean away from the peak, as water runs off it.
    away = np.tanh(2.0 * np.gradient(gaussian_filter1d(outline, 0.05 * height)))
    source = (x - 1.0 * np.clip(below, 0, 1) * away + wander) * height
    folds = map_coordinates(folds, [y * height, source], order=1, mode="reflect")
    spurs = np.gradient(gaussian_filter(folds, 0.0016 * height), axis=1) * height
    smooth = gaussian_filter1d(outline, 0.006 * height)
    slope = np.gradient(smooth) * 1.1
    column = np.clip((x + wander) * height, 0, x.shape[1] - 1).astype(int)
    facing = step(-1.15, 1.15, 0.8 * np.tanh(slope[column]) + 0.055 * spurs)
    flank = mix(colour(colours[1]) * np.ones(3), colour(colours[0]), facing)
    flank = flank * (1 + 0.05 * noise(rng, 60, octaves=2, height=height)[..., None])
    if snow:
        edge = snow - below - 0.05 * (folds - folds.mean())
        high = step(base - 0.11, base - 0.17, y)
        cap = mix(colour("93a9d6") * np.ones(3), colour("fffaf2"), facing)
        flank = mix(flank, cap, step(0.0, 0.03, edge) * high)
    pixel = 1.2 / height
    return mix(picture, flank, step(-pixel, pixel, below))


def _crags(rng, across, bumps) -> np.ndarray:
    """A jagged line from -1 to 1: straight pieces between random heights."""
    knots = np.linspace(-0.1, 1.45, bumps * 2) + rng.uniform(-0.2, 0.2, bumps * 2) / bumps
    return np.interp(across, np.sort(knots), rng.uniform(-1, 1, bumps * 2))


def _shore(rng, scene) -> None:
    """The near bank with grass and stones, and pines that frame the view on both sides."""
    across = np.linspace(-0.02, 1.36, 120)
    for lift, top, bottom in [(0.0, "5c7a3a", "2a4a2c"), (0.030, "3f6430", "1c3822")]:
        bank = 0.985 + lift - 0.16 * step(0.50, 0.0, across) - 0.12 * step(0.84, 1.33, across)
        bank += 0.006 * np.sin(across * 31 + lift * 90) + 0.004 * rng.standard_normal(120)
        scene.fill([*zip(across, bank, strict=True), (1.4, 1.1), (-0.1, 1.1)], top, bottom)
    for _ in range(1500):  # blades of grass along both banks
        left, down = rng.uniform(-0.01, 1.34), rng.uniform(0.0, 0.10)
        ground = 0.992 - 0.16 * step(0.50, 0.0, left) - 0.12 * step(0.84, 1.33, left) + down
        lean, tall = rng.normal(0, 0.005), rng.uniform(0.010, 0.020)
        blade = [(left - 0.0016, ground), (left + 0.0016, ground), (left + lean, ground - tall)]
        scene.fill(blade, rng.choice(["8fae50", "6f9644", "4f7a3c", "a8b85c"]), "2f5430", 0.85)
    for _ in range(26):
        left = rng.uniform(0.0, 1.3)
        ground = 0.995 - 0.14 * step(0.50, 0.0, left) - 0.10 * step(0.84, 1.33, left)
        size = rng.uniform(0.006, 0.016)
        turn = np.linspace(np.pi, 2 * np.pi, 9)
        dome = [(left + 1.5 * size * np.cos(t), ground + size * np.sin(t)) for t in turn]
        scene.fill(dome, "c4bcae", "5c5c60")
    pines = [(0.30, 0.905, 0.20), (0.015, 0.86, 0.50), (0.215, 0.895, 0.32), (0.115, 0.90, 0.56)]
    pines += [(1.07, 0.945, 0.22), (1.30, 0.92, 0.50), (1.17, 0.935, 0.38)]
    for left, ground, tall in pines:
        _pine(rng, scene, left, ground, tall)


def _pine(rng, scene, centre, ground, tall) -> None:
    """A pine: tiers of drooping, ragged boughs on a trunk, lighter on the side of the sun."""
    wide = tall * 0.20
    scene.box(
        centre - 0.016 * tall,
        ground - 0.2 * tall,
        centre + 0.016 * tall,
        ground + 0.02,
        "5a3f2c",
        "38261c",
    )
    tiers = 13
    for tier in range(tiers):
        share = tier / (tiers - 1)  # 0 at the foot, 1 at the tip
        low = ground - tall * (0.07 + 0.85 * share)
        half = wide * (1.03 - share) ** 0.85 * rng.uniform(0.88, 1.1)
        rise = tall * 0.15 * (1.15 - 0.5 * share)
        edge = np.linspace(-1, 1, 15)
        droop = low - 0.3 * rise * (1 - np.abs(edge)) + 0.10 * rise * (np.arange(15) % 2)
        droop = droop + 0.05 * rise * rng.standard_normal(15)
        skirt = list(zip(centre + half * edge, droop, strict=True))
        tip = (centre, low - rise)
        scene.fill([tip, *skirt[::-1]], "1f4a34", "123026")
        scene.fill([tip, *skirt[:6:-1]], "4d8048", "1f4a34", 0.75)
        scene.fill([tip, *skirt[:9:-1]], "8aa850", "3f7040", 0.6)


# ---------------------------------------------------------------- harbour_town

FRONTS = [
    # left edge, width, height of wall and gable, colour of wall and roof, kind of gable
    (-0.02, 0.155, 0.215, 0.085, "d98a5a", "8c4632", "plain"),
    (0.135, 0.120, 0.275, 0.080, "e9c36a", "6a4a40", "stepped"),
    (0.255, 0.150, 0.200, 0.090, "8fb0b8", "a04a34", "plain"),
    (0.405, 0.110, 0.300, 0.075, "c4564a", "5a4450", "stepped"),
    (0.515, 0.145, 0.235, 0.100, "f0dfc0", "b05a3a", "plain"),
    (0.660, 0.125, 0.270, 0.085, "6f94a8", "7a4034", "bell"),
    (0.785, 0.140, 0.205, 0.085, "e6a06a", "96503a", "plain"),
    (0.925, 0.115, 0.290, 0.080, "ecd594", "5f4a4a", "stepped"),
    (1.040, 0.150, 0.225, 0.095, "b8705c", "8a4030", "plain"),
    (1.190, 0.160, 0.260, 0.085, "a8bc98", "6e4a48", "bell"),
]
QUAY, WATER = 0.605, 0.660


def harbour_town(height: int, rng) -> np.ndarray:
    """Gabled houses in a row on a quay, a church tower behind, boats, and all of it mirrored."""
    x, _ = grid(height)
    scene = Scene(sky(rng, height, "4a90d0 7fb6e2 b8d8ec f4e6cc", 0.60, 0.62, 5))
    _tower(scene, 0.60, 0.055)
    for front in FRONTS:
        _house(rng, scene, front)
    _quay(rng, scene)
    boats = [(0.40, 0.80, 0.26, "2f5f8a", "c8402e"), (0.98, 0.755, 0.15, "b03a30", "f0e2c4")]
    scene = Scene(mirrored(rng, scene.picture, WATER, "2c6a86", 0.40))
    for boat in boats:
        _boat(rng, scene, *boat)
    light = 1.03 + 0.05 * (x - 0.6) + 0.007 * noise(rng, 150, octaves=2, height=height)
    return scene.picture * light[..., None]


def _gable(kind, left, right, eaves, tall):
    """Outline of a gable from its left foot over the top to its right foot."""
    middle, half = (left + right) / 2, (right - left) / 2
    if kind == "stepped":
        steps = 5
        rises = [(k // 2 + k % 2) / steps for k in range(2 * steps)]
        runs = [(k // 2) / steps for k in range(2 * steps)]
        side = [(1 - 0.86 * run, rise) for run, rise in zip(runs, rises, strict=True)]
    elif kind == "bell":
        turn = np.linspace(0, 1, 14)
        side = [(1 - t - 0.16 * np.sin(2 * np.pi * t), t**0.9) for t in turn]
    else:
        side = [(1.0, 0.0), (0.0, 1.0)]
    climb = [(middle - half * s, eaves - tall * r) for s, r in side]
    return climb + [(2 * middle - px, py) for px, py in climb[::-1]]


def _shade(code: str, factor: float) -> str:
    """The same colour, darker (factor below 1) or lighter, as a hexadecimal code."""
    value = np.clip(colour(code) * factor, 0, 1)
    return "".join(f"{int(255 * v + 0.5):02x}" for v in value)


def _house(rng, scene, front) -> None:
    """One house: wall, gable, roof edge, rows of framed windows, a door, a shadow at its side."""
    left, wide, wall, tall, code, roof, kind = front
    right, eaves = left + wide, QUAY - wall
    outline = _gable(kind, left, right, eaves, tall)
    if kind == "plain":  # the roof overhangs
        middle = (left + right) / 2
        cap = [
            (left - 0.010, eaves + 0.008),
            (middle, eaves - tall - 0.016),
            (right + 0.010, eaves + 0.008),
        ]
        scene.fill(cap, _shade(roof, 1.25), _shade(roof, 0.8))
    else:
        scene.fill([(px + 0.006, py - 0.006) for px, py in outline], _shade(code, 0.6))
        rim = [(px, py - 0.005) for px, py in outline]
        scene.fill(rim, "f6ecd8")
    scene.fill([*outline, (right, QUAY), (left, QUAY)], _shade(code, 1.12), _shade(code, 0.82))
    for course in np.arange(eaves - tall, QUAY, 0.0085):  # faint courses of brick
        run = rng.uniform(0, 0.6) * wide
        if course > eaves:
            scene.box(
                left + run,
                course,
                left + run + 0.35 * wide,
                course + 0.0018,
                _shade(code, 0.75),
                None,
                0.35,
            )
    scene.fill(
        [(left, eaves), (left + 0.014, eaves + 0.01), (left + 0.014, QUAY), (left, QUAY)],
        "2a2a48",
        None,
        0.28,
    )
    scene.box(left, eaves, right, eaves + 0.005, "f4ead6", _shade(code, 0.9))
    columns = 3 if wide > 0.13 else 2
    storeys = round(wall / 0.068)
    shutter = rng.choice(["3f6a5a", "8a3a34", "2f5478", "5a4a3a"])
    for storey in range(storeys):
        top = eaves + 0.022 + storey * (wall - 0.012) / storeys
        for column in range(columns):
            centre = left + wide * (column + 0.5) / columns
            if storey == storeys - 1 and column == storeys % columns:
                _door(scene, centre, shutter)
            else:
                _window(rng, scene, centre, top, 0.0125, 0.035, shutter if kind == "plain" else None)
    _window(rng, scene, (left + right) / 2, eaves - 0.42 * tall, 0.0095, 0.024, None)
    if kind == "plain":
        chimney = left + 0.27 * wide
        scene.box(chimney, eaves - 0.92 * tall, chimney + 0.02, eaves - 0.42 * tall, "a86a50", "7a4a3c")
        scene.box(chimney - 0.003, eaves - 0.95 * tall, chimney + 0.023, eaves - 0.88 * tall, "6a4038")


def _window(rng, scene, centre, top, half, tall, shutter) -> None:
    """A window with a pale frame, glass that mirrors the sky, a cross, a sill and shutters."""
    if shutter is not None:
        for side in (-1, 1):
            edge = centre + side * half * 1.62
            scene.box(
                edge - half * 0.45,
                top - 0.001,
                edge + half * 0.45,
                top + tall + 0.001,
                _shade(shutter, 1.2),
                _shade(shutter, 0.85),
            )
    scene.box(
        centre - half - 0.003,
        top - 0.004,
        centre + half + 0.003,
        top + tall + 0.003,
        "fbf4e4",
        "e4d8c2",
    )
    warm = rng.random() < 0.16
    scene.box(
        centre - half,
        top,
        centre + half,
        top + tall,
        "ffd98a" if warm else "6f98b8",
        "e8a850" if warm else "2a4058",
    )
    glint = [(centre - half, top), (centre + 0.1 * half, top), (centre - half, top + 0.7 * tall)]
    scene.fill(glint, "e8f4fa", None, 0.35)
    scene.box(centre - 0.0012, top, centre + 0.0012, top + tall, "f4ecda")
    scene.box(centre - half, top + 0.45 * tall, centre + half, top + 0.45 * tall + 0.0024, "f4ecda")
    scene.box(
        centre - half - 0.005,
        top + tall + 0.002,
        centre + half + 0.005,
        top + tall + 0.006,
        "cfc0a8",
        "8c7c6c",
    )


def _door(scene, centre, code) -> None:
    """A panelled door under a round arch."""
    turn = np.linspace(np.pi, 2 * np.pi, 13)
    for grow, top, bottom in [
        (0.004, "f4ead6", "cdbfa6"),
        (0.0, _shade(code, 1.1), _shade(code, 0.7)),
    ]:
        arch = [(centre + (0.0145 + grow) * np.cos(t), QUAY - 0.042 + (0.0145 + grow) * np.sin(t)) for t in turn]
        scene.fill([*arch, (centre + 0.0145 + grow, QUAY), (centre - 0.0145 - grow, QUAY)], top, bottom)
    scene.box(centre - 0.001, QUAY - 0.05, centre + 0.001, QUAY, "1c2028", None, 0.6)


def _tower(scene, centre, half) -> None:
    """A church tower with a pointed spire, a clock and paired openings, behind the houses."""
    scene.box(centre - half, 0.17, centre + half, 0.55, "d8c8ac", "a8977f")
    scene.box(centre + 0.3 * half, 0.17, centre + half, 0.55, "f4e8cc", "c4b294", 0.7)
    scene.fill(
        [(centre - half * 1.12, 0.175), (centre, 0.005), (centre + half * 1.12, 0.175)],
        "5f8a86",
        "3a6468",
    )
    scene.fill(
        [(centre, 0.005), (centre + half * 1.12, 0.175), (centre + 0.2 * half, 0.175)],
        "9cc0b0",
        "6a9a90",
    )
    scene.box(centre - half * 1.1, 0.172, centre + half * 1.1, 0.182, "f4ead6", "b8a88c")
    turn = np.linspace(0, 2 * np.pi, 40)
    for radius, code in [(0.026, "8c6a34"), (0.022, "fbf4e0")]:
        scene.fill([(centre + radius * np.cos(t), 0.222 + radius * np.sin(t)) for t in turn], code)
    scene.fill([(centre - 0.0015, 0.222), (centre, 0.204), (centre + 0.0015, 0.222)], "20222c")
    scene.fill([(centre, 0.2205), (centre + 0.013, 0.228), (centre, 0.2245)], "20222c")


def _quay(rng, scene) -> None:
    """The harbour wall: a bright paved edge, rows of stones, mooring rings, steps and lamps."""
    scene.box(-0.1, QUAY, 1.5, QUAY + 0.016, "f0e2c8", "d0bea0")
    scene.box(-0.1, QUAY + 0.016, 1.5, WATER + 0.01, "9a8a78", "5c5450")
    for row in range(4):
        top = QUAY + 0.016 + row * 0.0115
        left = -0.05 - 0.03 * (row % 2)
        while left < 1.4:
            wide = rng.uniform(0.035, 0.065)
            code = _shade(rng.choice(["a89884", "96867a", "b8a88e", "8a8078"]), 1.02 - 0.10 * row)
            scene.box(
                left + 0.0012,
                top + 0.001,
                left + wide - 0.0012,
                top + 0.0105,
                code,
                _shade(code, 0.85),
            )
            left += wide
    for lamp in (0.06, 0.33, 0.72, 1.115):
        scene.box(lamp - 0.0022, QUAY - 0.088, lamp + 0.0022, QUAY + 0.008, "2a3038")
        scene.box(lamp - 0.007, QUAY - 0.106, lamp + 0.007, QUAY - 0.088, "ffe9a8", "f4c860")
        scene.fill(
            [(lamp - 0.010, QUAY - 0.105), (lamp, QUAY - 0.118), (lamp + 0.010, QUAY - 0.105)],
            "2a3038",
        )


def _boat(rng, scene, centre, waterline, length, hull, sail) -> None:
    """A small sailing boat with a striped hull; its reflection hangs below it in broken bars."""
    half, deep = length / 2, length * 0.17
    mast = length * 1.05
    for row in np.linspace(0, 1, 30):  # the reflection: level bars that slide and thin out
        level = waterline + row * mast * 0.75
        slide = 0.010 * np.sin(row * 43) * (0.3 + row) + 0.004 * rng.standard_normal()
        in_hull = row < 0.22
        wide = half * (0.9 - 1.2 * row) if in_hull else half * 0.62 * (1 - row)
        shift = slide if in_hull else slide + 0.10 * length
        code = _shade(hull, 0.62) if in_hull else _shade(sail, 0.8)
        scene.box(
            centre + shift - wide,
            level,
            centre + shift + wide,
            level + mast * 0.02,
            code,
            None,
            0.66 - 0.45 * row,
        )
    deck = waterline - deep
    shape = np.linspace(-1, 1, 17)
    rim = [(centre + half * s, deck - 0.05 * length * s**2 - 0.02 * length * (s > 0) * s) for s in shape]
    keel = [(centre + 0.82 * half * s, waterline + 0.012 * length * (1 - s**2)) for s in shape[::-1]]
    scene.fill(rim + keel, _shade(hull, 1.25), _shade(hull, 0.65))
    stripe = [(px, py + 0.028 * length) for px, py in rim[::-1]]
    scene.fill(rim + stripe, "f8efdc", "d8c8a8")
    foot, top = deck - 0.02 * length, deck - mast
    scene.box(centre - 0.008 * length, top, centre + 0.008 * length, deck, "8a5c38", "5a3a24")
    rise = np.linspace(0, 1, 20)  # 0 at the masthead, 1 at the boom
    sheet = 0.40 * rise**0.9 + 0.07 * np.sin(np.pi * rise)
    boom = foot - 0.06 * length
    leech = [(centre + (0.02 + s) * length, top + (boom - top) * t) for s, t in zip(sheet, rise, strict=True)]
    scene.fill([*leech, (centre + 0.02 * length, boom)], _shade(sail, 1.15), _shade(sail, 0.85))
    luff = [
        (
            centre - (0.03 + 0.40 * t - 0.06 * np.sin(np.pi * t)) * length,
            top + (0.16 + 0.84 * t) * (boom - top),
        )
        for t in rise
    ]
    scene.fill([*luff, (centre - 0.07 * length, boom)], "fdf6e6", "d4c6ac")
    flag = [
        (centre, top),
        (centre - 0.12 * length, top + 0.025 * length),
        (centre, top + 0.05 * length),
    ]
    scene.fill(flag, "e8b030")
    cabin = [
        (centre - 0.22 * length, deck),
        (centre - 0.20 * length, deck - 0.07 * length),
        (centre - 0.02 * length, deck - 0.07 * length),
        (centre - 0.02 * length, deck),
    ]
    scene.fill(cabin, "f0e2c8", "a88c68")
