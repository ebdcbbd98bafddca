"""What it costs to cut out objects."""

from studies.segmentation.flags import Settings
from studies.shared.cost import Cost, drawing
from studies.shared.map_cost import maps_cost
from studies.shared.picture_cost import count_pictures, reading
from visualizers.catalogue import TECHNIQUES

NODES = 20  # of integrated gradients
CUTTING = 1.5e-6  # seconds for each pixel and round
CUT_BYTES = 150  # for each pixel


def cost(settings: Settings) -> Cost:
    """The map of each image, and the rounds of the cut."""
    count, pixels = count_pictures(settings.images), settings.side**2
    work = reading(settings.images, settings.side)
    if settings.technique in TECHNIQUES:
        given = {"nodes": NODES}
        work += maps_cost([settings.technique], given, settings.side, count, versus=False, captum=False)
    work += Cost(seconds=CUTTING * count * settings.iterations * pixels, at_once=CUT_BYTES * pixels)
    return work + drawing(4 * count, settings.side)
