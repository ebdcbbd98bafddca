"""What attacks cost, at most: they end when the network is fooled."""

from dataclasses import replace

from studies.fooling.flags import ASCENT, NOISE, Settings
from studies.shared.cost import Cost, drawing, gradients
from studies.shared.picture_cost import count_pictures, reading

BISECTIONS = 7  # bounds that are tried of 64
DEEPFOOL = 5 * 6  # gradients: steps that it takes, each with nine classes on one way forward
STARTS, TARGETS = 3, 5  # of noise, and classes of a grid where none are named


def cost(settings: Settings) -> Cost:
    """Every attack on every image, or every class from noise."""
    count, pixels = count_pictures(settings.images), settings.side**2
    targets = len(settings.labels) or TARGETS
    if settings.grid:
        work = reading(settings.images, settings.side)
        work += gradients(count * targets * BISECTIONS * settings.pgd["steps"] * settings.restarts, pixels)
        panels = count * (1 + targets)
    elif settings.technique == ("noise",):
        steps = NOISE["iterations"] if settings.iterations is None else settings.iterations
        work, panels = gradients(STARTS * targets * steps, pixels), STARTS * (1 + targets)
    else:
        each = sum(gradients_of(name, settings) for name in settings.technique)
        work = reading(settings.images, settings.side) + gradients(count * each, pixels, together=1)
        panels = 4 * count * len(settings.technique)
    return replace(work + drawing(panels, settings.side), flags=("size", "iterations"), at_most=True)


def gradients_of(name: str, settings: Settings) -> float:
    """At most, for one image."""
    if name == "ascent":
        return settings.ascent.get("iterations", ASCENT["iterations"])
    if name == "deepfool":
        return DEEPFOOL
    bounds = 1 if settings.bounds else BISECTIONS
    return bounds * (settings.pgd["steps"] * settings.restarts if name == "pgd" else 1)
