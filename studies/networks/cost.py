"""What one column costs; the study tells each network's when it has it."""

from dataclasses import replace

from studies.networks.flags import Settings
from studies.shared.cost import Cost, drawing
from studies.shared.map_cost import maps_cost
from studies.shared.picture_cost import count_pictures, reading


def cost(settings: Settings) -> Cost:
    """The maps of all pictures by one network."""
    count = count_pictures(settings.images)
    maps = maps_cost((settings.technique,), {}, settings.side, count, versus=False, captum=False)
    whole = reading(settings.images, settings.side) + maps + drawing(2 * count, settings.side)
    return replace(whole, flags=("size",))  # the only one here, whatever else the technique could be told
