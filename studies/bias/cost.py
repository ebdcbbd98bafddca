"""What it costs to train both networks and to look where their maps lie."""

from patterns.scenes import CLASS_NAMES
from studies.bias.flags import Settings
from studies.bias.results import ARRANGEMENTS, NETWORKS
from studies.shared.cost import Cost, forwards, gradients, rendering
from studies.shared.options import find_class
from training.biased import make_pair, make_recipe
from training.cost import of_recipe


def cost(settings: Settings) -> Cost:
    """The trainings, of which those that were done before cost nothing, and the maps of both networks."""
    pair = make_pair([find_class(label, CLASS_NAMES) for label in settings.labels], settings.backgrounds)
    recipe = make_recipe(pair, NETWORKS[0], steps=settings.iterations, seed=settings.seed, size=settings.size)
    maps, pixels = len(ARRANGEMENTS) * settings.scenes, settings.size**2
    work = of_recipe(recipe) * len(NETWORKS) + rendering(maps, settings.size)
    work += gradients(len(NETWORKS) * maps, pixels) + forwards(2 * len(NETWORKS) * maps, pixels)
    return work + Cost(flags=("iterations", "scenes", "size"), at_most=not settings.fresh)
