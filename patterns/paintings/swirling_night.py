"""The style painting ``swirling_night``: short oil strokes along a swirling flow."""

import numpy as np

from patterns.paintings.brushes import (
    Canvas,
    along_contours,
    colour,
    grid,
    mix,
    noise,
    pick,
    ramp,
    ring,
    sample,
    scatter,
    smear,
    spirals,
    step,
    trace,
    vary,
)

NIGHT_SKY = "0a1238 142a72 1c3f9c 2f63b8 4f8cc6 8db9d2 d9dfc4"
STARLIGHT = "1f4a9c 3f7fb4 7fb0a8 c9c070 f0c945 f9e08a fff6d0"
VORTICES = [
    # x, y, radius, turn, inward
    (0.60, 0.33, 0.225, 1, 0.22),
    (0.92, 0.45, 0.115, -1, 0.25),
    (0.70, 0.07, 0.10, -1, 0.2),
]
STARS = [
    # x, y, radius of the glow
    (0.43, 0.10, 0.065),
    (0.09, 0.42, 0.060),
    (0.34, 0.47, 0.050),
    (0.86, 0.17, 0.080),
    (0.76, 0.53, 0.038),
    (1.02, 0.08, 0.045),
    (1.28, 0.12, 0.060),
    (1.27, 0.40, 0.050),
    (0.06, 0.07, 0.035),
]
MOON = (0.20, 0.20, 0.150)
STAR_RINGS = [
    # share of the radius, colours
    (1.12, "2a5fb0 4f8cc6 5f9fb4"),
    (0.88, "7fb0a8 9fc0a0 5f93bd"),
    (0.66, "c9c070 dccb74 a9bf9a"),
    (0.44, "f0c945 f4d566"),
]
MOON_RINGS = [
    (1.12, "2f63b8 4f8cc6"),
    (0.98, "4f86b4 6fa4ae"),
    (0.84, "86b0a0 a4b98c"),
    (0.70, "b9b878 a4b080"),
    (0.56, "6f9a98 8aa888"),
]
HOUSES = [
    # left, ground, width, height of the wall, height of the roof, place of the ridge
    (0.175, 0.838, 0.070, 0.034, 0.040, 0.5),
    (0.262, 0.862, 0.094, 0.046, 0.046, 0.3),
    (0.372, 0.846, 0.064, 0.046, 0.036, 0.6),
    (0.440, 0.868, 0.074, 0.036, 0.044, 0.4),
    (0.580, 0.856, 0.070, 0.050, 0.040, 0.5),
    (0.664, 0.876, 0.104, 0.044, 0.050, 0.65),
    (0.785, 0.856, 0.062, 0.034, 0.034, 0.4),
    (0.300, 0.920, 0.082, 0.044, 0.050, 0.55),
    (0.405, 0.935, 0.096, 0.050, 0.046, 0.35),
    (0.560, 0.930, 0.080, 0.050, 0.054, 0.5),
    (0.815, 0.908, 0.088, 0.044, 0.044, 0.4),
]


def swirling_night(height: int, rng) -> np.ndarray:
    """A night of short oil strokes that circle vortices, stars and a crescent moon over a village.

    The colours come from noise smeared along the flow, so light bands run the way strokes run.
    Four layers of bristle strokes go from broad to fine; hills, houses and a dark tree follow.
    """
    x, y = grid()
    skyline = 0.70 - 0.07 * np.sin(2.6 * x + 0.4) + 0.035 * np.sin(7.5 * x + 1) + 0.03 * x
    drift = y + 0.030 * np.sin(6.5 * x + 1.2) + 0.015 * np.sin(13 * x - 5 * y)
    lights = [(*MOON[:2], MOON[2] * 1.45, 1, 0.0)] + [(a, b, r * 1.7, 1, 0.0) for a, b, r in STARS]
    angle = spirals(along_contours(drift), VORTICES)
    angle = spirals(angle, lights)
    sky = _night_sky(rng, angle, skyline)
    canvas = Canvas(sky * 0.75, height)
    above = (y < skyline + 0.03).astype(float)
    for count, width, length in [
        (2600, 0.018, 0.075),
        (4800, 0.0135, 0.052),
        (6500, 0.0095, 0.038),
        (2600, 0.0062, 0.028),
    ]:
        points = scatter(rng, count, above)
        colours = vary(rng, sample(sky, points), 0.17, 0.035)
        lengths = length * rng.uniform(0.6, 1.3, len(points))
        widths = width * rng.uniform(0.7, 1.25, len(points))
        canvas.stroke(rng, trace(points, angle, lengths), colours, widths)
    _night_lights(rng, canvas)
    _night_hills(rng, canvas, x, y, skyline)
    _night_bushes(rng, canvas)
    _night_village(rng, canvas)
    _night_tree(rng, canvas)
    return canvas.lit(1.4)


