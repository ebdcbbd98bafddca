"""The style painting ``mosaic``: small stones set in courses that follow every outline."""

import numpy as np
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from patterns.paintings.brushes import (
    ASPECT,
    colour,
    grid,
    mix,
    noise,
    ramp,
    sample,
    step,
    vary,
)

GOLD = "9a5a14 c27c1c e29c28 f2b840 fbd878"
WAVES = [
    # height of the crest line, swell, waves across, phase, colours dark to light
    (0.60, 0.030, 2.6, 0.4, "1c6a78 2a8a90 54b0a8 8fd0bc"),
    (0.70, 0.038, 2.1, 2.3, "14507a 1f6c9c 3f92b8 84bcc8"),
    (0.81, 0.042, 1.7, 4.4, "123a6c 1c5288 2c78a8 5aa4b8"),
    (0.92, 0.040, 2.2, 0.9, "0e2450 173a70 245a8c 3a86a0"),
]
SUNDISC = (0.667, 0.37, 0.120)


def mosaic(height: int, rng) -> np.ndarray:
    """A rayed golden sun over rolling waves, set in small stones that follow every outline.

    The drawing is a map of regions. Stones lie in courses at equal distance from the nearest
    outline, as a mosaicist sets them; each pixel belongs to its nearest stone, and where the two
    nearest stones are equally near there is grout.
    """
    region, tints, gold = _mosaic_drawing(rng)
    stones = _courses(rng, region)
    x, y = grid(height)
    lean = 0.0022 * np.stack([noise(rng, 60, height=height), noise(rng, 60, height=height)], -1)
    near, which = cKDTree(stones).query(np.stack([x, y], -1) + lean, k=2, workers=1)
    which = which[..., 0]
    joint = step(0.0008, 0.0024, near[..., 1] - near[..., 0])
    count = len(stones)
    colours = vary(rng, sample(tints, stones), 0.13, 0.022)
    # Gold and glass stones are set at slightly different angles, so some flash and some are dull.
    tilt = rng.standard_normal((count, 2))
    shiny = sample(gold, stones)
    flash = 1 + shiny * np.clip(0.16 * tilt[:, 0], -0.22, 0.4) + 0.05 * tilt[:, 1]
    # Gold turns orange, not olive, as it darkens.
    colours = np.where(shiny[:, None] > 0, colours * [1.06, 0.94, 0.8], colours)
    stone = (colours * flash[:, None])[which]
    away = (np.stack([x, y], -1) - stones[which]) / SPACING
    slope = (away * tilt[which]).sum(-1)
    rounding = -0.5 * (away[..., 0] + away[..., 1]) * step(0.25, 0.6, np.hypot(*np.moveaxis(away, -1, 0)))
    pits = noise(rng, 200, height=height)
    stone = stone * (1 + 0.13 * slope + 0.24 * rounding + 0.035 * pits)[..., None]
    grout = colour("4a4038") * (1 + 0.12 * noise(rng, 160, octaves=2, height=height)[..., None])
    return mix(grout, stone + 0.05 * shiny[which][..., None] * step(0.8, 1.6, slope)[..., None], joint)


SPACING = 0.0120


def _mosaic_drawing(rng):
    """Region numbers, colours and the places of gold, as fields."""
    x, y = grid()
    dx, dy = x - SUNDISC[0], y - SUNDISC[1]
    reach, turn = np.hypot(dx, dy) / SUNDISC[2], np.arctan2(dy, dx)
    rings = np.floor(reach * 2.2 + 0.25 * np.sin(6 * turn + 3 * reach))
    tints = ramp("e0945a d26a4a b04458 763a6c 43326e 282860", 0.10 + reach / 5.2 + 0.03 * noise(rng, 8))
    tints = mix(tints, tints * 0.82, (rings % 2 == 0) * 1.0)
    region, gold = 100 + rings, np.zeros_like(x)
    # Rays: sixteen tongues, long straight ones and short wavy ones by turns, narrowing outwards.
    number = np.floor(turn * 8 / np.pi) % 2
    bend = number * 0.12 * np.sin(reach * 5)
    offset = ((turn * 8 / np.pi) % 1 - 0.5 + bend) * np.pi / 8 * reach
    length = 2.75 - 0.65 * number
    rays = (np.abs(offset) < 0.21 * (length - reach) / (length - 1.12)) & (reach > 1.1)
    tints = np.where(rays[..., None], ramp(GOLD, 1.1 - 0.35 * (reach - 1)), tints)
    disc_of_sun = reach < 1.1
    face = ramp("fff0b4 f8d060 f0a838 d8702c", np.floor(reach * 4.4) / 4.4)
    tints = np.where(disc_of_sun[..., None], face, tints)
    region = np.where(rays, 200, np.where(disc_of_sun, 210 + np.floor(reach * 2.2), region))
    gold = np.maximum(gold, rays | disc_of_sun)
    for number, (crest, swell, across, phase, codes) in enumerate(WAVES):
        along = across * 2 * np.pi * x / ASPECT + phase
        # Leaning sine: the crest hangs over to the right like a breaking wave.
        lean = along + 0.75 * np.sin(along) + 0.25 * np.sin(2 * along)
        below = y - (crest - swell * np.sin(lean))
        bands = np.floor((np.clip(below, 0, 1) + 0.012) / 0.036)
        inside = below > 0
        water = ramp(codes, 0.92 - 0.26 * bands + 0.10 * noise(rng, 12))
        foam = inside & (bands == 0)
        water = np.where(foam[..., None], ramp("f6f0dc dfeae0 b8d8d4", 0.5 + 0.4 * noise(rng, 20)), water)
        water = mix(water, colour("eaa836"), (inside & (bands == 2) & (number % 2 == 0)) * 0.75)
        tints = np.where(inside[..., None], water, tints)
        gold = np.where(inside, (bands == 2) & (number % 2 == 0), gold)
        region = np.where(inside, 300 + 40 * number + bands, region)
    return region, tints, gold.astype(np.float32)


def _courses(rng, region) -> np.ndarray:
    """Middles of the stones: equal steps along lines at equal distances from the outlines."""
    fine = np.kron(region, np.ones((2, 2)))
    edge = (fine != np.roll(fine, 1, 0)) | (fine != np.roll(fine, 1, 1))
    rows = len(fine)
    distance = distance_transform_edt(~edge) / rows
    stones = []
    for level in np.arange(0.5 * SPACING, distance.max(), SPACING):
        for line in find_contours(distance, level):
            steps = np.hypot(*np.diff(line, axis=0).T) / rows
            run = np.concatenate([[0], np.cumsum(steps)])
            count = int(run[-1] / (SPACING * 1.08))
            if count < 1:
                continue
            at = (np.arange(count) + rng.uniform(0.2, 0.8)) * run[-1] / count
            stones.append(np.stack([np.interp(at, run, line[:, c]) for c in (1, 0)], -1) / rows)
    stones = np.concatenate(stones)
    # Where courses meet, stones would overlap: the later of two that are too close is left out.
    crowded = cKDTree(stones).query_pairs(0.62 * SPACING, output_type="ndarray")
    return np.delete(stones, np.unique(crowded.max(1)), axis=0)
