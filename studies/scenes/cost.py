"""What it costs to render the scenes."""

from patterns.scenes import CLASS_NAMES
from studies.scenes.flags import Settings
from studies.shared.cost import Cost, rendering

BYTES = 3 * 2 + 1 + 3 * 4  # for each pixel: the scene, its outlines and mask, and both sheets


def cost(settings: Settings) -> Cost:
    """All classes."""
    count = len(CLASS_NAMES) * settings.per_class
    return rendering(count, settings.size) + Cost(held=BYTES * count * settings.size**2, flags=("per_class", "size"))
