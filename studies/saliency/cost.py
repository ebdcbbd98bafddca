"""What pixel maps cost."""

from studies.saliency.flags import BARE, Settings
from studies.shared.cost import Cost, drawing, forwards
from studies.shared.map_cost import maps_cost
from studies.shared.picture_cost import count_pictures, reading


def cost(settings: Settings) -> Cost:
    """Ours, and Captum's of the techniques that it has."""
    count, versus = count_pictures(settings.images), settings.versus is not None
    names = settings.techniques or (BARE[:1] if versus else BARE)
    work = reading(settings.images, settings.side)
    compared = settings.captum and not versus
    work += maps_cost(names, settings.technique_settings, settings.side, count, versus=versus, captum=compared)
    if "integrated-gradients" in names and not versus:  # are they complete?
        work += forwards(2 * count, settings.side**2)
    return work + drawing((2 + len(names)) * count, settings.side)
