"""Twenty-one objects, each painted part by part on a board, within about the unit disc, y up.

A function gets the board, a random generator, a palette and a facet (the kind of a class that has
several, see FACETS; None elsewhere). It draws its proportions and counts first, then paints from
the back to the front. General shading (light, rim, grain) is the scene's work; what belongs to the
thing itself - petal lines, veins, windows, teeth, glints - is painted here.
"""

import math
from collections.abc import Callable

import numpy as np

from patterns.canvas import (
    TAU,
    Board,
    box,
    convex,
    coverage,
    disc,
    ellipse,
    fold,
    half_plane,
    length,
    lens,
    ramp,
    segment,
    star_edge,
)
from patterns.colours import Palette, darker, lighter, mix

Paint = Callable[[Board, np.random.Generator, Palette, int | None], None]

# --- Shared pieces -------------------------------------------------------------------------------


def _glint(board: Board, cx: float, cy: float, radius: float, opacity: float = 0.6) -> None:
    """A soft bright spot, as on glazed or polished things."""
    spot = ramp(disc(board.x, board.y, cx, cy, 0.0), radius, radius * 0.2)
    board.wash(spot * opacity, np.ones(3, np.float32))


def _turned(x, y, angle: float, cx: float = 0.0, cy: float = 0.0):
    """Coordinates around (cx, cy), turned so that the x axis points at `angle`."""
    c, s = math.cos(angle), math.sin(angle)
    u, v = x - cx, y - cy
    return u * c + v * s, v * c - u * s


# --- Emblems -------------------------------------------------------------------------------------


