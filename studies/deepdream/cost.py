"""What dreams cost."""

from dataclasses import replace

from studies.deepdream.flags import PICTURE, Settings
from studies.shared.cost import Cost, drawing
from studies.shared.picture_cost import scaled_to, size_of
from studies.shared.pictures import Picture, list_pictures

SHARE = 0.6  # of a gradient of the whole network: the layers up to the one that dreams, for tiles that overlap
TILE_BYTES, PICTURE_BYTES = 700, 170  # for each pixel of the tile at work, and of the picture with its copies
FLAGS = ("size", "octaves", "iterations")


def cost(settings: Settings) -> Cost:
    """Every dream of every picture, or every frame of the way into one."""
    pictures = list_pictures(settings.images) if settings.images else [Picture("mountain lake", PICTURE)]
    shapes = [scaled_to(size_of(picture), settings.side) for picture in pictures]
    dreams = len(settings.jobs) * (settings.zoom or 1)
    total = Cost(flags=FLAGS)
    for height, width in shapes:
        total += dream(height * width, settings) * dreams
        panels = settings.zoom or 1 + len(settings.jobs)
        total += drawing(panels, height, width) if settings.zoom is None else Cost(held=3 * panels * height * width)
        total += Cost(held=4 * 3 * (1 + len(settings.jobs)) * height * width)
    return total


def dream(pixels: float, settings: Settings) -> Cost:
    """One dream of a picture of so many pixels."""
    ascent = settings.ascent
    steps = ascent["iterations"] * sum(ascent["ratio"] ** (-2 * octave) for octave in range(ascent["octaves"]))
    tile = min(pixels, (1.25 * ascent["tile"]) ** 2)
    return replace(Cost(gradient=SHARE * steps * pixels), at_once=TILE_BYTES * tile + PICTURE_BYTES * pixels)
