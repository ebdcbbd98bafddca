"""The style painting ``blood_sunset``: long tempera strokes along wavy bands."""

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
    step,
    trace,
    vary,
    weave,
)

SUNSET_SKY = "7c1420 a31a1e c92a1c e2491d ee7223 f4982f f9c455 f6dc8e"
FJORD = "081c2c 0e2f40 15484f 22656a 4a8a84 8fae94"
SUN = (0.50, 0.335, 0.058)
HORIZON = 0.50


def blood_sunset(height: int, rng) -> np.ndarray:
    """A blood-red sky in long sinuous bands over a dark fjord, with a pier running into it.

    One wavy level field steers the sky: its contours are the strokes and its value picks the
    colour. The fjord repeats the waves in cool colours. Warm board shows between the strokes.
    """
    x, y = grid()
    board = colour("b9824e") * (1 + 0.07 * noise(rng, 150, octaves=2)[..., None])
    canvas = Canvas(board, height)
    _sunset_sky(rng, canvas, x, y)
    _sunset_fjord(rng, canvas, x, y)
    _sunset_shores(rng, canvas, x, y)
    _sunset_pier(rng, canvas)
    picture = canvas.lit(0.7)
    return picture * (1 + 0.09 * weave(rng, height)[..., None])


def _long_strokes(rng, canvas, angle, tones, mask, layers, light=0.09, warmth=0.03) -> None:
    """Layers (count, width, length) of long strokes that stay where the mask lets them start."""
    for count, width, length in layers:
        points = scatter(rng, count, mask)
        colours = vary(rng, sample(tones, points), light, warmth)
        lengths = length * rng.uniform(0.5, 1.4, len(points))
        back = trace(points, angle + np.pi, lengths / 2, 7)[:, ::-1]
        paths = np.concatenate([back, trace(points, angle, lengths / 2, 7)[:, 1:]], 1)
        widths = width * rng.uniform(0.6, 1.3, len(points))
        canvas.stroke(rng, paths, colours, widths, streak=0.10, ragged=0.22)


def _sunset_sky(rng, canvas, x, y) -> None:
    """Undulating bands: the level field swells round the sun and breaks into ribbons above."""
    dx, dy = x - SUN[0], y - SUN[1]
    reach = np.hypot(dx, dy)
    level = y + 0.050 * np.sin(5.2 * x + 3.2 * y + 0.6) + 0.024 * np.sin(11.5 * x - 7 * y + 2)
    level += 0.012 * np.sin(23 * x + 9 * y) * step(0.5, 0.1, y) + 0.010 * noise(rng, 4, stretch=2)
    # The bands part round the sun, and roll up into one great curl at the upper right.
    level -= 0.060 * np.exp(-((reach / 0.13) ** 2)) * np.sign(-dy) * step(0, 0.05, abs(dy))
    curl = np.hypot(x - 1.02, y - 0.17)
    level += 0.16 * np.exp(-((curl / 0.13) ** 2))
    angle = along_contours(level)
    ribbons = np.interp(level, np.linspace(-0.15, 0.75, 40), rng.standard_normal(40))
    ribbons = 0.75 * ribbons + 0.45 * smear(noise(rng, 40), angle, 0.5)
    tone = 0.36 + 0.21 * ribbons + 0.10 * np.exp(-((reach / 0.30) ** 2)) + 0.10 * step(0.2, 0.5, y)
    sky = ramp(SUNSET_SKY, tone - 0.30 * np.exp(-((reach / 0.085) ** 2)))
    cool = step(0.9, 1.7, np.interp(level, np.linspace(-0.15, 0.75, 34), rng.standard_normal(34)))
    sky = mix(sky, ramp("3a4a66 5f8090 8aa49a", 0.5 + 0.3 * ribbons), 0.75 * cool * step(0.10, 0.2, reach))
    wine = step(0.8, 1.8, smear(noise(rng, 12), angle, 0.6))
    sky = mix(sky, colour("58101f"), 0.7 * wine * step(0.12, 0.25, reach))
    layers = [(620, 0.021, 0.30), (1300, 0.0135, 0.24), (1500, 0.0085, 0.18), (900, 0.0045, 0.15)]
    _long_strokes(rng, canvas, angle, sky, (y < HORIZON + 0.01).astype(float), layers)
    for share, codes in [
        (1.0, "f4982f ee7223"),
        (0.8, "f9c455 f6b040"),
        (0.55, "fbd874 f9c455"),
        (0.3, "fff0b8 fbe08a"),
        (0.1, "fff6d4"),
    ]:
        arcs = ring(rng, SUN[0], SUN[1], SUN[2] * share, 13, 1.0)
        canvas.stroke(rng, arcs, vary(rng, pick(rng, codes, 13), 0.04, 0.03), 0.013, ragged=0.15)
    # Thin ribbons of cloud drift across the sun, so that it sits in the sky and not on it.
    veil = (np.abs(dy + 0.018 + 0.01 * np.sin(30 * x)) < 0.006) | (np.abs(dy - 0.024) < 0.005)
    codes = ramp("c92a1c e2491d", rng.random(y.shape))
    _long_strokes(rng, canvas, angle, codes, veil & (reach < 0.11), [(9000, 0.005, 0.10)])


