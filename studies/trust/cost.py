"""What it costs to score the maps of each technique; scores that lie in files already cost nothing."""

from dataclasses import replace

from studies.shared.cost import Cost, drawing, forwards, rendering
from studies.shared.map_cost import map_cost
from studies.shared.picture_cost import count_pictures, reading
from studies.trust.flags import Settings
from visualizers.catalogue import TECHNIQUES

CHUNK = 8  # images at a time
BLOCKS = 10  # of SqueezeNet, random one after the other, from the top down and each alone
CONTROLS = 3  # rows besides the techniques
COMPARING = 0.6e-6  # seconds for each pixel of two maps
IMAGE_BYTES = 4 * 3 * 12  # for each pixel of a chunk: copies of its images and maps
FLAGS = ("scenes", "checked", "draws", "stages", "size")


def cost(settings: Settings) -> Cost:
    """Every row on every image."""
    count, pixels = settings.scenes or count_pictures(settings.images), settings.side**2
    checked = min(count, -(-settings.checked // CHUNK) * CHUNK)
    total = rendering(count, settings.side) if settings.scenes else reading(settings.images, settings.side)
    for name in settings.techniques:
        technique = TECHNIQUES[name]
        once = checked if technique.slow else count  # slow ones are checked on these alone
        maps = count + once * (1 + settings.draws) + checked * settings.draws * 2 * BLOCKS
        total += map_cost(name, dict(technique.fewer), settings.side).freed * maps
    rows = len(settings.techniques) + CONTROLS
    compared = rows * settings.draws * (count + 2 * BLOCKS * checked)
    total += forwards(2 * rows * count * (settings.stages + 1), pixels) + Cost(seconds=COMPARING * compared * pixels)
    total += drawing(len(settings.techniques) * (BLOCKS + 2), settings.side)
    total += Cost(held=IMAGE_BYTES * min(count, CHUNK) * pixels)
    return replace(total, flags=FLAGS, at_most=True)
