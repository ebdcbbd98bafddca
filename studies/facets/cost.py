"""What it costs to sort the images of a class, and to climb a picture for each facet."""

from studies.facets.flags import CLASSES, Settings
from studies.shared.cost import Cost, drawing, forwards, gradients, rendering
from studies.shared.picture_cost import READING, count_pictures

FACETS = 3  # that are found, about, where their number is not given
SHOWN = 9  # images of a facet, at least
FLAGS = ("scenes", "iterations", "size")


def cost(settings: Settings) -> Cost:
    """Features of every image, one at a time; the pictures of a class climb together."""
    pixels, facets = settings.side**2, settings.facets or FACETS
    classes = 1 if settings.images else len(settings.labels) or len(CLASSES)
    count = count_pictures(settings.images) if settings.images else settings.scenes
    shown = facets * max(settings.nearest, SHOWN)
    work = forwards(classes * count, pixels, together=1)
    if settings.images:
        work += Cost(seconds=READING * (2 * count + shown), flags=("images", *FLAGS[1:]))
    else:
        work += rendering(classes * (count + shown), settings.side) + Cost(flags=FLAGS)
    work += gradients(facets, pixels, together=facets) * (classes * settings.iterations)
    return work + drawing(classes * facets * 3, settings.side) + Cost(held=classes * shown * 3 * pixels)
