"""What it costs to put the gallery onto one page."""

from studies.gallery.figure import MOST_BYTES
from studies.gallery.flags import Settings
from studies.shared.cost import Cost, drawing

FIGURES = 40  # a few more than there are
SECONDS = 0.3  # for each


def cost(settings: Settings) -> Cost:
    """Each figure is read, made smaller and coded."""
    one = drawing(1, settings.width)  # they are coded one by one, and most are smaller
    return Cost(at_once=one.at_once, held=MOST_BYTES * FIGURES, seconds=SECONDS * FIGURES, flags=("width",))
