"""What it costs to explain picture after picture."""

import os

from studies.explain.flags import Settings
from studies.shared.cost import Cost, drawing, forwards, gradients
from studies.shared.picture_cost import READING, count_pictures, reading
from studies.shared.pictures import list_pictures

PANELS = 6  # of a file
WRITING = 0.03  # seconds to draw and write a file, of which the network's next pictures hide a part
WAYS = 1.6  # two ways back on one way forward


def cost(settings: Settings) -> Cost:
    """Pictures whose file is there already are passed over, most likely."""
    pixels = settings.side**2
    if settings.images:
        pictures = list_pictures(settings.images)
        count = sum(not os.path.exists(settings.output / f"{picture.name}.png") for picture in pictures)
        work = Cost(seconds=(READING + 0.01) * len(pictures), flags=("size",)) + forwards(count, pixels)
    else:
        count = count_pictures(())
        work = reading((), settings.side)
    return work + gradients(WAYS * count, pixels) + drawing(PANELS, settings.side) + Cost(seconds=WRITING * count)
