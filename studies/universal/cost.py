"""What it costs to learn one perturbation and to judge it."""

from studies.shared.cost import Cost, drawing, forwards, gradients, rendering
from studies.universal.flags import Settings

BATCH = 8  # images of a step
POINTS = 4  # of the curve: the perturbation is learned anew for each
DEEPFOOL = 12  # gradients of an image that is not fooled yet, of which there are ever fewer
HELD = 4 * 3 * 3  # bytes for each pixel of the images, with what is made of them on the way
FLAGS = ("count", "held", "iterations", "passes", "size")


def cost(settings: Settings) -> Cost:
    """Learning, where nothing is given, and judging on every network."""
    pixels, images = settings.side**2, settings.count + settings.held
    work = rendering(images, settings.side) + forwards(3 * settings.held * (1 + len(settings.transfer)), pixels)
    if settings.perturbation is None:
        deepfool = settings.method == "deepfool"
        if deepfool:
            work += gradients(DEEPFOOL * settings.count * settings.passes, pixels, together=1)
        else:
            work += gradients(BATCH * POINTS * settings.iterations, pixels, together=min(BATCH, settings.count))
        work += forwards(3 * settings.count + POINTS * settings.held, pixels)
    return work + drawing(24, settings.side) + Cost(held=HELD * images * pixels, flags=FLAGS)