def spiral(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Facet 0: a tapering ribbon wound up; facet 1: a disc of two colours twisted into arms."""
    x, y = board.x, board.y
    radius = length(x, y)
    turn = np.arctan2(y, x) * (1 / TAU)
    if facet == 0:
        turns = rng.uniform(2.2, 3.3)
        pitch = 0.93 / turns
        # The winding that passes nearest to each pixel, counted in turns from the centre.
        wound = np.rint(radius / pitch - turn) + turn
        slope = 1 / np.sqrt(1 + (pitch / (TAU * radius + pitch)) ** 2)
        middle = (radius - pitch * wound) * slope
        half = pitch * rng.uniform(0.24, 0.31)
        half = half * (0.6 + 0.4 / turns * wound)
        past_end = (wound - turns) * radius * TAU
        before_start = (0.3 - wound) * radius * TAU
        band = np.maximum(np.maximum(np.abs(middle) - half, past_end), before_start)
        end = (math.cos(TAU * turns) * pitch * turns, math.sin(TAU * turns) * pitch * turns)
        start = (math.cos(TAU * 0.3) * pitch * 0.3, math.sin(TAU * 0.3) * pitch * 0.3)
        band = np.minimum(band, disc(x, y, *end, float(pitch) * 0.28))
        band = np.minimum(band, disc(x, y, *start, float(pitch) * 0.2))
        board.add(band, mix(palette.second, palette.base, ramp(radius, 0.15, 0.9)))
        board.line(np.abs(middle) - half * 0.55, 0.012, palette.dark, 0.6)
        board.line(middle - half * 0.2, 0.02, palette.light, 0.7)
        return
    arms = int(rng.integers(1, 4))
    turns = rng.uniform(2.2, 3.2) / arms
    board.add(radius - 0.95, palette.base)
    swirl = radius * (turns * arms / 0.95) - turn * arms
    nearest = np.abs(swirl - np.rint(swirl))
    to_distance = 0.95 / (turns * arms)
    band = (nearest - rng.uniform(0.2, 0.28)) * to_distance
    board.draw(band, mix(palette.second, lighter(palette.second, 0.35), ramp(nearest, 0.25, 0.0)))
    board.line(band, 0.016, palette.dark, 0.8)
    board.line(radius - 0.92, 0.03, palette.dark)


def target(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Concentric rings of two colours around a bull's-eye, with thin lines between them."""
    x, y = board.x, board.y
    radius = length(x, y)
    rings = int(rng.integers(4, 8))
    eye = rng.uniform(0.14, 0.22)
    edges = np.linspace(0.96, eye, rings).tolist()
    first, second = palette.base, palette.light if rng.random() < 0.5 else palette.second
    for ring, edge in enumerate(edges[:-1]):
        colour = (first, second)[ring % 2]
        part = radius - edge
        if ring == 0:
            board.add(part, colour)
        else:
            board.draw(part, colour)
        board.line(part + 0.012, 0.012, palette.dark, 0.6)
    board.draw(radius - eye, palette.accent)
    board.line(radius - eye, 0.014, palette.dark, 0.8)
    board.draw(radius - eye * 0.3, palette.dark)


def star(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Facet 0: five-pointed, filled, with bevelled arms; facet 1: thin, with many outlined rays."""
    if facet == 0:
        count, turn = 5, TAU / 4
        along, across, _ = fold(board.x, board.y, count, turn)
        inner = rng.uniform(0.38, 0.5)
        edge = star_edge(along, across, count, 1.0, inner)
        board.add(edge, palette.base)
        # Each arm has a lit half and a shaded half, as on a compass rose.
        relief = rng.uniform(0.18, 0.32)
        # This wave changes sign on the ridges and in the notches, so both are antialiased.
        side = np.sin(np.arctan2(across, along) * count) * along * (1 / count)
        board.draw(side, lighter(palette.base, relief))
        board.draw(-side, darker(palette.base, relief))
        border = rng.uniform(0.05, 0.09)
        board.draw(-edge - border, palette.second)
        board.line(edge + border, 0.012, palette.dark, 0.7)
        if rng.random() < 0.4:
            small = star_edge(along, across, count, 0.42, 0.42 * inner)
            board.draw(small, palette.accent)
            board.line(small, 0.012, palette.light, 0.8)
        return
    count = int(rng.integers(8, 14))
    along, across, _ = fold(board.x, board.y, count, TAU / 4)
    inner = rng.uniform(0.42, 0.52)
    edge = star_edge(along, across, count, 1.0, inner)
    half = rng.uniform(0.035, 0.05)
    outline = np.abs(edge + half) - half
    rays = np.maximum(np.abs(across) - 0.028, along - 0.9)
    board.add(rays, palette.second)
    board.add(outline, palette.base)
    board.line(edge + half, 0.012, palette.light, 0.7)
    board.add(disc(board.x, board.y, 0, 0, rng.uniform(0.1, 0.16)), palette.accent)


def heart(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Two lobes and a point, with an inner border, often stitched, and a glint."""
    x, y = np.abs(board.x), board.y
    # Half a heart is a disc joined to a wedge whose side is tangent to the disc.
    lobe, drop = rng.uniform(0.48, 0.53), rng.uniform(0.88, 1.0)
    cx, cy = 0.43, 0.3
    reach = math.hypot(cx, cy + drop)
    aim = math.atan2(cy + drop, cx)
    tangent = aim - math.asin(lobe / reach)
    span = math.sqrt(reach**2 - lobe**2)
    touch = (math.cos(tangent) * span, -drop + math.sin(tangent) * span)
    # The line from the disc's centre to the touching point parts what the disc bounds from what
    # the wedge bounds; the cleft between the lobes is a point.
    notch = cy + math.sqrt(lobe**2 - cx**2)
    above = (half_plane(x, y, cx, cy, *touch) < 0) | (y > notch)
    cleft = disc(x, y, 0.0, notch, 0.0)
    wedge = half_plane(x, y, 0.0, -drop, *touch)
    shape = np.where(above, disc(x, y, cx, cy, lobe), np.maximum(wedge, -cleft))
    board.add(shape, mix(palette.base, darker(palette.base, 0.35), ramp(y, 0.3, -0.9)))
    inset = rng.uniform(0.1, 0.16)
    if rng.random() < 0.5:
        board.draw(shape + inset, palette.second)
        board.line(shape + inset, 0.016, palette.light, 0.9)
    else:  # stitches: a dashed line
        dashes = np.sin(np.arctan2(y, board.x) * int(rng.integers(26, 36)))
        stitch = np.maximum(np.abs(shape + inset) - 0.022, -dashes * 0.06)
        board.draw(stitch, palette.light)
    u, v = _turned(board.x, board.y, 0.7, -0.5, 0.42)
    board.draw(ellipse(u, v, 0, 0, 0.16, 0.08), palette.light, 0.75)
    board.draw(disc(board.x, board.y, -0.68, 0.22, 0.04), palette.light, 0.7)


def moon(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """A crescent with craters, brighter along its outer rim."""
    x, y = board.x + 0.06, board.y
    shift = rng.uniform(0.36, 0.52)
    outer = disc(x, y, 0, 0, 0.95)
    inner = disc(x, y, shift, rng.uniform(-0.08, 0.08), rng.uniform(0.74, 0.8))
    shape = np.maximum(outer, -inner)
    board.add(shape, mix(lighter(palette.base, 0.3), palette.base, ramp(outer, 0.0, -0.5)))
    board.shade(1 + 0.07 * board.grid.noise(rng, 2.5))
    for _ in range(int(rng.integers(4, 8))):
        angle = rng.uniform(0.38, 0.62) * TAU
        away = rng.uniform(0.6, 0.86)
        size = rng.uniform(0.05, 0.11)
        cx, cy = away * math.cos(angle), away * math.sin(angle)
        crater = disc(x, y, cx, cy, size)
        board.draw(crater, mix(palette.second, palette.base, 0.3), 0.85)
        board.draw(
            disc(x, y, cx + size * 0.25, cy - size * 0.25, size * 0.7),
            darker(palette.base, 0.4),
            0.6,
        )
    board.line(outer + 0.03, 0.02, palette.light, 0.5)


def smiley(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """A round face with two eyes and a smile, the mouth a line or open with teeth."""
    x, y = board.x, board.y
    radius = length(x, y)
    board.add(
        radius - 0.96,
        mix(lighter(palette.base, 0.25), palette.base, ramp(disc(x, y, -0.2, 0.35, 0), 0.0, 0.9)),
    )
    board.line(radius - 0.93, 0.03, darker(palette.base, 0.55))
    pale = palette.base.mean() > 0.3
    ink = palette.dark if pale else palette.light
    apart, level = rng.uniform(0.28, 0.38), rng.uniform(0.2, 0.32)
    tall = rng.uniform(0.14, 0.22)
    sides = np.abs(x)
    board.draw(ellipse(sides, y, apart, level, tall * rng.uniform(0.55, 0.8), tall), ink)
    board.draw(disc(x, y, -apart + 0.03, level + 0.07, 0.04), palette.light if pale else ink)
    board.draw(disc(x, y, apart + 0.03, level + 0.07, 0.04), palette.light if pale else ink)
    wide, low = rng.uniform(0.5, 0.64), rng.uniform(-0.12, 0.0)
    if rng.random() < 0.5:
        # The lower part of a ring around a point above the mouth.
        arc = np.abs(disc(x, y, 0, low, wide)) - rng.uniform(0.04, 0.06)
        board.draw(np.maximum(arc, y - (low - wide * 0.3)), ink)
    else:
        mouth = np.maximum(disc(x, y, 0, low - 0.05, wide), y - (low - 0.12))
        board.draw(mouth, darker(palette.dark, 0.2) if pale else palette.dark)
        board.draw(np.maximum(mouth, disc(x, y, 0, low - 0.62, 0.3)), palette.accent)
        board.draw(np.maximum(mouth, (low - 0.25) - y), palette.light)
        board.line(np.maximum(mouth, -mouth - 0.04), 0.02, ink)
    if rng.random() < 0.6:
        board.wash(ramp(disc(sides, y, 0.64, -0.08, 0), 0.2, 0.04) * 0.6, palette.accent)
    _glint(board, -0.4, 0.62, 0.22, 0.5)


def eye(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """An almond with lids and lashes, a fibrous iris, a pupil and a highlight."""
    x, y = board.x, board.y
    tall = rng.uniform(0.45, 0.58)
    almond = lens(x, y, 0.95, tall)
    count = int(rng.integers(7, 11))
    for angle in (np.linspace(0.82, 0.18, count) * np.pi).tolist():
        # Lashes start on the upper lid and lean outwards.
        root = math.cos(angle) * 0.82
        lid = tall * (1 - root / 0.95**2)
        lean, reach = math.cos(angle) * 0.26, rng.uniform(0.2, 0.3)
        board.add(segment(x, y, root, lid, root + lean, lid + reach) - 0.024, palette.dark)
    board.add(almond - 0.05, palette.dark)
    white = mix(palette.light, palette.second, rng.uniform(0.0, 0.3))
    board.draw(almond, mix(white, darker(white, 0.3), ramp(y, 0.05, tall)))
    gaze = rng.uniform(-0.12, 0.12)
    size = rng.uniform(0.36, 0.42)
    u, v = x - gaze, y
    away = length(u, v)
    angle = np.arctan2(v, u)
    fibre = np.sin(angle * int(rng.integers(14, 22)) + 2 * np.sin(away * 14))
    iris = mix(palette.base, palette.accent, ramp(away, size * 0.8, size * 0.35))
    iris *= 1 + 0.28 * fibre * ramp(away, 0.1, 0.25)
    board.draw(np.maximum(away - size, almond), iris)
    board.line(np.maximum(away - size, almond + 0.02), 0.028, palette.dark)
    board.draw(away - (size * rng.uniform(0.36, 0.52)), darker(palette.dark, 0.6))
    board.draw(disc(u, v, -0.12, 0.14, 0.085), palette.light)
    board.draw(disc(u, v, 0.11, -0.13, 0.045), palette.light, 0.7)
    board.wash(ramp(almond, -0.16, 0.0) * ramp(y, -0.05, 0.15) * 0.45, palette.dark)


def gear(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """A toothed wheel with a hub, an open bore and holes or spokes, shaded like turned metal."""
    x, y = board.x, board.y
    count = int(rng.integers(8, 17))
    along, across, _ = fold(x, y, count)
    depth = rng.uniform(0.13, 0.2)
    root = 0.96 - depth
    half = np.pi * root / count * rng.uniform(0.48, 0.58)
    tooth = np.maximum(along - 0.96, np.abs(across) + (along - root) * 0.25 - half)
    radius = length(x, y)
    body = np.minimum(radius - root, np.maximum(tooth, -along))
    bore = rng.uniform(0.12, 0.2)
    shape = np.maximum(body, bore - radius)
    spokes = int(rng.integers(3, 7))
    u, v, _ = fold(x, y, spokes, TAU / 4)
    style = rng.integers(3)
    if style == 0:  # round holes
        middle = (bore + root) / 2 + 0.02
        shape = np.maximum(shape, -disc(u, v, middle, 0, min(0.15, 0.75 * middle * np.pi / spokes)))
    elif style == 1:  # spokes between a hub and a rim
        window = np.maximum(
            np.abs(radius - 0.5) - 0.14,
            0.09 - np.abs(length(u, 0) * math.sin(np.pi / spokes) - np.abs(v) * math.cos(np.pi / spokes)),
        )
        shape = np.maximum(shape, -window)
    # Turned metal shines in two opposite fans.
    shine = np.cos(2 * np.arctan2(y, x) - rng.uniform(0, TAU))
    board.add(shape, mix(palette.base, lighter(palette.base, 0.5), shine * 0.5 + 0.3))
    board.line(radius - (root - 0.06), 0.014, palette.dark, 0.6)
    hub = bore + rng.uniform(0.07, 0.11)
    board.draw(np.maximum(shape, radius - hub), palette.second)
    board.line(radius - hub, 0.016, palette.dark, 0.8)
    board.line(shape + 0.02, 0.016, palette.dark, 0.55)


# --- Nature --------------------------------------------------------------------------------------


def flower(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Facet 0: a daisy of narrow petals; facet 1: broad round petals; both with lines, a centre."""
    x, y = board.x, board.y
    narrow = facet == 0
    count = int(rng.integers(9, 15) if narrow else rng.integers(5, 8))
    centre = rng.uniform(0.22, 0.3)
    width = np.pi * 0.62 / count * rng.uniform(0.95, 1.15) * (1.0 if narrow else 0.95)
    for layer, (turn, reach, shade) in enumerate(((0.5, 0.92, 0.3), (0.0, 0.97, 0.0))):
        if layer == 0 and not narrow and rng.random() < 0.6:
            continue
        along, across, _ = fold(x, y, count, TAU / 4 + turn * TAU / count)
        if narrow:
            petal = ellipse(along, across, (reach + 0.12) / 2, 0, (reach - 0.12) / 2, width)
        else:
            out = reach - width * 1.02
            petal = np.minimum(
                ellipse(along, across, out, 0, width * 1.02, width),
                convex(along, across, (0.0, 0.0), (out, -width * 0.98), (out, width * 0.98)),
            )
        tint = mix(mix(palette.second, palette.base, 0.25), palette.base, ramp(along, 0.25, 0.75))
        # Petals are hollow: darker along the middle and towards one side.
        tint *= (1 - shade) * (1 - 0.3 * ramp(across, -width, width))
        board.add(petal, tint)
        board.line(petal + 0.014, 0.02, darker(palette.base, 0.65), 0.8)
        for slope in (-0.22, 0.0, 0.22):
            vein = np.maximum(
                np.abs(across - along * (slope * width * 2)),
                np.abs(along - 0.48) - (0.28 + 0.1 * (slope == 0)),
            )
            board.line(vein, 0.01, darker(palette.second, 0.4), 0.65)
    away = length(x, y)
    board.add(away - centre, palette.accent)
    # Florets: a fine lattice of seeds.
    u, v = x * 14, y * 14
    row = np.rint(v)
    u = u + 0.5 * row
    seeds = length(u - np.rint(u), v - row) * (1 / 14)
    board.draw(np.maximum(seeds - 0.024, away - (centre - 0.03)), darker(palette.accent, 0.5), 0.85)
    board.line(away - centre, 0.016, palette.dark, 0.7)


def sun(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """A glowing disc in a ring of pointed rays, long and short in turn, straight or wavy."""
    x, y = board.x, board.y
    count = int(rng.integers(5, 9)) * 2
    radius = length(x, y)
    # Wavy rays swing to and fro on their way out.
    swing = rng.uniform(0.05, 0.09) if rng.random() < 0.4 else 0.0
    turn = swing * np.sin(radius * 17)
    cosine, sine = np.cos(turn), np.sin(turn)
    along, across, number = fold(x * cosine - y * sine, y * cosine + x * sine, count, TAU / 4)
    core = rng.uniform(0.38, 0.47)
    gap = rng.uniform(0.03, 0.07)
    short = rng.uniform(0.7, 0.85)
    even = np.abs(number - 2 * np.floor(number / 2))
    tip = 1.0 + (short - 1.0) * even
    foot = core + gap
    half = (core + gap) * math.sin(np.pi / count) * rng.uniform(0.8, 0.95)
    # A ray narrows evenly from its foot to its tip.
    ray = np.abs(across) - half * (tip - along) / (tip - foot)
    ray = np.maximum(ray * 0.96, foot - radius)
    warm = mix(palette.base, palette.second, 0.55)
    board.add(ray, mix(mix(palette.base, warm, even), palette.light, ramp(radius, 0.95, core) * 0.3))
    board.line(ray + 0.012, 0.012, darker(palette.base, 0.65), 0.6)
    board.add(radius - core, mix(lighter(palette.base, 0.65), palette.base, ramp(radius, 0.05, core)))
    board.line(radius - (core - 0.015), 0.018, darker(palette.base, 0.55), 0.9)
    board.line(radius - core * 0.8, 0.014, palette.second, 0.8)
    if rng.random() < 0.5:
        swirl = np.sin(np.arctan2(y, x) * (count // 2) + radius * 9)
        board.wash(ramp(swirl, 0.0, 1.0) * ramp(radius, core * 0.76, core * 0.3) * 0.4, palette.second)


def leaf(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Facet 0: one blade with a midrib and side veins; facet 1: a lobed leaf, like an oak's."""
    x, y = board.x, board.y
    # The blade lies along x; its tip is to the right.
    bend = rng.uniform(-0.18, 0.18)
    v = y - bend * (1 - x * x)
    wide = rng.uniform(0.4, 0.56)
    veins = int(rng.integers(5, 8))
    if facet == 0:
        # An egg shape: fullest a little before the middle.
        u = x + 0.16 * (0.8 - x * x)
        shape = lens(u * 0.95, v, 0.86, wide)
        if rng.random() < 0.5:  # saw-toothed margin
            saw = x * int(rng.integers(7, 11))
            shape = shape + 0.05 * (saw - np.floor(saw)) * ramp(np.abs(v), 0.05, 0.2)
    else:
        along = (x + 0.85) * (veins / 1.75)
        lobe = np.abs(np.sin(along * np.pi))
        u = (x - 0.05) * (1 / 0.86)
        envelope = (wide * 1.15) * np.sqrt(np.maximum(1 - u * u, 0))
        shape = np.abs(v) - envelope * (0.5 + 0.5 * np.sqrt(lobe))
        shape = np.maximum(shape * 0.6, np.abs(u) - 1.0)
    stem = segment(x, v, -0.98, 0.0, -0.6, 0.0) - 0.035
    board.add(stem, darker(palette.second, 0.2))
    green = mix(palette.base, darker(palette.base, 0.3), coverage(-v, board.pixel))
    board.add(shape, mix(green, palette.second, ramp(shape, -0.16, 0.02) * 0.5))
    board.shade(1 + 0.06 * board.grid.noise(rng, 3))
    vein = lighter(palette.base, 0.62) if palette.base.mean() < 0.6 else darker(palette.base, 0.55)
    # Side veins run forward from the midrib: level lines of x - |v|.
    slant = (x - np.abs(v) * rng.uniform(0.7, 1.1) + 0.85) * (veins / 1.75)
    side = (slant - np.rint(slant)) * (1.75 / veins * 0.75)
    side = np.maximum(np.abs(side), shape + 0.05)
    board.line(side, 0.014, vein, 0.8)
    board.line(np.maximum(np.abs(v), x - 0.8), 0.026, vein, 0.95)


def snowflake(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Six arms with paired side branches around a small hexagon, like cut crystal."""
    along, across, _ = fold(board.x, board.y, 6, TAU / 4)
    across = np.abs(across)
    half = rng.uniform(0.05, 0.068)
    arm = segment(along, across, 0, 0, 0.93, 0)
    pairs = int(rng.integers(2, 4))
    starts = np.linspace(rng.uniform(0.34, 0.42), rng.uniform(0.68, 0.74), pairs).tolist()
    grow = rng.uniform(-0.05, 0.12)
    for place, start in enumerate(starts):
        # A branch leaves at 60 degrees and stays within its own sector.
        reach = min(0.2 + (0.1 if place == 0 else 0) + grow * place, 0.36)
        arm = np.minimum(arm, segment(along, across, start, 0, start + reach * 0.5, reach * 0.866))
    crystal = arm - half
    # A regular hexagon is the folded half plane.
    hexagon = along - rng.uniform(0.16, 0.24)
    shape = np.minimum(crystal, hexagon)
    away = length(board.x, board.y)
    board.add(shape, mix(palette.base, lighter(palette.base, 0.45), ramp(away, 0.2, 0.95)))
    board.line(shape + 0.012, 0.014, palette.second, 0.8)
    board.line(arm, 0.014, palette.light if palette.base.mean() < 0.7 else palette.dark, 0.85)
    board.line(hexagon + 0.07, 0.014, palette.accent, 0.9)


def tree(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Facet 0: a round crown of leaf clumps on a trunk; facet 1: a conifer in tiers."""
    x, y = board.x, board.y
    trunk = darker(mix(palette.second, palette.dark, 0.45), 0.1)
    stout = rng.uniform(0.09, 0.14)
    if facet == 1:
        board.add(box(x, y, 0, -0.8, stout, 0.2), trunk)
        tiers = int(rng.integers(3, 6))
        top, bottom = 0.98, -0.68
        wide = rng.uniform(0.55, 0.68)
        depth = (top - bottom) / (tiers * 0.62 + 0.38)
        for tier in range(tiers):
            base = bottom + tier * depth * 0.62
            half = wide * (1 - 0.72 * tier / tiers)
            part = convex(x, y, (0, base + depth), (-half, base), (half, base))
            # Twigs hang from the lower edge of each tier.
            fringe = 0.03 * np.sin(x * 38)
            part = np.maximum(part, base + fringe - y)
            board.add(
                part,
                mix(
                    darker(palette.base, 0.35),
                    lighter(palette.base, 0.2),
                    ramp(y, base, base + depth * 0.8),
                ),
            )
            board.line(np.maximum(part, -part - 0.03), 0.014, darker(palette.base, 0.6), 0.6)
        if rng.random() < 0.5:
            for _ in range(int(rng.integers(6, 11))):
                high = rng.uniform(0.05, 0.8)
                at = rng.uniform(-0.6, 0.6) * wide * (1 - high)
                board.draw(disc(x, y, at, bottom + high * 1.66, 0.05), palette.accent)
        return
    board.add(
        convex(
            x,
            y,
            (-stout * 1.5, -0.98),
            (stout * 1.5, -0.98),
            (stout * 0.8, 0.1),
            (-stout * 0.8, 0.1),
        ),
        trunk,
    )
    for side in (-1, 1):
        board.add(segment(x, y, 0, -0.4, side * 0.3, 0.0) - 0.045, trunk)
    bark = np.sin(x * 70 + 2 * np.sin(y * 9))
    board.shade(1 + 0.2 * bark)
    wide, tall = rng.uniform(0.5, 0.62), rng.uniform(0.4, 0.48)
    leaves = board.grid.noise(rng, 7)
    rough = 0.02 * leaves
    # Clumps of leaves around the crown, then over its middle: the lower ones are nearer.
    clumps = [(0.0, 0.36, 0.45)]
    for around, away, size in ((11, 1.0, 0.2), (7, 0.55, 0.22), (3, 0.2, 0.2)):
        start = rng.uniform(0, TAU)
        for a in (start + place * TAU / around for place in range(around)):
            clumps.append(
                (
                    away * wide * math.cos(a),
                    0.36 + away * tall * math.sin(a),
                    size * rng.uniform(0.85, 1.2),
                )
            )
    shade = darker(palette.base, 0.55)
    bright = lighter(palette.base, 0.25)
    for cx, cy, size in clumps:
        clump = disc(x, y, cx, cy, size) + rough
        light = ramp((y - cy) - (x - cx) * 0.4, -size, size)
        # Low in the crown there is less light.
        light = light * (0.55 + 0.45 * (cy + 0.1)) + 0.13 * leaves
        board.add(clump, mix(shade, bright, light))
    if rng.random() < 0.5:
        for _ in range(int(rng.integers(7, 13))):
            a, away = rng.uniform(0, TAU), math.sqrt(rng.random()) * 0.5
            board.draw(
                disc(x, y, away * math.cos(a) * 1.2, 0.32 + away * math.sin(a), 0.055),
                palette.accent,
            )


def mushroom(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """A domed cap with pale spots over a stem with a ring; gills show below the cap."""
    x, y = board.x, board.y
    stout = rng.uniform(0.19, 0.27)
    stem = convex(
        x,
        y,
        (-stout * 1.35, -0.92),
        (stout * 1.35, -0.92),
        (stout * 0.9, 0.15),
        (-stout * 0.9, 0.15),
    )
    pale = mix(palette.light, palette.second, rng.uniform(0.1, 0.7))
    board.add(stem - 0.04, mix(pale, darker(pale, 0.45), ramp(x, -stout * 0.4, stout * 1.3)))
    board.line(np.sin(x * 42) * 0.02, 0.006, palette.dark, 0.35)
    frill = ellipse(x, y, 0, -0.28, stout * 1.5, 0.09)
    board.add(frill, darker(pale, 0.15))
    board.line(frill, 0.014, palette.dark, 0.6)
    level = rng.uniform(-0.05, 0.08)
    wide, high = rng.uniform(0.84, 0.96), rng.uniform(0.72, 0.88)
    gills = ellipse(x, y, 0, level, wide * 0.97, 0.2)
    fan = np.sin(np.arctan2(y - (level + 0.5), x) * 60)
    board.add(gills, mix(darker(pale, 0.25), darker(pale, 0.65), ramp(fan, -0.3, 0.6)))
    # The cap is the upper part of an ellipse, cut by the sagging rim.
    cap = np.maximum(ellipse(x, y, 0, level, wide, high), (level + 0.02) - y - 0.08 * (x * x * 2 - 0.9))
    board.add(
        cap,
        mix(
            palette.base,
            darker(palette.base, 0.45),
            ramp(disc(x, y, -0.25, level + 0.5, 0), 0.2, 1.0),
        ),
    )
    count = int(rng.integers(6, 10))
    for spot in range(count):
        # Spots flatten towards the edge of the dome.
        a = np.pi * (spot + 0.5 + rng.uniform(-0.2, 0.2)) / count
        away = rng.uniform(0.72, 0.86) if spot % 2 else rng.uniform(0.25, 0.5)
        cx, cy = away * wide * math.cos(a), level + 0.1 + (away * high - 0.08) * math.sin(a)
        size = rng.uniform(0.08, 0.14)
        part = ellipse(x, y, cx, cy, size * (1 - 0.4 * abs(math.cos(a)) * away), size * 0.85)
        board.draw(np.maximum(part, cap), palette.light)
    board.line(cap, 0.02, darker(palette.base, 0.65), 0.8)
    _glint(board, -0.3, level + high * 0.72, 0.2, 0.4)


# --- Animals -------------------------------------------------------------------------------------


def fish(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """A side view: body with scales, forked tail, fins with rays, gill, eye and mouth."""
    x, y = board.x, board.y
    tall = rng.uniform(0.38, 0.52)
    # The head is to the left.
    body = ellipse(x, y, -0.2, 0, 0.74, tall)
    fork = rng.uniform(0.1, 0.24)
    sides = np.abs(y)
    spread = rng.uniform(0.36, 0.52)
    tail = np.maximum(
        half_plane(x, sides, 0.96, spread, 0.3, 0.02),
        np.maximum(half_plane(x, sides, 0.96 - fork, 0.0, 0.96, spread), 0.3 - x),
    )
    fin_colour = mix(palette.second, palette.accent, 0.25)
    rays = 1 - 0.28 * ramp(np.sin(np.arctan2(y, x - 0.2) * 34), -0.2, 0.6)
    board.add(tail, fin_colour[:, None, None] * rays)
    dorsal = np.maximum(ellipse(x, y, 0.02, tall * 0.62, 0.5, tall * 0.72), -y)
    belly = convex(x, y, (-0.25, -tall * 0.7), (0.18, -tall * 1.35), (0.2, -tall * 0.6))
    comb = 1 - 0.3 * ramp(np.sin((x - y * 0.5) * 46), -0.2, 0.6)
    board.add(np.minimum(dorsal, belly), fin_colour[:, None, None] * comb)
    board.line(board.distance + 0.012, 0.012, palette.dark, 0.6)
    flank = mix(palette.base, lighter(palette.base, 0.55), ramp(y, 0.05, -tall))
    board.add(body, mix(flank, darker(palette.base, 0.3), ramp(y, tall * 0.2, tall)))
    if rng.random() < 0.5:  # bars
        bars = int(rng.integers(2, 5))
        for at in np.linspace(-0.2, 0.32, bars).tolist():
            bar = np.abs(x - at + y * y * 0.3) - 0.05
            board.draw(np.maximum(bar, body), palette.second, 0.9)
    # Scales: arcs on a staggered lattice, behind the gill.
    u, v = x * 7, y * 9
    column = np.floor(u)
    v = v + 0.5 * (column - 2 * np.floor(column / 2))
    arc = length(u - column, v - np.rint(v)) - 0.62
    gill = disc(x, y, -0.98, 0, 0.5)
    arcs = np.maximum(np.abs(arc) * 0.13, np.maximum(body + 0.06, 0.06 - gill))
    board.line(arcs, 0.012, palette.dark, 0.55)
    board.line(np.maximum(np.abs(gill), body + 0.06), 0.024, palette.dark, 0.7)
    side_fin, v = _turned(x, y, -0.5, -0.08, -0.12)
    pectoral = lens(side_fin, v, 0.24, 0.1)
    board.draw(pectoral, fin_colour)
    board.line(pectoral, 0.012, palette.dark, 0.7)
    board.draw(disc(x, y, -0.66, 0.1, 0.105), palette.light)
    board.draw(disc(x, y, -0.68, 0.1, 0.058), darker(palette.dark, 0.5))
    board.line(segment(x, y, -0.96, -0.1, -0.78, -0.12), 0.022, palette.dark, 0.9)
    board.line(body + 0.012, 0.014, palette.dark, 0.7)


def butterfly(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Two pairs of mirrored wings with borders, veins and spots; body and feelers."""
    x, y = np.abs(board.x), board.y
    lift = rng.uniform(0.62, 0.85)
    reach = rng.uniform(0.46, 0.52)
    upper_u, upper_v = _turned(x, y, lift, 0.03, 0.03)
    lower_u, lower_v = _turned(x, y, -rng.uniform(0.75, 0.95), 0.03, 0.0)
    # A wing is an egg: an ellipse, broader at its far end.
    upper = ellipse(upper_u, upper_v * (1.35 - 0.4 * upper_u), reach, 0, reach, rng.uniform(0.3, 0.36))
    small = reach * rng.uniform(0.74, 0.84)
    lower = ellipse(lower_u, lower_v * (1.3 - 0.4 * lower_u), small, 0, small, rng.uniform(0.27, 0.33))
    spots = int(rng.integers(1, 3))
    border = palette.dark if rng.random() < 0.5 else darker(palette.accent, rng.uniform(0.2, 0.7))
    for wing, u, v, size, inner in (
        (lower, lower_u, lower_v, small, palette.second),
        (upper, upper_u, upper_v, reach, palette.base),
    ):
        board.add(wing, border)
        field = mix(inner, mix(inner, palette.light, 0.45), ramp(u, size * 1.5, size * 0.4))
        board.draw(wing + 0.07, field)
        # Veins fan out from the wing's root.
        fan = np.arctan2(v, u + 0.05) * 5.0
        vein = np.abs(fan - np.rint(fan)) * u * (1 / 5)
        board.line(np.maximum(vein, wing + 0.05), 0.012, palette.dark, 0.8)
        for spot in range(spots):
            at = size * (1.35 - 0.55 * spot)
            board.draw(disc(u, v, at, 0.0, 0.11 - 0.03 * spot), palette.accent)
            board.draw(disc(u, v, at, 0.0, 0.05), palette.light)
        edge = np.arctan2(v, u - size) * 3.5
        dots = length((edge - np.rint(edge)) * 0.1, wing + 0.035)
        board.draw(dots - 0.018, palette.light, 0.9)
    feeler = segment(x, y, 0.02, 0.35, 0.2, 0.78)
    board.add(np.minimum(feeler - 0.018, disc(x, y, 0.2, 0.8, 0.045)), palette.dark)
    body = ellipse(x, y, 0, -0.05, 0.075, 0.44)
    board.add(body, darker(palette.dark, 0.2))
    board.line(
        np.maximum(np.abs(np.sin(y * 28)) * 0.03, np.maximum(body + 0.02, y)),
        0.012,
        palette.accent,
        0.9,
    )


# --- Made by people ------------------------------------------------------------------------------


def house(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """A gabled front: tiled roof, chimney, door with a knob and windows with crosses."""
    x, y = board.x, board.y
    half, eaves = rng.uniform(0.58, 0.72), rng.uniform(-0.02, 0.16)
    floor, ridge = -0.84, 0.94
    over = half + rng.uniform(0.1, 0.18)
    side = int(rng.choice((-1, 1)))
    board.add(box(x, y, side * half * 0.58, 0.56, 0.1, 0.32), mix(palette.accent, palette.dark, 0.3))
    board.draw(box(x, y, side * half * 0.58, 0.86, 0.13, 0.05), palette.dark)
    wall = box(x, y, 0, (floor + eaves) / 2, half, (eaves - floor) / 2 + 0.08)
    board.add(wall, mix(palette.base, darker(palette.base, 0.25), ramp(x, -half, half)))
    boards = y * int(rng.integers(9, 13))
    siding = np.maximum(np.abs(boards - np.rint(boards)) * 0.09, wall)
    board.line(siding, 0.008, palette.dark, 0.45)
    roof = convex(x, y, (-over, eaves - 0.04), (over, eaves - 0.04), (0, ridge))
    u, v = x * 7, (y - eaves) * 8
    row = np.floor(v)
    u = u + 0.5 * (row - 2 * np.floor(row / 2))
    tile = np.minimum(np.abs(u - np.rint(u)) * (1 / 7), (v - row) * (1 / 8))
    tiles = mix(palette.second, darker(palette.second, 0.3), (v - row))
    board.add(roof, mix(tiles, darker(palette.second, 0.65), ramp(tile, 0.025, 0.0)))
    board.line(roof + 0.03, 0.03, mix(palette.second, palette.dark, 0.6), 0.95)
    # Door on one side or in the middle, windows in what is left.
    door = float(rng.choice((-0.45, 0.0, 0.45))) * half
    tall = rng.uniform(0.2, 0.26)
    panel = box(x, y, door, floor + tall, 0.15, tall, 0.02)
    board.draw(panel - 0.035, palette.light)
    board.draw(panel, palette.accent)
    board.line(box(x, y, door, floor + tall * 1.25, 0.08, tall * 0.5), 0.012, palette.dark, 0.7)
    board.draw(disc(x, y, door + 0.09, floor + tall * 0.85, 0.028), palette.dark)
    spots = (-0.58, 0.58) if door == 0 else ((0.42,) if door < 0 else (-0.42,))
    lit = rng.random() < 0.5
    pane = mix(palette.light, palette.accent, 0.2) if lit else palette.dark
    for at in (spot * half for spot in spots):
        window = box(x, y, at, (floor + eaves) / 2 + 0.08, 0.15, 0.16)
        board.draw(window - 0.035, palette.dark if lit else palette.light)
        glass = ramp(x - at + y, -0.5, 0.3)
        board.draw(window, mix(pane, mix(pane, palette.light, 0.6), glass * 0.6))
        cross = np.minimum(np.abs(x - at), np.abs(y - ((floor + eaves) / 2 + 0.08)))
        board.line(np.maximum(cross, window), 0.016, palette.dark if lit else palette.light)
    if rng.random() < 0.6:
        attic = disc(x, y, 0, eaves + (ridge - eaves) * 0.34, 0.11)
        board.draw(attic - 0.03, palette.light)
        board.draw(attic, pane)


def pinwheel(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """Folded paper blades around a pin, each with a bright and a dark side, on a stick."""
    x, y = board.x, board.y - 0.2
    stick = segment(x, y, 0, 0, rng.uniform(-0.06, 0.06), -1.16)
    board.add(stick - 0.042, mix(palette.dark, palette.accent, 0.3))
    board.line(stick - 0.01, 0.01, palette.light, 0.35)
    count = int(rng.integers(4, 7))
    along, across, number = fold(x, y, count, rng.uniform(0, TAU / count))
    # From the sector's axis to its first edge: there the blade's straight side lies.
    along, across = _turned(along, across, -np.pi / count)
    reach = 0.8
    # A blade is half a disc that stands on its diameter, from the pin to the tip.
    swell = rng.uniform(0.0, 0.1)
    back = disc(along, across, reach / 2, swell, math.hypot(reach / 2, swell))
    blade = np.maximum(back, -across)
    odd = np.abs(number - 2 * np.floor(number / 2))
    paper = palette.base[:, None, None]
    if count % 2 == 0:  # blades of two colours in turn
        paper = mix(palette.base, palette.second, odd)
    shadow = ramp(across, 0.0, reach * 0.5) * 0.4
    board.add(blade, paper * (1 - shadow))
    # The folded corner shows the back of the paper.
    flap = convex(along, across, (0.0, 0.0), (reach, 0.0), (reach * 0.5, reach * 0.27))
    board.draw(flap, mix(palette.light, mix(palette.accent, palette.light, 0.4), ramp(along, 0.1, reach)))
    board.line(np.maximum(np.abs(flap), blade), 0.012, palette.dark, 0.6)
    board.line(blade + 0.012, 0.014, palette.dark, 0.6)
    pin = disc(x, y, 0, 0, 0.1)
    board.add(pin, palette.accent)
    board.line(pin, 0.016, palette.dark)
    board.draw(disc(x, y, -0.02, 0.03, 0.035), palette.light)


def key(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """An old key: a ring or trefoil bow, a collared shaft and a bit with two or three teeth."""
    x, y = board.x, board.y
    # The key lies along x with its bow on the left.
    thick = rng.uniform(0.085, 0.11)
    radius = rng.uniform(0.32, 0.38)
    cx = -0.98 + radius
    if rng.random() < 0.6:
        bow = np.abs(disc(x, y, cx, 0, radius - thick)) - thick
    else:  # trefoil
        small = radius * 0.46
        u, v, _ = fold(x - cx, y, 3, np.pi)
        bow = np.abs(disc(u, v, radius - small, 0, small * 0.72)) - thick * 0.82
        bow = np.minimum(bow, disc(x, y, cx, 0, 0.1))
    shaft = box(x, y, (cx + radius + 0.94) / 2 - 0.04, 0, (0.94 - cx - radius) / 2 + 0.08, thick * 0.9, 0.03)
    teeth = int(rng.integers(2, 4))
    bit = None
    for place in range(teeth):
        at = 0.82 - place * 0.19
        deep = rng.uniform(0.22, 0.34)
        tooth = box(x, y, at, -deep / 2 - 0.02, 0.065, deep / 2 + 0.04, 0.01)
        bit = tooth if bit is None else np.minimum(bit, tooth)
    bit = np.minimum(bit, box(x, y, 0.82 - (teeth - 1) * 0.095, -0.12, (teeth - 1) * 0.095 + 0.05, 0.07))
    collar = box(x, y, cx + radius + 0.1, 0, 0.045, thick * 1.55, 0.03)
    metal = mix(lighter(palette.base, 0.35), darker(palette.base, 0.35), ramp(y, 0.15, -0.2))
    shape = np.minimum(np.minimum(bow, shaft), bit)
    board.add(shape, metal)
    board.line(shape + 0.02, 0.014, palette.dark, 0.65)
    board.line(segment(x, y, cx + radius + 0.2, 0.015, 0.84, 0.015), 0.014, palette.light, 0.75)
    board.line(bow + thick * 0.9, 0.014, palette.light, 0.6)
    board.add(collar, palette.second)
    board.line(collar + 0.01, 0.012, palette.dark, 0.7)


def umbrella(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """An open umbrella: panels of two colours between curved ribs, a shaft and a hooked handle."""
    x, y = board.x, board.y
    level = rng.uniform(0.0, 0.1)
    high = rng.uniform(0.7, 0.82)
    panels = int(rng.integers(4, 8))
    wood = mix(palette.dark, palette.accent, 0.3)
    hook = int(rng.choice((-1, 1))) * 0.14
    ring = np.maximum(np.abs(disc(x, y, hook, -0.8, 0.14)) - 0.042, y + 0.8)
    shaft = box(x, y, 0, (0.6 - 0.8) / 2, 0.042, 0.7)
    handle = np.minimum(np.minimum(shaft, ring), disc(x, y, 2 * hook, -0.8, 0.055))
    board.add(handle, mix(lighter(wood, 0.3), wood, ramp(x, -0.05, 0.03)))
    board.add(box(x, y, 0, level + high, 0.03, 0.1, 0.02), wood)
    dome = ellipse(x, y, 0, level, 0.96, high)
    # A rib is a meridian of the dome: x over the dome's half width at that height.
    rise = np.clip((y - level) * (1 / high), 0, 0.995)
    meridian = x / (0.96 * np.sqrt(1 - rise * rise))
    around = np.arcsin(np.clip(meridian, -1, 1)) * (panels / np.pi)
    shifted = around + (0.5 * (panels % 2))
    rib = shifted - np.rint(shifted)
    panel = np.floor(shifted)
    # The rim is scalloped: it rises between the ribs.
    lift = 0.09 * np.sin(np.abs(rib) * np.pi)
    scallop = level + lift - y
    canopy = np.maximum(dome, scallop)
    odd = np.abs(panel - 2 * np.floor(panel / 2))
    colours = mix(palette.base, palette.second, odd)
    colours *= 1 - 0.35 * (1 - 2 * np.abs(rib)) * ramp(y, level + high, level)
    board.add(canopy, colours)
    edge = np.abs(rib) * (1.9 / panels) * np.sqrt(1 - rise * rise)
    board.line(np.maximum(edge, canopy), 0.012, palette.dark, 0.75)
    board.line(canopy + 0.012, 0.014, palette.dark, 0.6)
    _glint(board, -0.35, level + high * 0.6, 0.28, 0.35)


def cup(board: Board, rng, palette: Palette, facet: int | None) -> None:
    """A cup from a little above: handle, open rim with a drink in it, a painted band, a saucer."""
    x, y = board.x + 0.12, board.y
    top, bottom = rng.uniform(0.42, 0.6), rng.uniform(-0.62, -0.5)
    wide, foot = rng.uniform(0.56, 0.64), rng.uniform(0.36, 0.5)
    middle = (top + bottom) / 2 + 0.04
    if rng.random() < 0.7:
        saucer = ellipse(x, y, 0, bottom - 0.1, 0.82, 0.2)
        board.add(saucer, mix(palette.second, darker(palette.second, 0.3), ramp(y, bottom, bottom - 0.3)))
        board.line(saucer + 0.05, 0.014, palette.dark, 0.6)
    loop = ellipse(x, y, wide * 0.9, middle, 0.36, 0.32)
    handle = np.abs(loop + 0.075) - 0.075
    board.add(handle, darker(palette.base, 0.2))
    board.line(loop + 0.05, 0.02, lighter(palette.base, 0.5), 0.6)
    rise = (y - bottom) * (1 / (top - bottom))
    half = foot + (wide - foot) * np.sqrt(np.clip(rise, 0, 1))
    wall = np.maximum(np.maximum((np.abs(x) - half) * 0.9, y - top), bottom - y)
    wall = np.minimum(wall, ellipse(x, y, 0, bottom, foot, 0.12))
    # A cylinder: bright on the left third, dark to both sides.
    turn = x / half
    glaze = mix(lighter(palette.base, 0.3), darker(palette.base, 0.45), ramp(np.abs(turn + 0.35), 0.05, 1.3))
    board.add(wall, glaze)
    curve = 0.1 * np.sqrt(np.maximum(1 - turn * turn, 0))
    style = rng.integers(3)
    height = y + curve - (middle - 0.02)
    if style == 0:  # two bands
        for at in (-0.12, 0.1):
            board.draw(np.maximum(np.abs(height - at) - 0.045, wall), palette.second)
    elif style == 1:  # dots around the belly
        across = np.arcsin(np.clip(turn, -1, 1)) * 2.2
        dot = length((across - np.rint(across)) * 0.3, height) - 0.085
        board.draw(np.maximum(dot, wall), palette.accent)
    else:  # a zigzag
        across = np.arcsin(np.clip(turn, -1, 1)) * 2.5
        tooth = np.abs(across - np.rint(across)) * 0.4
        board.draw(np.maximum(np.abs(height + tooth - 0.1) - 0.045, wall), palette.second)
    rim = ellipse(x, y, 0, top, wide, 0.17)
    board.add(rim, lighter(palette.base, 0.45))
    board.draw(rim + 0.04, darker(palette.base, 0.55))
    drink = np.maximum(rim + 0.05, ellipse(x, y, 0, top - 0.07, wide, 0.15))
    board.draw(drink, mix(palette.accent, palette.dark, 0.35))
    board.line(rim, 0.014, palette.dark, 0.6)
    board.line(np.maximum(np.abs(wall), y - top), 0.012, palette.dark, 0.6)


OBJECTS: dict[str, Paint] = {
    "spiral": spiral,
    "target": target,
    "star": star,
    "flower": flower,
    "sun": sun,
    "leaf": leaf,
    "snowflake": snowflake,
    "gear": gear,
    "heart": heart,
    "moon": moon,
    "eye": eye,
    "smiley": smiley,
    "house": house,
    "tree": tree,
    "pinwheel": pinwheel,
    "key": key,
    "fish": fish,
    "butterfly": butterfly,
    "umbrella": umbrella,
    "mushroom": mushroom,
    "cup": cup,
}

# The kinds planted in some classes, in the order of their facet numbers.
FACETS: dict[str, tuple[str, ...]] = {
    "spiral": ("wound ribbon", "twisted disc"),
    "star": ("five-pointed, filled", "many thin outlined rays"),
    "flower": ("daisy", "broad petals"),
    "leaf": ("single blade", "lobed"),
    "tree": ("round crown", "conifer"),
}

# Things with an up: how far they lean at most, in degrees. All others turn freely.
LEAN: dict[str, float] = {
    "eye": 25,
    "smiley": 20,
    "house": 12,
    "tree": 12,
    "pinwheel": 18,
    "umbrella": 25,
    "mushroom": 20,
    "cup": 14,
    "heart": 35,
    "fish": 30,
    "butterfly": 60,
}

# Mean silhouette area of each object in its local units, where the unit disc has 3.14: it turns a
# wanted share of the frame into a scale. Measured over 40 instances of each.
AREAS: dict[str, float] = {
    "spiral": 2.15,
    "target": 2.90,
    "star": 1.21,
    "flower": 2.55,
    "sun": 1.11,
    "leaf": 1.25,
    "snowflake": 1.56,
    "gear": 1.90,
    "heart": 2.11,
    "moon": 1.31,
    "eye": 1.72,
    "smiley": 2.90,
    "house": 2.03,
    "tree": 1.28,
    "pinwheel": 1.45,
    "key": 0.65,
    "fish": 1.42,
    "butterfly": 1.55,
    "umbrella": 1.15,
    "mushroom": 1.90,
    "cup": 1.75,
}