def _night_sky(rng, angle, skyline) -> np.ndarray:
    """Colours of the sky: streaks along the flow, pale spiral arms, a glow round every light."""
    x, y = grid()
    bands = smear(noise(rng, 26), angle, 0.26)
    fine = smear(noise(rng, 70), angle, 0.12)
    tone = 0.30 + 0.13 * bands + 0.07 * fine + 0.10 * step(0.35, 0.75, y)
    for centre_x, centre_y, radius, turn, _ in VORTICES:
        dx, dy = x - centre_x, y - centre_y
        reach = np.hypot(dx, dy) / radius
        arms = np.sin(turn * 2 * np.arctan2(dy, dx) - 5.5 * np.log(reach + 0.12))
        tone += np.exp(-((reach / 0.95) ** 4)) * (0.19 + 0.36 * arms) * step(0, 0.3, reach)
        tone += 0.35 * np.exp(-((reach / 0.2) ** 2))
    # A pale river of air low over the hills ties the left and the right together.
    river = np.exp(-(((y - skyline + 0.085 + 0.02 * np.sin(9 * x)) / 0.035) ** 2))
    tone += river * (0.24 + 0.12 * fine)
    sky = ramp(NIGHT_SKY, np.clip(tone, 0, 0.97))
    violet = step(0.6, 2.0, smear(noise(rng, 8), angle, 0.2))
    sky = mix(sky, sky * 0.6 + 0.4 * colour("4a3f9e"), violet)
    green = step(0.9, 2.2, smear(noise(rng, 14), angle, 0.2))
    sky = mix(sky, sky * 0.5 + 0.5 * colour("5fa898"), green)
    for centre_x, centre_y, radius in [*STARS, MOON]:
        reach = np.hypot(x - centre_x, y - centre_y) / radius
        rings = 0.98 - 0.80 * reach + 0.15 * np.cos(reach * 16) + 0.05 * fine
        sky = mix(sky, ramp(STARLIGHT, rings), step(1.35, 0.55, reach + 0.07 * bands))
    return sky


def _night_lights(rng, canvas) -> None:
    """Rings of thick yellow strokes round the stars, their white hearts, and the crescent moon."""
    for centre_x, centre_y, radius in STARS:
        for share, codes in STAR_RINGS:
            count = int(6 + 12 * share)
            colours = vary(rng, pick(rng, codes, count), 0.07, 0.03)
            arcs = ring(rng, centre_x, centre_y, radius * share, count, 0.55)
            canvas.stroke(rng, arcs, colours, 0.0035 + radius * 0.06)
        for share in (0.24, 0.08):
            colours = vary(rng, pick(rng, "fff6d0 fbe9a0 ffffff", 7), 0.03, 0.02)
            arcs = ring(rng, centre_x, centre_y, radius * share, 7, 1.4)
            canvas.stroke(rng, arcs, colours, radius * 0.22, ragged=0.1)
    centre_x, centre_y, radius = MOON
    for share, codes in MOON_RINGS:
        count = int(28 * share)
        arcs = ring(rng, centre_x, centre_y, radius * share, count, 0.5)
        canvas.stroke(rng, arcs, vary(rng, pick(rng, codes, count), 0.09, 0.03), 0.009)
    for share in np.linspace(0.48, 0.03, 8):
        arcs = ring(rng, centre_x, centre_y, radius * share, 9, 1.1)
        colours = vary(rng, pick(rng, "28589c 3a6ca6 4f86a4", 9), 0.08, 0.02)
        canvas.stroke(rng, arcs, colours, 0.017, ragged=0.1)
    # The crescent lies between two arcs through the same tips, which face away from ``axis``.
    axis, opening = 0.45, np.linspace(-1, 1, 22)
    outer = np.exp(1j * 2.1 * opening)
    inner = -0.45 + 0.865 * np.exp(1j * 1.634 * opening)
    for depth in rng.permutation(np.linspace(0.03, 0.95, 13)):
        arc = (outer * (1 - depth) + inner * depth) * np.exp(1j * axis) * radius * 0.47
        path = np.stack([centre_x + arc.real, centre_y + arc.imag], -1)
        pieces = np.stack([path[i : i + 7] for i in range(0, 16, 3)])
        codes = "f2ab28 f6c53c f7d456" if depth < 0.6 else "fbe07a ffedb0 fff6d0"
        colours = vary(rng, pick(rng, codes, len(pieces)), 0.04, 0.03)
        canvas.stroke(rng, pieces, colours, 0.0075, ragged=0.1)


