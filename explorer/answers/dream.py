"""What does it dream? The picture most typical of a class, and what a layer sees in a picture, while they climb."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from core.objectives import class_objective
from explorer.watching import Finished, pixels_of, watched
from explorer.world import SIDE, Asked, World
from studies.shared.network import class_probabilities, class_title, make_generator
from visualizers.class_visualization import visualize_classes
from visualizers.deepdream import deepdream, octave_sizes
from visualizers.fourier_visualization import fourier_visualization

FORMS = {
    "fourier": "the class, drawn in waves",
    "pixels": "the class, drawn in pixels",
    "deepdream": "this picture, by DeepDream",
}
OCTAVES, RATIO, JITTER = 4, 1.4, 32


@dataclass(frozen=True)
class Dream:
    """A picture on its way, or at its end."""

    pixels: np.ndarray  # uint8 (H, W, 3)
    words: str


def dream(
    world: World, asked: Asked, form: str, *, layer: str, iterations: int, seed: int, stop: threading.Event
) -> Iterator[Dream]:
    """The pictures while they are climbed, the last one with what the network says of it."""
    model, label = world.networks[asked.network], asked.label
    chance, total = make_generator(seed), iterations
    if form == "deepdream":
        image = asked.chosen.image.to(world.device)
        ascent = {"octaves": OCTAVES, "ratio": RATIO, "jitter": JITTER, "iterations": iterations}
        total *= len(octave_sizes(image, octaves=OCTAVES, ratio=RATIO, jitter=JITTER))
        climb = partial(deepdream, model, image, layer, generator=chance, **ascent)
    elif form == "pixels":
        climb = partial(visualize_classes, model, [label], size=SIDE, iterations=iterations, generator=chance)
    else:
        objective = class_objective(model, [label])
        climb = partial(fourier_visualization, model, objective, 1, size=SIDE, iterations=iterations, generator=chance)
    done = 0

    def work(show):
        def watch(step) -> bool:
            nonlocal done
            done += 1
            return show((pixels_of(step.image), f"step {done} of {total}"))

        return climb(callback=watch)

    for each in watched(work, stop):
        if not isinstance(each, Finished):
            yield Dream(*each)
            continue
        probabilities = class_probabilities(model, each.result)[0]
        guess = class_title(model, probabilities, int(probabilities.argmax()))
        own = class_title(model, probabilities, label)
        ended = f"stopped after {done} of {total} steps" if done < total else f"{total} steps"
        yield Dream(pixels_of(each.result), f"{ended}: the network sees {guess} in it; {own}")


def command(world: World, asked: Asked, form: str, *, layer: str, iterations: int, seed: int) -> str:
    """The command that climbs the same."""
    weights = world.network_flags(asked)
    if form == "deepdream":
        flags = f"--layer {layer} --size {SIDE} --octaves {OCTAVES} --iterations {iterations} --alone"
        return f"python -m studies deepdream {asked.chosen.flags}{weights} {flags} --seed {seed}"
    flags = f"--labels {asked.label} --form {form} --iterations {iterations} --size {SIDE} --seed {seed}"
    return f"python -m studies classes{weights} {flags}"
