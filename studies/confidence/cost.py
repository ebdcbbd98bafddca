"""What it costs to ask networks how sure they are."""

from studies.confidence.flags import LARGE, SMALL, Settings
from studies.shared.cost import Cost, forwards, gradients, rendering

KINDS = 5  # of pictures that are held: own, fooled, noise, another world, and what the attack works on
HELD = 75  # bytes for each of their pixels: with what is made of them on the way


def cost(settings: Settings, *, knows_scenes: bool = True) -> Cost:
    """Every network. knows_scenes: whether one of them knows the scenes, and is calibrated on more of these."""
    side = settings.size or (SMALL if knows_scenes else LARGE)
    pixels, networks = side**2, len(settings.weights)
    calibrated = 2 * settings.scenes * knows_scenes
    work = rendering(networks * (settings.pictures + calibrated), side)
    work += gradients(networks * settings.pictures * settings.iterations, pixels)
    work += forwards(networks * (5 * settings.pictures + calibrated), pixels)
    held = HELD * max(KINDS * settings.pictures, settings.scenes * knows_scenes) * pixels
    return work + Cost(held=held, flags=("pictures", "scenes", "iterations", "size"))
