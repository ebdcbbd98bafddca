"""The style painting ``geometric_abstraction``: glazed shapes and ruled lines on canvas."""

import numpy as np
from scipy.ndimage import gaussian_filter

from patterns.paintings.brushes import (
    Canvas,
    colour,
    grid,
    mix,
    noise,
    ramp,
    sample,
    scatter,
    step,
    trace,
    vary,
    weave,
)


class Sheet:
    """A sheet of primed canvas that takes thin, translucent colour and black line."""

    def __init__(self, rng, height: int):
        self.height, self.rng = height, rng
        self.x, self.y = grid(height)
        cloud = noise(rng, 4, octaves=4)
        ground = ramp("d9b98a e6cda0 efdfbc f3e8cf", 0.55 + 0.25 * cloud)
        for codes, amount in [
            ("de8f66", 0.40),
            ("8fb0b4", 0.42),
            ("d9a43a", 0.36),
            ("c08090", 0.30),
        ]:
            patch = step(0.3, 2.0, noise(rng, 3, octaves=3))
            ground = mix(ground, colour(codes), amount * patch)
        # The ground is scumbled on; the ridges of that paint stay visible through every glaze.
        canvas = Canvas(ground, height)
        angle = 1.1 * noise(rng, 3, octaves=2)
        for count, width, length in [(1500, 0.030, 0.09), (3500, 0.016, 0.06), (4000, 0.008, 0.04)]:
            points = scatter(rng, count)
            colours = vary(rng, sample(ground, points), 0.045, 0.018)
            canvas.stroke(rng, trace(points, angle, length), colours, width, bristles=7, streak=0.03)
        self.picture = canvas.lit(0.6)
        relief = self.picture.mean(-1)
        relief = relief - gaussian_filter(relief, 0.012 * height)
        self.tooth = relief / relief.std() * 0.8 + 0.4 * weave(rng, height)

    def lay(self, shape, box, code, opacity=0.8, fade=0.35, edge=0.35) -> None:
        """Glaze a shape: ``shape(x, y)`` is its signed distance, ``box`` its (x, y, reach).

        Thin paint multiplies with what lies below, so overlaps mix; it thins towards one side
        (``fade``), settles in the tooth of the canvas and gathers in a darker rim (``edge``).
        """
        left, right = (int((box[0] + s * box[2]) * self.height) for s in (-1, 1))
        top, bottom = (int((box[1] + s * box[2]) * self.height) for s in (-1, 1))
        part = (slice(max(top, 0), max(bottom, 0) + 1), slice(max(left, 0), max(right, 0) + 1))
        x, y = self.x[part], self.y[part]
        if x.size == 0:
            return
        distance = shape(x, y)
        inside = np.clip(0.5 - distance * self.height * 0.7, 0, 1)
        turn = self.rng.uniform(0, 2 * np.pi)
        across = ((x - box[0]) * np.cos(turn) + (y - box[1]) * np.sin(turn)) / box[2]
        body = opacity * (1 + fade * across) * (1 + 0.16 * self.tooth[part])
        body = body + edge * np.exp(-np.abs(distance) / 0.0022)
        ink, under = colour(code), self.picture[part]
        mixed = 0.42 * ink + 0.58 * under * (ink * 0.92 + 0.08)
        self.picture[part] = mix(under, mixed * (1 + 0.07 * self.tooth[part][..., None]), np.clip(body, 0, 1) * inside)


def disc(centre_x, centre_y, radius):
    """Signed distance to a disc."""
    return lambda x, y: np.hypot(x - centre_x, y - centre_y) - radius


def hoop(centre_x, centre_y, radius, width, start=0.0, sweep=2 * np.pi):
    """Signed distance to a ring, or to the arc of it that begins at ``start``."""

    def shape(x, y):
        band = np.abs(np.hypot(x - centre_x, y - centre_y) - radius) - width / 2
        turn = (np.arctan2(y - centre_y, x - centre_x) - start) % (2 * np.pi)
        off = np.minimum(turn - sweep, 2 * np.pi - turn) if sweep < 6.28 else -turn - 1
        return np.maximum(band, off * radius)

    return shape


