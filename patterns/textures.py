"""Fifteen textures, each a function of local coordinates whose period is about 1.

A texture gets a grid, a random generator and a palette, and returns colours (3, h, w). It does not
know how large its period is in the frame: the scene chooses that, so a class spans coarse to fine.
The regular ones are made of triangle waves (the distance to the next line of a family); the
irregular ones of jittered lattice points, of whose cells a pixel has to look at 3 x 3 only
(Worley 1996, A Cellular Texture Basis Function), or of 1/f noise.
"""

import math
from collections.abc import Callable
from itertools import permutations

import numpy as np

from patterns.canvas import TAU, Grid, coverage, implicit_coverage, length, ramp, stroke
from patterns.colours import Palette, darker, lighter, mix

Texture = Callable[[Grid, np.random.Generator, Palette], np.ndarray]

# Random tables repeat after this many cells: a power of two, so that wrapping is a bit mask.
_TABLE = 32
_ROOT3 = math.sqrt(3)

# --- Shared pieces -------------------------------------------------------------------------------


def _nearest_line(u: np.ndarray) -> np.ndarray:
    """Distance to the nearest whole number: a triangle wave between 0 and 1/2."""
    return np.abs(u - np.rint(u))


def _look_up(table: np.ndarray, column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """table[row, column] for whole-numbered float cells, wrapped around."""
    index = (row.astype(np.int32) & (_TABLE - 1)) * _TABLE + (column.astype(np.int32) & (_TABLE - 1))
    return table.ravel().take(index)


def _table(rng, *shape: int) -> np.ndarray:
    return rng.random((*shape, _TABLE, _TABLE), dtype=np.float32)


def _cells(x, y, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distance to the nearest and second nearest lattice point, and a random number per point.

    `points` is (3, table, table): offsets in x and y within the point's cell, and the number.
    """
    column, row = np.floor(x), np.floor(y)
    first = np.full(x.shape, 99, np.float32)
    second = first.copy()
    number = np.zeros(x.shape, np.float32)
    flat = points.reshape(3, -1)
    columns = [(column + d).astype(np.int32) & (_TABLE - 1) for d in (-1, 0, 1)]
    for down in (-1, 0, 1):
        start = ((row + down).astype(np.int32) & (_TABLE - 1)) * _TABLE
        from_row = y - row - down
        for across in (-1, 0, 1):
            index = start + columns[across + 1]
            u = x - column - across - flat[0].take(index)
            v = from_row - flat[1].take(index)
            square = u * u + v * v
            closer = square < first
            second = np.minimum(second, np.maximum(first, square))
            first = np.minimum(first, square)
            np.copyto(number, flat[2].take(index), where=closer)
    return np.sqrt(first), np.sqrt(second), number


def _pale(palette: Palette) -> np.ndarray:
    """The lighter main colour, brightened if dark marks would not show on it."""
    colour = max(palette.base, palette.second, key=np.mean)
    return lighter(colour, max(0.0, 0.6 - float(colour.mean())))


def _grain(grid: Grid, rng, strength: float) -> np.ndarray:
    """A factor around 1 with a fine mottle, for surfaces that are not quite plain."""
    return 1 + strength * grid.noise(rng, rng.uniform(2.0, 4.0))


# --- Straight families ---------------------------------------------------------------------------


def stripes(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Straight bands of two colours, often with a thin third band, shaded like satin."""
    duty = rng.uniform(0.32, 0.6)
    around = _nearest_line(grid.x)
    band = coverage(around - duty / 2, grid.pixel)
    ground = mix(palette.base, lighter(palette.base, 0.25), np.cos(grid.x * TAU) * 0.5)
    colours = mix(ground, palette.second, band)
    if rng.random() < 0.5:
        pin = stroke(around - (duty / 2 + 0.11), rng.uniform(0.025, 0.05), grid.pixel)
        colours = mix(colours, palette.accent, pin)
    return colours * (1 - 0.25 * around)


def checkerboard(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Squares of two colours in turn, the tiles bevelled and slightly uneven in tone."""
    u, v = grid.x, grid.y
    pixel = grid.pixel
    # Two square waves; their product has the sign of the checkerboard.
    s = coverage(_nearest_line(u / 2) * 2 - 0.5, pixel)
    t = coverage(_nearest_line(v / 2) * 2 - 0.5, pixel)
    odd = s + t - 2 * s * t
    colours = mix(palette.base, palette.second, odd)
    tone = _look_up(_table(rng), np.rint(u), np.rint(v))
    edge = 0.5 - np.maximum(_nearest_line(u), _nearest_line(v))
    colours *= 1 + rng.uniform(0.05, 0.25) * (tone - 0.5)
    return colours * (1 - 0.3 * ramp(edge, 0.12, 0.0))


def tartan(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Bands of several colours and widths that cross themselves, in a twill of fine diagonals."""
    u, v = grid.x * 0.6, grid.y * 0.6
    pixel = grid.pixel * 0.6
    wide = rng.uniform(0.13, 0.19)
    thin = rng.uniform(0.018, 0.03)
    gap = rng.uniform(0.05, 0.08)

    def threads(position: np.ndarray) -> np.ndarray:
        around = _nearest_line(position)
        colours = mix(palette.base, palette.second, coverage(around - wide, pixel))
        for at, half, colour in (
            (0.5, thin * 1.3, palette.light),
            (0.0, thin * 1.6, palette.accent),
            (wide + gap, thin * 1.2, palette.dark),
            (0.5 - gap * 1.7, thin, palette.dark),
        ):
            colours = mix(colours, colour, stroke(around - at, half, pixel))
        return colours

    # The diagonal decides which of the two threads lies on top, unless the pixels are too coarse.
    if pixel * 11 > 0.4:
        return mix(threads(u), threads(v), 0.5)
    return mix(threads(u), threads(v), 0.5 + 0.28 * np.sin((u + v) * (TAU * 11)))


def zigzag(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Chevron bands with sharp corners."""
    slope = rng.uniform(0.8, 1.5)
    steps = rng.uniform(0.5, 0.8)
    level = grid.y + slope * (_nearest_line(grid.x * steps) / steps)
    steepness = 1 / math.hypot(1, slope)
    around = _nearest_line(level)
    duty = rng.uniform(0.4, 0.56)
    colours = mix(palette.base, palette.second, coverage((around - duty / 2) * steepness, grid.pixel))
    if rng.random() < 0.5:
        half = rng.uniform(0.03, 0.055)
        line = stroke((around - 0.5) * steepness, half, grid.pixel)
        colours = mix(colours, palette.accent if rng.random() < 0.5 else palette.light, line)
    return colours * (1 - 0.35 * (level - np.floor(level) - 0.5))


def waves(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Rolling sine bands, each with a pale crest and shading into the depth below it."""
    wavelength = rng.uniform(1.5, 2.3)
    height = rng.uniform(0.32, 0.5)
    phase = grid.x * (TAU / wavelength)
    # A little second harmonic makes crests narrower than troughs, as in water.
    swell = np.sin(phase) + 0.18 * np.cos(2 * phase)
    level = grid.y - height * swell
    slope = (height * TAU / wavelength) * np.cos(phase)
    flat = 1 / np.sqrt(1 + slope * slope)
    depth = 1 - (level - np.floor(level))
    crest = stroke((level - np.rint(level)) * flat, rng.uniform(0.06, 0.1), grid.pixel)
    colours = mix(palette.second, palette.base, ramp(depth, 0.0, 0.9))
    middle = stroke((_nearest_line(level) - 0.3) * flat, 0.03, grid.pixel)
    colours = mix(colours, palette.light, middle * 0.45)
    foam = palette.light if rng.random() < 0.6 else palette.dark
    return mix(colours, foam, crest)


# --- Tiles ---------------------------------------------------------------------------------------


def polka_dots(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Round dots on a staggered or a square lattice, slightly domed."""
    radius = rng.uniform(0.24, 0.36)
    u, v = grid.x, grid.y
    if rng.random() < 0.6:  # staggered: every other row moved by half a step
        v = v * (2 / _ROOT3)
        row = np.rint(v)
        u = u + 0.5 * (row - 2 * np.floor(row / 2))
        dv = (v - row) * (_ROOT3 / 2)
    else:
        row = np.rint(v)
        dv = v - row
    column = np.rint(u)
    du = u - column
    distance = length(du, dv) - radius
    cover = coverage(distance, grid.pixel)
    dots = palette.second
    if rng.random() < 0.5:  # two colours of dots
        dots = mix(palette.second, palette.accent, np.rint(_look_up(_table(rng), column, row)))
    dome = 1 + (dv - du) * rng.uniform(0.0, 0.5)
    if dots.ndim == 1:
        dots = dots[:, None, None]
    colours = mix(palette.base[:, None, None] * _grain(grid, rng, 0.04), dots * dome, cover)
    return colours * (1 - 0.2 * ramp(distance, 0.12, 0.0) * (1 - cover))


def bricks(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Running bond: long bricks, every other course moved by half, in pale or dark mortar."""
    aspect = rng.uniform(1.8, 2.5)
    v = grid.y * 1.5
    row = np.floor(v)
    u = grid.x * (1.5 / aspect) + 0.5 * (row - 2 * np.floor(row / 2))
    column = np.floor(u)
    du = (0.5 - np.abs(u - column - 0.5)) * aspect
    dv = 0.5 - np.abs(v - row - 0.5)
    joint = rng.uniform(0.055, 0.1)
    corner = 0.08
    outside = length(np.maximum(corner + joint - du, 0), np.maximum(corner + joint - dv, 0)) - corner
    pixel = grid.pixel * 1.5
    numbers = _table(rng, 2)
    tone = _look_up(numbers[0], column, row)
    burnt = _look_up(numbers[1], column, row)
    colours = mix(palette.base, palette.second, burnt * rng.uniform(0.15, 0.45))
    bevel = 0.3 * (v - row - 0.5)
    colours *= (0.82 + 0.36 * tone + bevel) * _grain(grid, rng, 0.07)
    # Whichever of the two is further from the brick's own lightness.
    pale = palette.base.mean() < 0.55
    mortar = mix(palette.light if pale else palette.dark, palette.base, 0.15)
    return mix(mortar, colours, coverage(outside, pixel))


def honeycomb(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Hexagonal cells with raised walls; the cells are hollow, some of them filled."""
    # The centres of a hexagonal lattice are two rectangular lattices; a pixel belongs to the
    # nearer of its two candidates.
    x, y = grid.x, grid.y
    ax, ay = np.rint(x), np.rint(y / _ROOT3)
    bx, by = np.floor(x) + 0.5, np.floor(y / _ROOT3) + 0.5
    aux, auy = x - ax, y - ay * _ROOT3
    bux, buy = x - bx, y - by * _ROOT3
    nearer = ((aux * aux + auy * auy) < (bux * bux + buy * buy)).astype(np.float32)
    u, v = bux + (aux - bux) * nearer, buy + (auy - buy) * nearer
    number = _look_up(_table(rng), (bx + (ax - bx) * nearer) * 2, (by + (ay - by) * nearer) * 2)
    across, aslant = np.abs(u), np.abs(u) * 0.5 + np.abs(v) * (_ROOT3 / 2)
    wall = 0.5 - np.maximum(across, aslant)  # distance to the cell's edge, inside
    half = rng.uniform(0.05, 0.085)
    hollow = mix(palette.base, darker(palette.base, 0.5), ramp(v + u * 0.4, -0.3, 0.5))
    filled = rng.uniform(0.0, 0.35) > number
    cell = mix(
        hollow,
        mix(palette.accent, lighter(palette.accent, 0.5), ramp(length(u + 0.1, v - 0.12), 0.25, 0.0)),
        filled.astype(np.float32),
    )
    cell *= 1 - 0.45 * ramp(wall, half + 0.12, half)
    rim = mix(palette.second, lighter(palette.second, 0.5), ramp(wall, half, 0.0))
    return mix(cell, rim, coverage(wall - half, grid.pixel))


def weave(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Basket weave: strands that pass over and under each other, round, with dark gaps."""
    u, v = grid.x * 1.4, grid.y * 1.4
    column, row = np.rint(u), np.rint(v)
    du, dv = u - column, v - row
    over = column + row
    over = np.abs(over - 2 * np.floor(over / 2))  # 1 where the horizontal strand is on top
    along = dv + (du - dv) * over
    across = du + (dv - du) * over
    half = rng.uniform(0.36, 0.44)
    pixel = grid.pixel * 1.4
    # The strand on top bends down towards the ends of its cell: dark there, bright in the middle.
    bend = 1 - 1.5 * along * along
    dome = 1 - rng.uniform(1.6, 2.6) * across * across
    tone = _look_up(_table(rng), column * (1 - over) + 7, row * over + 3)
    # Each strand is a few reeds side by side; often all strands have one colour.
    reeds = int(rng.integers(3, 5))
    fibre = 0.17 * np.cos(across * (TAU * reeds / (2 * half)))
    fibre = fibre if reeds % 2 else -fibre
    strand = mix(palette.base, palette.second, over * (0.12 if rng.random() < 0.5 else 0.6))
    strand *= bend * dome * (0.95 + 0.2 * tone + fibre)
    gap = darker(palette.dark, 0.3)
    return mix(gap, strand, coverage(np.abs(across) - half, pixel))


def scales(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Overlapping round scales in staggered rows, each with a dark rim and a pale root."""
    u, v = grid.x, grid.y * 2
    radius = rng.uniform(0.6, 0.7)
    top = np.floor(v)
    colours = None
    tones = _table(rng)
    scallops = []
    # A scale hangs down from its row over the rows below it: three rows can reach a pixel.
    for above in (2, 1, 0):
        row = top + above
        shift = 0.5 * (row - 2 * np.floor(row / 2))
        column = np.rint(u - shift)
        du = u - shift - column
        dv = (v - row) * 0.5
        scallops.append((length(du, dv), _look_up(tones, column, row)))
    # Painted from the row that lies underneath to the one on top.
    for away, tone in reversed(scallops):
        root = mix(palette.second, palette.base, ramp(away, 0.12, 0.5))
        root *= (0.82 + 0.3 * tone) * (1 - 0.4 * ramp(away, radius - 0.1, radius))
        root = mix(root, palette.light, stroke(away - radius + 0.1, 0.02, grid.pixel) * 0.7)
        cover = coverage(away - radius, grid.pixel)
        colours = root if colours is None else mix(colours * (1 - 0.5 * ramp(away, radius + 0.16, radius)), root, cover)
    return colours


def maze(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Corridors between thin walls: a random spanning tree of a square lattice."""
    u, v = grid.x, grid.y
    right, top = _maze_walls(rng)
    column, row = np.floor(u), np.floor(v)
    du, dv = u - column, v - row
    # Distance to each wall the cell has; a missing one is far away. The posts between cells are
    # always there.
    distance = np.minimum(
        np.minimum(1 - du + _look_up(right, column, row), du + _look_up(right, column - 1, row)),
        np.minimum(1 - dv + _look_up(top, column, row), dv + _look_up(top, column, row - 1)),
    )
    post_u, post_v = _nearest_line(u), _nearest_line(v)
    half = rng.uniform(0.11, 0.18)
    distance = np.minimum(distance, np.maximum(post_u, post_v)) - half
    wall = coverage(distance, grid.pixel)
    floor = palette.base[:, None, None] * (1 - 0.35 * ramp(distance, 0.25, 0.0))
    return mix(floor, mix(palette.second, lighter(palette.second, 0.3), ramp(distance, 0.0, -half)), wall)


def _maze_walls(rng) -> tuple[np.ndarray, np.ndarray]:
    """Walls to the right of and above each cell: 0 where one stands, 9 where it was opened."""
    side = 16  # the maze repeats within the table; a depth-first walk is slow in Python
    right = np.zeros((side, side), np.float32)
    top = np.zeros((side, side), np.float32)
    seen = bytearray(side * side)
    seen[0] = 1
    path = [0]
    turns = iter(rng.integers(0, 24, 4 * side * side).tolist())
    orders = list(permutations(((1, 0), (-1, 0), (0, 1), (0, -1))))
    while path:
        here = path[-1]
        row, column = divmod(here, side)
        for dx, dy in orders[next(turns)]:
            there = (row + dy) % side * side + (column + dx) % side
            if not seen[there]:
                if dx:
                    right[row, column if dx > 0 else (column - 1) % side] = 9
                else:
                    top[row if dy > 0 else (row - 1) % side, column] = 9
                seen[there] = 1
                path.append(there)
                break
        else:
            path.pop()
    repeat = _TABLE // side
    return np.tile(right, (repeat, repeat)), np.tile(top, (repeat, repeat))


# --- Irregular textures --------------------------------------------------------------------------


def cracks(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Dried mud: uneven plates parted by dark jagged gaps, with fine cracks inside the plates."""
    points = _table(rng, 3)
    jag = 0.09
    x = grid.x + jag * grid.noise(rng, 2.5)
    y = grid.y + jag * grid.noise(rng, 2.5)
    first, second, number = _cells(x, y, points)
    edge = second - first
    width = rng.uniform(0.07, 0.11) * (1 + 0.4 * grid.noise(rng, 0.7))
    gap = implicit_coverage(edge - np.maximum(width, 0.03))
    plate = _pale(palette)[:, None, None] * (0.75 + 0.35 * number)
    plate = plate * _grain(grid, rng, 0.07) * (1 - 0.3 * ramp(edge, 0.35, 0.05))
    fine_first, fine_second, _ = _cells(x * 2 + 5, y * 2 + 3, points)
    fine = implicit_coverage(fine_second - fine_first - 0.06)
    plate = mix(plate, plate * 0.6, fine * 0.7)
    return mix(plate, darker(palette.dark, 0.35), gap)


def leopard_spots(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Rosettes: broken dark rings around a darker middle, with small spots, on fur."""
    points = 0.24 + 0.52 * _table(rng, 3)
    wobble = 0.1
    x = grid.x + wobble * grid.noise(rng, 1.3)
    y = grid.y + wobble * grid.noise(rng, 1.3)
    first, _, number = _cells(x, y, points)
    size = 0.17 + 0.2 * number
    broken = grid.noise(rng, 1.2)
    ring = np.abs(first - size) - 0.075 * (1 + 0.85 * broken)
    spot = np.minimum(ring, first - 0.5 * (0.58 - number))
    colour = _pale(palette)
    fur = colour[:, None, None] * (1 + 0.07 * grid.noise(rng, 6))
    tawny = mix(colour, palette.second, 0.45) * 0.72
    fur = mix(fur, tawny, ramp(first - size, 0.05, -0.05) * 0.9)
    return mix(fur, darker(palette.dark, 0.25), implicit_coverage(spot))


def wood_grain(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """A plank: long growth lines that flow around knots, with fine streaks and dark pores."""
    x, y = grid.x * 0.3, grid.y
    # The grain is a stack of level lines; a knot pushes them apart like a stone in a stream.
    level = y + 0.3 * np.sin(x * rng.uniform(0.6, 1.3) + rng.uniform(0, TAU))
    level += 0.16 * grid.noise(rng, 0.25)
    knots = 0.25 + 0.5 * _table(rng, 3)
    near, _, _ = _cells(x * 0.7, y * 0.32, knots)
    level += np.exp(-(near * near) * 22) * 1.7
    rings = level * rng.uniform(2.2, 3.4)
    number = np.floor(rings)
    saw = rings - number
    # Early wood shades slowly into late wood, which ends sharply; no two years are alike.
    tones = rng.random(256, dtype=np.float32)
    tone = tones.take(number.astype(np.int32) & 255)
    late = saw * saw * saw * ramp(saw, 1.0, 0.9) * (0.35 + 0.65 * tone)
    # Streaks: random tones across the grain, fine and coarse, as long as the plank.
    across = level * 7
    streak = tones.take(np.floor(across * 3).astype(np.int32) & 255)
    streak = streak + tones.take(np.floor(across).astype(np.int32) & 255) - 1
    light = _pale(palette)
    colours = mix(light, mix(light, palette.base, 0.5), tone)
    colours *= 1 + 0.09 * streak
    colours = mix(colours, mix(darker(light, 0.4), palette.dark, 0.45), late)
    ring = stroke(near - 0.1, 0.02, grid.pixel * 0.5)
    knot = ramp(near, 0.12, 0.03)
    return mix(colours, palette.dark, np.maximum(knot * 0.8, ring * 0.6))


def marble(grid: Grid, rng, palette: Palette) -> np.ndarray:
    """Cloudy stone with thin branching veins: the zero lines of warped 1/f noise."""
    cloud = grid.fractal(rng, 0.35, 5, 0.6)
    flow = grid.fractal(rng, 0.28, 5, 0.5)
    bands = 0.6 * grid.x + 0.95 * flow
    vein = np.abs(np.sin(bands * 2.1))
    thin = np.abs(grid.fractal(rng, 0.5, 3, 0.5) + 0.4 * flow)
    stone = mix(darker(palette.base, 0.15), lighter(palette.base, 0.4), ramp(cloud, -1.6, 1.6))
    stone = mix(stone, palette.second, ramp(vein, 0.5, 0.0) * 0.45)
    strength = ramp(grid.noise(rng, 0.3), -1.2, 0.9)
    dark = mix(palette.second, palette.dark if palette.base.mean() > 0.38 else palette.light, 0.8)
    stone = mix(stone, dark, ramp(vein, 0.14, 0.02) * (0.5 + 0.45 * strength))
    return mix(stone, dark, ramp(thin, 0.09, 0.0) * 0.5)


TEXTURES: dict[str, Texture] = {
    "stripes": stripes,
    "checkerboard": checkerboard,
    "polka dots": polka_dots,
    "bricks": bricks,
    "honeycomb": honeycomb,
    "zigzag": zigzag,
    "waves": waves,
    "weave": weave,
    "wood grain": wood_grain,
    "marble": marble,
    "scales": scales,
    "cracks": cracks,
    "tartan": tartan,
    "leopard spots": leopard_spots,
    "maze": maze,
}

# The shortest and longest period in frame units (the frame is 2 wide) where the usual ones, which
# a scene knows, would be too fine for few pixels or too coarse to recognize.
PERIODS: dict[str, tuple[float, float]] = {
    "honeycomb": (0.15, 0.5),
    "zigzag": (0.16, 0.5),
    "waves": (0.15, 0.5),
    "scales": (0.15, 0.5),
    "maze": (0.09, 0.16),
    "weave": (0.13, 0.4),
    "tartan": (0.2, 0.6),
    "leopard spots": (0.15, 0.34),
    "cracks": (0.16, 0.5),
    "wood grain": (0.13, 0.28),
    "marble": (0.16, 0.6),
}