def _night_hills(rng, canvas, x, y, skyline) -> None:
    """Rolling hills, far and pale to near and dark; strokes run along each slope."""
    ridges = [
        (skyline, "1a3a78 2a5590 3c74a0", 1700),
        (
            0.79 + 0.045 * np.sin(4.2 * x + 2.6) + 0.02 * np.sin(11 * x),
            "14305e 1c4668 2c6472 4d8478",
            1900,
        ),
        (0.845 + 0.02 * np.sin(5 * x + 0.3), "0e2440 16384e 215058 3a6f5c 5c8656", 2600),
        (0.955 + 0.015 * np.sin(6 * x + 1.9), "0a1628 12283c 1c4448 3f6a4c", 1500),
    ]
    for ridge, codes, count in ridges:
        below = y - ridge
        angle = along_contours(below + 0.02 * np.sin(16 * x + 22 * y))
        tone = 0.55 + 0.34 * smear(noise(rng, 22), angle, 0.2) - 2.2 * below + 0.25 * step(0.025, 0, below)
        land = ramp(codes, tone)
        for share, width, length in [(0.5, 0.014, 0.07), (1.0, 0.0085, 0.05), (0.9, 0.0052, 0.035)]:
            points = scatter(rng, int(count * share / 0.3), (below > 0) & (below < 0.22))
            colours = vary(rng, sample(land, points), 0.13, 0.025)
            lengths = length * rng.uniform(0.6, 1.3, len(points))
            canvas.stroke(rng, trace(points, angle, lengths), colours, width)
        edge = np.stack([x[0, ::4], ridge[0, ::4]], -1)
        pieces = np.stack([edge[i : i + 9] for i in range(0, len(edge) - 9, 6)])
        dark = vary(rng, pick(rng, "0c1c48 12285a 1a3a6c", len(pieces)), 0.1, 0.01)
        canvas.stroke(rng, pieces, dark, 0.008, bristles=4)


def _cover(rng, canvas, corners, codes, width, rows) -> None:
    """Cover a quadrilateral (top left, top right, bottom right, bottom left) with level strokes."""
    a, b, c, d = np.array(corners, float)
    down = (np.arange(rows) + 0.5)[:, None] / rows
    left, right = a + (d - a) * down, b + (c - b) * down
    along = np.linspace(0, 1, 7)[None, :, None]
    paths = left[:, None] + (right - left)[:, None] * along
    paths += rng.standard_normal(paths.shape) * 0.0007
    colours = vary(rng, pick(rng, codes, rows), 0.12, 0.03)
    canvas.stroke(rng, paths, colours, width, ragged=0.12)


def _night_village(rng, canvas) -> None:
    """Huddled houses with dark outlines and lit windows, and a church with a thin spire."""
    walls = ["3a5c8c 4a6c98 2d4a78", "5c7c84 6e8c8c 486870", "7a7684 8c8488 5c5c74"]
    roofs = ["22365c 2c4468", "6a3a38 7c4a40", "2a5058 3a646a", "5c4a3a 705a40"]
    ink = colour("070c1c")
    glow = "f7c93e fbdc6a f2a93a"
    church = (0.522, 0.888, 0.052, 0.075, 0.03, 0.5)
    houses = sorted([*HOUSES, church], key=lambda house: house[1])
    for number, (left, ground, wide, wall, roof, ridge) in enumerate(houses):
        right, eaves = left + wide, ground - wall
        middle, top = left + wide * ridge, eaves - roof
        box = [(left, eaves), (right, eaves), (right, ground), (left, ground)]
        lean = 0.10 * wide
        cap = [
            (middle - lean, top),
            (middle + lean, top),
            (right + 0.006, eaves),
            (left - 0.006, eaves),
        ]
        for shape, codes in [(box, walls[number % 3]), (cap, roofs[number % 4])]:
            canvas.polygon(shape, 0.75 * colour(codes[:6]))
            _cover(rng, canvas, shape, codes, 0.0075, 7)
        is_church = wide == church[2]
        if is_church:
            foot = [middle - 0.014, middle + 0.014]
            tip = [(foot[0], top), (middle, top - 0.17), (middle, top - 0.17), (foot[1], top)]
            canvas.polygon(tip, ink)
            _cover(rng, canvas, tip, "1a2b4c 24385c 5a7aa0", 0.005, 6)
        for place in (0.5,) if is_church else (0.25, 0.70):
            at, level = left + wide * place, eaves + wall * rng.uniform(0.42, 0.52)
            for size, codes, rows in [(0.0088, "070c1c", 4), (0.0064, glow, 4)]:
                pane = [(at - size, level - size), (at + size, level - size)]
                pane += [(at + size, level + size * 1.3), (at - size, level + size * 1.3)]
                canvas.polygon(pane, colour(codes[:6]))
                _cover(rng, canvas, pane, codes, 0.0048, rows)
        edges = [(cap[3], cap[0]), (cap[0], cap[1]), (cap[1], cap[2]), (cap[3], cap[2])]
        outline = np.array([*edges, (box[0], box[3]), (box[1], box[2])])
        along = np.linspace(0, 1, 6)[None, :, None]
        lines = outline[:, :1] + (outline[:, 1:] - outline[:, :1]) * along
        lines += rng.standard_normal(lines.shape) * 0.0008
        canvas.stroke(rng, lines, pick(rng, "060a18 0a1226", 6), 0.0042, bristles=3, ragged=0.05)