def convex(*corners):
    """Signed distance (roughly) to a convex polygon whose corners run clockwise on the screen."""

    def shape(x, y):
        worst = np.full(x.shape, -9.0, np.float32)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            length = np.hypot(bx - ax, by - ay)
            worst = np.maximum(worst, ((by - ay) * (x - ax) - (bx - ax) * (y - ay)) / length)
        return worst

    return shape


def tapered(ax, ay, bx, by, thick, thin):
    """Signed distance to a straight line that is ``thick`` at its first end and ``thin`` later."""

    def shape(x, y):
        length2 = (bx - ax) ** 2 + (by - ay) ** 2
        share = np.clip(((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / length2, 0, 1)
        gap = np.hypot(x - ax - share * (bx - ax), y - ay - share * (by - ay))
        return gap - (thick + (thin - thick) * share) / 2

    return shape


BACKDROP = [
    # x, y, radius, colour, opacity
    (0.20, 0.73, 0.165, "a97cc4", 0.50),
    (1.14, 0.80, 0.150, "f09a3a", 0.55),
    (0.73, 0.63, 0.175, "e0507a", 0.45),
    (0.70, 0.12, 0.105, "2f9a8a", 0.55),
    (1.22, 0.50, 0.080, "5a8ac8", 0.50),
    (0.07, 0.20, 0.075, "f2b632", 0.55),
]
INK = "15131c"
SATURATED = [
    "d8352a",
    "e8762a",
    "f2b632",
    "2f6db3",
    "1d4a8c",
    "2a8a86",
    "6a3f86",
    "c23a6a",
    "5a9a4a",
    "e0607a",
]


def geometric_abstraction(height: int, rng) -> np.ndarray:
    """Translucent circles, arcs, wedges, checker grids and black lines on a warm textured ground.

    The large anchors are fixed: a dark ringed disc at the upper left answers a teal half disc at
    the lower right along one long diagonal. Medium and small shapes gather near that diagonal
    and leave the other two corners quiet.
    """
    sheet = Sheet(rng, height)
    _anchors(sheet)
    _middle_voices(sheet, rng)
    _small_accents(sheet, rng)
    _black_lines(sheet, rng)
    return sheet.picture * (1 + 0.03 * noise(rng, 100, octaves=2, height=height)[..., None])


def _line(sheet, ax, ay, bx, by, thick, thin=None, code=INK) -> None:
    """One ruled line of ink."""
    box = ((ax + bx) / 2, (ay + by) / 2, max(abs(bx - ax), abs(by - ay)) / 2 + 0.02)
    shape = tapered(ax, ay, bx, by, thick, thick if thin is None else thin)
    for _ in range(2):
        sheet.lay(shape, box, code, 0.85, 0.1, 0.0)


def _disc(sheet, x, y, radius, code, opacity=0.8, fade=0.35) -> None:
    sheet.lay(disc(x, y, radius), (x, y, radius + 0.01), code, opacity, fade)


def _arc(sheet, x, y, radius, width, code=INK, start=0.0, sweep=2 * np.pi, opacity=0.9) -> None:
    shape = hoop(x, y, radius, width, start, sweep)
    sheet.lay(shape, (x, y, radius + width), code, opacity, 0.1, 0.1)


def _anchors(sheet) -> None:
    """The four large shapes that carry the composition."""
    # Pale discs far behind, to fill the ground with overlaps without crowding it.
    for cx, cy, radius, code, opacity in BACKDROP:
        _disc(sheet, cx, cy, radius, code, opacity, 0.6)
    # A wide wedge of light, from the lower edge up to the dark disc.
    sheet.lay(convex((0.40, 0.26), (0.86, 1.02), (0.30, 1.02)), (0.55, 0.65, 0.42), "f2c23a", 0.75, 0.5)
    sheet.lay(convex((0.93, 0.10), (1.22, 0.93), (0.60, 0.80)), (0.92, 0.52, 0.45), "4a86c0", 0.62, 0.6)
    sheet.lay(convex((0.10, 0.58), (0.74, 0.40), (0.70, 0.50)), (0.42, 0.5, 0.35), "d8352a", 0.8, 0.4)
    x, y = 0.36, 0.30
    for radius, code, opacity in [
        (0.245, "f0a8a0", 0.55),
        (0.215, "e8762a", 0.7),
        (0.185, "33245c", 0.95),
        (0.185, "1a1430", 0.7),
        (0.105, "8a3a8e", 0.85),
        (0.06, "e0407a", 0.8),
    ]:
        _disc(sheet, x, y, radius, code, opacity)
    dome = [
        (0.95, 0.70, 0.20, "2a8a86"),
        (0.95, 0.70, 0.135, "f2b632"),
        (0.95, 0.70, 0.075, "c8382e"),
    ]
    for cx, cy, radius, code in dome:
        half = disc(cx, cy, radius)
        sheet.lay(
            lambda u, v, h=half: np.maximum(h(u, v), -(0.83 * (v - 0.70) + 0.55 * (u - 0.95))),
            (cx, cy, radius + 0.01),
            code,
            0.85,
            0.3,
        )
    _disc(sheet, 1.17, 0.22, 0.085, "d8352a", 0.85)
    _disc(sheet, 1.10, 0.29, 0.060, "f2b632", 0.8)


def _middle_voices(sheet, rng) -> None:
    """Checker grids, rows of half hoops, long bars and medium circles along the diagonal."""
    _checker(sheet, rng, (0.66, 0.20), (0.034, 0.010), (-0.008, 0.034), 6, 5)
    _checker(sheet, rng, (0.12, 0.66), (0.024, -0.012), (0.012, 0.024), 4, 6)
    _checker(sheet, rng, (1.06, 0.46), (0.022, 0.006), (-0.006, 0.022), 5, 3)
    for number in range(5):  # a procession of half hoops, each over its neighbour
        cx, cy = 0.17 + 0.072 * number, 0.895 - 0.012 * number
        code = SATURATED[(number * 3 + 3) % len(SATURATED)]
        sheet.lay(hoop(cx, cy, 0.042, 0.034, np.pi, np.pi), (cx, cy, 0.07), code, 0.8, 0.3)
        _arc(sheet, cx, cy, 0.060, 0.0035, start=np.pi, sweep=np.pi)
    for share in np.linspace(0.05, 0.95, 15):  # circles strung loosely on the main diagonal
        cx = 0.16 + 0.98 * share + rng.normal(0, 0.05)
        cy = 0.16 + 0.66 * share + rng.normal(0, 0.13)
        radius = rng.choice([0.022, 0.034, 0.048, 0.07], p=[0.3, 0.35, 0.25, 0.1])
        code, inner = rng.choice(SATURATED, 2, replace=False)
        _disc(sheet, cx, cy, radius * 1.35, rng.choice(["f0a8a0", "f4d488", "a8c8c8"]), 0.45)
        _disc(sheet, cx, cy, radius, code, 0.8)
        if radius > 0.03:
            _disc(sheet, cx + radius * 0.1, cy, radius * 0.5, inner, 0.8)
        _arc(sheet, cx, cy, radius, rng.choice([0.002, 0.004, 0.006]))
    bars = [
        (0.50, 0.78, 1.02, 0.40),
        (0.58, 0.86, 0.90, 0.62),
        (0.22, 0.50, 0.60, 0.66),
        (0.72, 0.06, 0.90, 0.34),
    ]
    for number, (ax, ay, bx, by) in enumerate(bars):
        code = SATURATED[(number * 4 + 1) % len(SATURATED)]
        box = ((ax + bx) / 2, (ay + by) / 2, max(abs(bx - ax), abs(by - ay)) / 2 + 0.02)
        sheet.lay(tapered(ax, ay, bx, by, 0.034, 0.012), box, code, 0.8, 0.4)
    for cx, cy, size, turn in [
        (0.60, 0.60, 0.10, 0.3),
        (0.80, 0.44, 0.075, 2.0),
        (0.30, 0.72, 0.08, 4.0),
        (1.02, 0.88, 0.07, 5.2),
        (0.56, 0.13, 0.06, 1.1),
    ]:
        corners = [(cx + size * np.cos(turn + a), cy + size * np.sin(turn + a)) for a in (0, 2.0, 3.9)]
        sheet.lay(convex(*corners[::-1]), (cx, cy, size), rng.choice(SATURATED), 0.75, 0.6)


def _checker(sheet, rng, corner, right, down, columns, rows) -> None:
    """A slanted chessboard: some cells inked, some coloured, some left open."""
    corner, right, down = (np.array(v) for v in (corner, right, down))
    for row in range(rows):
        for column in range(columns):
            a = corner + right * column + down * row
            cell = [tuple(p) for p in (a, a + down, a + right + down, a + right)]
            middle = a + (right + down) / 2
            code = INK if (row + column) % 2 else rng.choice([*SATURATED, "f4ead0", "f4ead0"])
            sheet.lay(convex(*cell[::-1]), (*middle, 0.035), code, 0.8 if code != INK else 0.9, 0.2, 0.1)


def _small_accents(sheet, rng) -> None:
    """Dots, chips and crescents in loose families; fewer and smaller towards the quiet corners."""
    for cx, cy, spread, count in [
        (0.62, 0.42, 0.15, 16),
        (0.86, 0.56, 0.13, 13),
        (0.28, 0.60, 0.10, 9),
        (1.16, 0.50, 0.07, 6),
        (0.14, 0.12, 0.06, 4),
    ]:
        for _ in range(count):
            px, py = cx + rng.normal(0, spread), cy + rng.normal(0, spread * 0.7)
            size, code = rng.choice([0.008, 0.012, 0.019]), rng.choice(SATURATED)
            kind = rng.integers(0, 4)
            if kind == 0:
                _disc(sheet, px, py, size, code, 0.9, 0.1)
            elif kind == 1:
                corners = [(px + 1.6 * size * np.cos(a), py + 1.6 * size * np.sin(a)) for a in (0.2, 2.3, 4.4)]
                sheet.lay(convex(*corners[::-1]), (px, py, 0.03), code, 0.9)
            elif kind == 2:
                sheet.lay(
                    tapered(px, py, px + 3 * size, py - size, size, size * 0.7),
                    (px, py, 0.06),
                    code,
                    0.9,
                )
            else:
                _arc(sheet, px, py, size * 1.4, 0.0035, INK, rng.uniform(0, 6), rng.uniform(2, 6))


def _black_lines(sheet, rng) -> None:
    """The drawing: long diagonals, fans, parallel bundles, great thin circles, a stair, a wave."""
    _line(sheet, 0.05, 0.97, 1.12, 0.06, 0.010, 0.002)
    _line(sheet, 0.52, 0.04, 1.20, 0.97, 0.0015, 0.008)
    _line(sheet, 0.03, 0.42, 1.28, 0.60, 0.0025, 0.005)
    for number in range(9):  # a fan that opens from the dark disc
        _line(sheet, 0.40, 0.33, 0.74 + 0.045 * number, 0.93 - 0.035 * number, 0.0032, 0.0014)
    for number in range(7):  # bundles of parallels, like strings
        gap = 0.013 * number
        _line(sheet, 0.88 + gap, 0.16, 1.06 + gap, 0.40, 0.0022 + 0.0006 * (number % 3))
        _line(sheet, 0.17, 0.50 + gap, 0.36, 0.44 + gap, 0.0022)
        _line(sheet, 0.66 + gap * 1.3, 0.78, 0.70 + gap * 1.3, 0.94, 0.0028)
    for cx, cy, radius, width in [
        (0.36, 0.30, 0.265, 0.0025),
        (0.36, 0.30, 0.185, 0.006),
        (0.95, 0.70, 0.225, 0.002),
        (0.70, 0.50, 0.30, 0.0022),
        (0.76, 0.30, 0.12, 0.0022),
        (1.17, 0.22, 0.105, 0.0035),
    ]:
        _arc(sheet, cx, cy, radius, width, start=rng.uniform(0, 6), sweep=rng.uniform(4.4, 6.2))
    for number in range(16):  # fine hatching, two quiet patches of it
        gap = 0.0085 * number
        _line(sheet, 1.12 + gap, 0.62, 1.08 + gap, 0.74, 0.0016)
        _line(sheet, 0.08, 0.80 + gap * 0.9, 0.17, 0.76 + gap * 0.9, 0.0016)
    for number in range(6):  # a stair of short steps climbing to the right
        px, py = 1.00 + 0.026 * number, 0.965 - 0.020 * number
        _line(sheet, px, py, px + 0.026, py, 0.0045)
        _line(sheet, px + 0.026, py, px + 0.026, py - 0.020, 0.0045)
    for number in range(6):  # a wave of alternating arcs
        up = np.pi * (number % 2)
        _arc(
            sheet,
            0.60 + 0.044 * number,
            0.075 + 0.012 * number,
            0.022,
            0.005,
            start=up,
            sweep=np.pi,
        )
