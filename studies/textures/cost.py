"""What it costs to make textures anew."""

from dataclasses import replace

from studies.shared.cost import Cost, drawing, gradients
from studies.shared.picture_cost import count_pictures
from studies.textures.flags import NAMES, Settings
from visualizers.texture_synthesis import LAYER_SETS

SHARE = 0.6  # of a gradient of the whole network: its first half
SAMPLED = 0.15e-9  # seconds for each drawn pixel, each window of the sample and each of the window's pixels
HISTORY_BYTES = 4 * 3 * 30  # for each pixel: L-BFGS keeps 20 pictures


def cost(settings: Settings) -> Cost:
    """Both ways for every sample."""
    others = [text for text in settings.images if text not in NAMES]
    count = len(settings.images) - len(others) + (count_pictures(others) if others else 0)
    pixels, sets = settings.size**2, len(LAYER_SETS) if settings.size <= settings.sample_size else 1
    sizes = sum(2.0**-scale for scale in range(settings.scales))
    drawn = SAMPLED * pixels * settings.sample_size**2 * settings.window**2
    work = gradients(SHARE * count * sets * settings.iterations * sizes, pixels, together=1) + Cost(
        seconds=count * drawn
    )
    work = replace(work, at_once=work.at_once + HISTORY_BYTES * pixels)
    return work + drawing((sets + 2) * count, settings.size) + Cost(flags=("size", "sample_size", "iterations"))
