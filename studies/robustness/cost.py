"""What it costs to attack, to certify and to look."""

from studies.robustness.flags import Settings
from studies.robustness.results import CLASSES, SIZES
from studies.shared.cost import Cost, drawing, forwards, gradients, rendering
from studies.shared.examples import CLASS_NAMES

CURVE = (1, 2, 5, 10)  # steps of the curve against steps, besides those of the attack
LEFT = 0.6  # of the attacks: a scene that is fooled by one is left out of the larger ones


def cost(settings: Settings) -> Cost:
    """Every network."""
    networks, pixels, steps = len(settings.weights), settings.size**2, settings.iterations
    attacks = LEFT * settings.restarts * settings.scenes * ((len(SIZES) - 1 + 2) * steps + sum(CURVE))
    pictures = len(CLASS_NAMES) * settings.class_iterations
    work = rendering(settings.scenes, settings.size) + gradients(networks * (attacks + pictures), pixels)
    work += forwards(networks * settings.certified * 1.1 * settings.draws, pixels)
    held = 4 * 3 * 4 * settings.scenes * pixels
    work += drawing(networks * 2 * len(CLASSES), settings.size)
    return work + Cost(held=held, flags=("scenes", "iterations", "certified", "draws", "class_iterations", "size"))
