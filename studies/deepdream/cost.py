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
    total, drawn = Cost(flags=FLAGS), 0.0
    for height, width in shapes:
        total += dream(height * width, settings) * dreams
        kept = 3 * settings.zoom if settings.zoom else 4 * 3 * (1 + len(settings.jobs))  # bytes for each pixel
        total += Cost(held=kept * height * width)
        drawn += height * width * (0 if settings.zoom or settings.alone else 1 + len(settings.jobs))
    return total + drawing(1, drawn, 1)


def dream(pixels: float, settings: Settings) -> Cost:
    """One dream of a picture of so many pixels."""
    ascent = settings.ascent
    steps = ascent["iterations"] * sum(ascent["ratio"] ** (-2 * octave) for octave in range(ascent["octaves"]))
    tile = min(pixels, (1.25 * ascent["tile"]) ** 2)
    return replace(Cost(gradient=SHARE * steps * pixels), at_once=TILE_BYTES * tile + PICTURE_BYTES * pixels)
