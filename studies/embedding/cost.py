"""What it costs to compare images; features that are known already cost nothing."""

from dataclasses import replace

from studies.embedding.flags import Settings
from studies.shared.cost import CHUNK_PIXELS, Cost, forwards, rendering
from studies.shared.picture_cost import READING, count_pictures

DIGITS = 1797
CHUNKS = 12  # of images that are held between two writings to the cache
NUMBERS = 512 + 3 * 32 * 32  # features and pixels of an image
KEPT = 4 * NUMBERS + 3 * 64 * 64 + 2 * 8 * NUMBERS  # bytes for each image, its thumbnail, and a copy in float64
LIBRARIES = 0.15e9  # bytes
TSNE, PAIR = 0.006, 1.5e-7  # seconds for each image, and for each pair of images that are compared


def cost(settings: Settings) -> Cost:
    """New features of all images, and the drawings."""
    pixels = settings.side**2
    count = DIGITS if settings.digits else count_pictures(settings.images) if settings.images else settings.scenes
    made = Cost(seconds=READING * count) if settings.digits or settings.images else rendering(count, settings.side)
    work = made + forwards(count, pixels)
    planes = sum({"tsne": 2, "pca": 2, "map": 1}.get(name, 0) for name in settings.technique)
    placed = count**2.2 * 2e-7 if "map" in settings.technique else 0  # the linear assignment
    work += Cost(seconds=TSNE * count * planes + PAIR * count**2 * (2 + 2 * planes) + placed)
    cells = 8 * count**2 * 3 if "map" in settings.technique else 0
    held = LIBRARIES + KEPT * count + CHUNKS * max(CHUNK_PIXELS, pixels) * 3 * 6
    flags = ("images",) if settings.images else ("scenes",)
    return replace(work + Cost(held=held) + Cost(held=cells), flags=(*flags, "size"), at_most=True)