def _night_bushes(rng, canvas) -> None:
    """Round bushes of short curled strokes between the houses, dark with moonlit crowns."""
    clumps = rng.uniform([0.06, 0.865], [1.00, 0.975], (22, 2))
    for clump in clumps[np.argsort(clumps[:, 1])]:
        size = np.array([0.040, 0.017]) * rng.uniform(0.7, 1.2) * (0.4 + 0.6 * step(0.87, 0.95, clump[1]))
        away = rng.standard_normal((60, 2)).clip(-1.6, 1.6) * 0.6
        away = away[np.argsort(-away[:, 1] + 0.4 * rng.standard_normal(60))]
        turn = rng.uniform(-2.6, -0.5, (60, 1)) + np.linspace(-0.5, 0.5, 7)
        hook = np.cumsum(np.stack([np.cos(turn), np.sin(turn)], -1), 1) * 0.0026
        paths = clump + (away * size)[:, None] + hook
        tone = 0.25 - 0.45 * away[:, 1] - 0.15 * away[:, 0] + 0.15 * rng.standard_normal(60)
        colours = vary(rng, ramp("0a1826 12303a 1f4a44 3f7050 8a9a5c", tone), 0.12, 0.03)
        canvas.stroke(rng, paths, colours, 0.0075)


def _night_tree(rng, canvas) -> None:
    """A tall dark tree at the right, a flame of upward licking strokes that links land and sky."""
    flames = [
        # foot x, foot y, height, girth, sway
        (1.165, 1.05, 0.90, 0.105, 0.020),
        (1.065, 1.05, 0.52, 0.066, -0.022),
        (1.245, 1.05, 0.46, 0.070, 0.026),
    ]
    parts = []
    for foot_x, foot_y, tall, wide, sway in flames:
        count = int(1400 * tall)
        rise = np.sort(rng.random(count))[:, None]  # 0 at the foot, 1 at the tip
        girth = wide * (1 - rise) ** 0.8 * (0.72 + 0.28 * np.sin(rise * 17 * tall + sway * 90) ** 2)
        side = rng.uniform(-1, 1, (count, 1))
        climb = np.linspace(0, 1, 9)[None, :]
        length = rng.uniform(0.05, 0.11, (count, 1)) * (1.1 - 0.6 * rise)
        lick = np.sin(climb * 3.5 + rise * 24 + side) * 0.007 - side * girth * 0.35 * climb**2
        across = foot_x + sway * np.sin(rise * 6) + side * girth + lick
        parts.append(np.stack([across, foot_y - tall * rise - climb * length], -1))
        parts[-1] = np.concatenate([parts[-1], np.repeat(side[:, :, None], 2, 2)], 1)
    parts = np.concatenate(parts)
    paths, side, count = parts[:, :9], parts[:, 9, 0], len(parts)
    order = rng.permutation(count)
    tone = np.clip(0.36 - 0.28 * side + 0.22 * rng.standard_normal(count), 0, 1)
    colours = vary(rng, ramp("04080f 0a1518 12261f 1f3a2a 3d4a26 6b5a2a", tone), 0.1, 0.02)
    canvas.stroke(rng, paths, np.full((count, 3), 0.03), 0.013)
    canvas.stroke(rng, paths[order], colours[order], 0.0085)