def _sunset_fjord(rng, canvas, x, y) -> None:
    """Dark water in bands that echo the sky, with the sun's broken path of light on it."""
    depth = (y - HORIZON) / (1 - HORIZON)
    swell = 0.25 + 0.75 * depth
    level = y + swell * (0.042 * np.sin(4.6 * x - 7 * depth + 1) + 0.018 * np.sin(12 * x + 9 * depth))
    eddy = np.hypot(x - 0.33, (y - 0.79) * 1.5)
    level += 0.11 * np.exp(-((eddy / 0.15) ** 2))
    angle = along_contours(level)
    ribbons = np.interp(level, np.linspace(0.4, 1.2, 44), rng.standard_normal(44))
    tone = 0.36 + 0.17 * ribbons + 0.13 * smear(noise(rng, 34), angle, 0.35) + 0.14 * step(0.2, 0, depth)
    water = ramp(FJORD, tone)
    glow = np.exp(-(((x - SUN[0] - 0.05 * np.sin(16 * depth)) / (0.045 + 0.10 * depth)) ** 2))
    glow = glow * step(-0.9, 0.3, 0.5 * ribbons + 0.7 * smear(noise(rng, 50), angle, 0.2)) * step(1.15, 0.3, depth)
    water = mix(water, ramp("b8361f e2491d f4982f f9c455", 0.9 - 0.9 * depth + 0.15 * ribbons), glow)
    plum = step(0.7, 1.8, smear(noise(rng, 10), angle, 0.4))
    water = mix(water, colour("4a2038"), 0.55 * plum)
    layers = [(700, 0.020, 0.22), (1300, 0.0125, 0.18), (1700, 0.008, 0.14), (900, 0.0042, 0.11)]
    _long_strokes(rng, canvas, angle, water, (y > HORIZON).astype(float), layers, 0.13)


def _sunset_shores(rng, canvas, x, y) -> None:
    """Far hills on both sides of the fjord, dark teal and plum, with a thread of light below."""
    ridges = [
        (
            HORIZON - 0.075 * step(0.52, 0.0, x) - 0.012 * np.sin(13 * x) * step(0.5, 0.3, x),
            "35405c 4a4a62 6a4a58",
        ),
        (
            HORIZON - 0.13 * step(0.72, 1.25, x) - 0.012 * np.sin(11 * x + 1) * step(0.7, 0.9, x),
            "16303e 24465a 4a4058",
        ),
        (HORIZON + 0.012 - 0.05 * step(0.98, 1.36, x), "0a1a24 12303a 1d4a4a"),
    ]
    for ridge, codes in ridges:
        shore = HORIZON + 0.012 + 0.006 * np.sin(8 * x)
        inside = (y > ridge) & (y < shore) & (ridge < shore - 0.006)
        angle = along_contours((y - ridge) / (shore - ridge + 0.02) * 0.1 + 0.004 * np.sin(20 * x + 30 * y))
        tones = ramp(codes, 0.5 + 0.3 * smear(noise(rng, 40), angle, 0.15) + 0.3 * step(0.03, 0, y - ridge))
        _long_strokes(rng, canvas, angle, tones, inside, [(9000, 0.010, 0.07), (16000, 0.006, 0.06)], 0.14)


def _sunset_pier(rng, canvas) -> None:
    """A plank pier on a steep diagonal from the lower right, with posts and two handrails."""
    end = np.array([[0.655, 0.560], [0.690, 0.560]])  # the far end, left and right edge
    near = np.array([[0.80, 1.06], [1.52, 1.06]])
    canvas.polygon([end[0], end[1], near[1], near[0]], colour("2a1a1c"))
    share = np.linspace(0, 1, 150) ** 2.1  # planks crowd together with distance
    left = end[0] + (near[0] - end[0]) * share[:, None]
    right = end[1] + (near[1] - end[1]) * share[:, None]
    along = np.linspace(0, 1, 9)[None, :, None]
    planks = left[:, None] + (right - left)[:, None] * along
    planks[..., 1] += 0.004 * share[:, None] * np.sin(along[..., 0] * 5 + share[:, None] * 60)
    tone = np.clip(0.45 + 0.22 * rng.standard_normal(150), 0, 1)
    colours = ramp("3a2226 5c3428 8a4e30 b4713c d89a58", tone)
    canvas.stroke(rng, planks, vary(rng, colours, 0.1, 0.04), 0.003 + 0.013 * share, ragged=0.1)
    # Glints of the sky lie across the planks and lead the eye to the sun.
    lit = planks[rng.random(150) < 0.4][:, 2:7] + [0.0, 0.001]
    canvas.stroke(rng, lit, vary(rng, pick(rng, "d8602c e88a3c c24a3a", len(lit)), 0.1, 0.03), 0.0035)
    for far, close, tall in [(end[0], near[0], 0.36), (end[1], near[1], 0.36)]:
        edge = far + (close - far) * (np.linspace(0, 1, 12) ** 2.1)[:, None]
        rise = 0.028 + tall * np.linspace(0, 1, 12) ** 2.1
        for level in (1.0, 0.55):
            rail = np.stack([edge[:, 0], edge[:, 1] - rise * level], -1)
            pieces = np.stack([rail[i : i + 4] for i in range(9)])
            widths = 0.004 + 0.016 * np.linspace(0, 1, 12)[:9] ** 2
            canvas.stroke(rng, pieces, pick(rng, "2a1618 3a2020", 9), widths * 1.4, ragged=0)
            glint = vary(rng, pick(rng, "a84a2a c8703a", 9), 0.1, 0.03)
            canvas.stroke(rng, pieces - [0, 0.003], glint, widths * 0.5, ragged=0.2)
        posts = edge[:, None] - np.stack([0 * rise, rise * 1.04], -1)[:, None] * np.linspace(0, 1, 6)[:, None]
        canvas.stroke(
            rng,
            posts,
            pick(rng, "241416 3a2222", 12),
            0.006 + 0.02 * np.linspace(0, 1, 12) ** 2,
            ragged=0.05,
        )
