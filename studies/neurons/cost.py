"""What it costs to draw a layer."""

from studies.neurons.flags import COUNT, DEFAULT_TECHNIQUES, Settings
from studies.shared.cost import Cost, drawing, forwards, gradients, rendering
from studies.shared.forms import FORMS
from studies.shared.picture_cost import READING, count_pictures, reading

CLASSES, TEMPLATE, SHARE = 36, 32, 1.2  # of the templates: classes, side in pixels, scenes with those to test on
PICTURES, BEST, MAPS = 5, 9, 512  # pictures whose maps are drawn, patches of a channel, maps of a layer at most


def cost(settings: Settings) -> Cost:
    """Each drawing. Two of them seek in many pictures: the channels that are selective, and their patches."""
    techniques, pixels = settings.technique or DEFAULT_TECHNIQUES, settings.side**2
    channels = len(settings.channels) or settings.count or COUNT
    stream = count_pictures(settings.images) if settings.images else settings.scenes
    seen = Cost(seconds=READING * stream) if settings.images else rendering(stream, settings.side)
    seen += forwards(stream, pixels)
    total, chosen = Cost(flags=("scenes", "iterations", "size")), bool(settings.channels)
    if {"channels", "units", "patches"} & set(techniques) and not chosen:
        total += seen
    if "patches" in techniques:
        total += seen + gradients(BEST * channels, pixels) + Cost(held=BEST * channels * 4 * 3 * 2 * pixels)
    if "activations" in techniques:
        total += reading(settings.images[:PICTURES], settings.side) + drawing(PICTURES * 10, settings.side)
    for _ in {"channels", "units"} & set(techniques):
        for form in settings.form:
            steps = settings.iterations or FORMS[form]["iterations"]
            total += gradients(channels, pixels, together=channels) * steps
        total += drawing(channels * len(settings.form), settings.side)
    if "templates" in techniques:
        scenes = SHARE * settings.train * (len(settings.labels) or CLASSES)
        total += rendering(scenes, TEMPLATE)
        total += Cost(seconds=2e-3 * scenes, held=4 * 4 * 3 * TEMPLATE**2 * scenes, flags=("train",))
    return total
