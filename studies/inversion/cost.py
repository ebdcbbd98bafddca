"""What it costs to rebuild pictures from features."""

from studies.inversion.flags import LAYERS, Settings
from studies.shared.cost import GRADIENT_BYTES, Cost, drawing
from studies.shared.picture_cost import count_pictures, reading

SHARE = 0.8  # of a gradient of the whole network: up to the layer, and the spectrum of the picture
HISTORY_BYTES = 2 * 10 * 12 + 120  # for each pixel: what L-BFGS remembers, and the waves


def cost(settings: Settings) -> Cost:
    """Every layer, picture by picture."""
    count, pixels = count_pictures(settings.images), settings.side**2
    layers = len(settings.layers or LAYERS)
    steps, panels = layers * count * settings.iterations, (1 + layers) * count
    work = reading(settings.images, settings.side) + drawing(panels, settings.side)
    work += Cost(gradient=SHARE * steps * pixels, at_once=(GRADIENT_BYTES + HISTORY_BYTES) * pixels)
    return work + Cost(held=4 * 3 * panels * pixels, flags=("iterations", "layers"))
