"""What the maps of a layer cost."""

from studies.gradcam.flags import BARE, LAYERS, Settings
from studies.shared.cost import GRADIENT_BYTES, Cost, at_a_time, drawing, gradients
from studies.shared.map_cost import maps_cost
from studies.shared.picture_cost import count_pictures, reading

NODES = 20  # of the path that conductance is integrated along
ENDS = 3  # nodes that Captum computes besides those that it is asked for at a time
WAYS = 1.2  # gradients of a node: of the layer for the score, and what the layer gives once more


def cost(settings: Settings) -> Cost:
    """Ours, Captum's, and where nothing else is asked for the strip of layers and Captum's conductance."""
    count, pixels, versus = count_pictures(settings.images), settings.side**2, settings.versus is not None
    names = settings.techniques or (BARE[:1] if versus else BARE)
    given = {**settings.technique_settings, "layer": settings.layer}
    work = reading(settings.images, settings.side)
    compared = settings.captum and not versus
    work += maps_cost(names, given, settings.side, count, versus=versus, captum=compared)
    rows = 1 + (1 + compared) * len(names)
    if not settings.techniques and not versus:
        work += gradients(len(settings.layers or LAYERS), pixels)
        rows += 2
    if not settings.techniques and compared:
        together = at_a_time(4, pixels, None) + ENDS * pixels
        work += Cost(gradient=WAYS * NODES * count * pixels, at_once=GRADIENT_BYTES * together)
        rows += 2
    return work + drawing(rows * count, settings.side)
