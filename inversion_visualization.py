"""What does each layer still remember of a picture? Pictures rebuilt from the features of one layer alone.

Writes visualization/inversion_visualization.png: one row an image, the original at the left, then one reconstruction a
layer, from shallow to deep. Beside it a table, .md, the means over the images, and .csv, every image at every layer:
how far the reconstruction is from the picture, for the eye and for the layer, and what the network says of it.

The deepest layer starts from noise, each other one from the picture of the next deeper layer. That layer's features
were computed from this one's, so nothing comes in that these do not hold. Layers within a fire module, most of which
hold but a part, start from noise.
"""

import math
import sys
import textwrap
from itertools import pairwise
from typing import NamedTuple

from studies.shared.options import defaults_of, make_parser, number, progress, run_script, whole_number

LAYERS = {  # name: what it is; what follows a ReLU or a pooling, block by block
    "features.1": "conv1",
    "features.2": "pool1",
    "features.3": "fire2",
    "features.4": "fire3",
    "features.6": "fire4",
    "features.7": "fire5",
    "features.9": "fire6",
    "features.10": "fire7",
    "features.11": "fire8",
    "features.12": "fire9",
    "classifier.1": "class map",
}
SIZE = 128
CELL = 1.45  # inches: a dozen pictures side by side
SETTINGS = {  # flag: (type, what it is)
    "iterations": (whole_number(1, 100_000), "gradients computed for each picture; the last line search may add a few"),
    "tv_weight": (number(0, 1e6), "weight of the total variation, which makes smooth"),
    "beta": (number(1, 10), "exponent of the total variation"),
    "alpha_weight": (number(0, 1e6), "weight of the alpha-norm, which keeps colours from being too strong"),
    "alpha": (number(1, 20), "exponent of the alpha-norm"),
}
NOTE = (
    "Means over the images. Numbers kept: what the layer gives, for each number of the picture. Error of the picture: "
    "||x - x_0|| / ||x_0 - its mean colour||; 1 is a blank picture; an image of one colour has none, and is left out. "
    "SSIM: 1 for equal pictures. Error of the pattern: 1 - correlation, whatever the contrast. Error of the layer: "
    "||Phi(x) - Phi(x_0)|| / ||Phi(x_0)||. Probability: of each image's class, on what was rebuilt."
)
DEFAULTS = defaults_of("visualizers.inversion", "invert_features")


class Inverted(NamedTuple):
    """What came of one layer, N images."""

    layer: str
    shape: tuple  # of the layer's features for one image
    pictures: object  # (N, 3, H, W)
    picture_errors: list[float]
    pattern_errors: list[float]
    layer_errors: list[float]
    similarities: list[float]  # SSIM
    probabilities: list[float]  # of each image's label


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.activations import find_layer
    from drawing.files import describe, save_picture
    from drawing.tables import write_csv, write_markdown
    from studies.shared.examples import example_scenes
    from studies.shared.inputs import load_batch, load_network

    model = load_network(options)
    for layer in options.layers:
        find_layer(model, layer)
    batch = load_batch(options, model, example_scenes)
    results, stopped = invert_all(model, batch, options)
    figure = draw(model, batch, results)
    metadata = describe("inversion_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    write_markdown(options.output, *means(results), note=NOTE)
    print(f"wrote {write_csv(options.output, *each(model, batch, results))}")
    if len(results) > 1:
        print(depth_verdict(results))
    if stopped:
        raise KeyboardInterrupt
    return batch.exit_code


def invert_all(model, batch, options) -> tuple[list[Inverted], bool]:
    """Every layer, the shallowest first; interrupted, those that are finished, if any, and True."""
    import torch

    from core.activations import record_activations
    from measures.reconstruction import layer_error, pattern_error, picture_error, ssim
    from studies.shared.inputs import make_generator
    from visualizers.inversion import invert_features

    settings = {name: getattr(options, name) for name in SETTINGS}
    results, rows, images = [], torch.arange(len(batch.names)), batch.images
    with torch.no_grad(), record_activations(model, options.layers) as recorded:
        model(images[:1])  # tells the order of the layers
    layers, leader = list(reversed(recorded)), None
    total = len(layers) * len(batch.names) * options.iterations
    with progress(total=total, desc="inversion", unit="step") as bar:
        for layer in layers:  # the deepest first
            bar.set_postfix_str(layer)
            try:
                # From noise the descent is stuck early on at some layers, pool1 above all; deeper ones lead the way.
                start = leader if on_trunk(layer) else None
                watch = {"generator": make_generator(options), "callback": lambda _: bar.update()}
                pictures = invert_features(model, images, layer, start=start, **watch, **settings)
                leader = pictures if on_trunk(layer) else leader
            except KeyboardInterrupt:
                if not results:
                    raise
                print(f"stopped before {layer} was finished: the layers after it are drawn", file=sys.stderr)
                return results[::-1], True
            with torch.no_grad():
                probabilities = torch.cat([model(picture).softmax(dim=1).cpu() for picture in pictures.split(1)])
            results.append(
                Inverted(
                    layer,
                    tuple(recorded[layer].shape[1:]),
                    pictures,
                    picture_error(pictures, images).tolist(),
                    pattern_error(pictures, images).tolist(),
                    layer_error(model, pictures, images, layer).tolist(),
                    ssim(pictures, images).tolist(),
                    probabilities[rows, batch.labels].tolist(),
                )
            )
    return results[::-1], False


def on_trunk(layer: str) -> bool:
    """Whether the layer is a whole link of the network's chain, from which alone all later ones are computed."""
    return layer.count(".") < 2


def block_name(layer: str) -> str:
    """ "features.3, fire2"; the layer alone if it is no block of SqueezeNet's."""
    return f"{layer}, {LAYERS[layer]}" if layer in LAYERS else layer


def means(results: list[Inverted]) -> tuple[list[str], list[list[str]]]:
    """The table for people: one row a layer."""
    header = ["layer", "features", "numbers kept", "error of the picture"]
    header += ["SSIM", "error of the pattern", "error of the layer", "probability"]
    rows = []
    for one in results:
        kept = math.prod(one.shape) / one.pictures[0].numel()
        numbers = (one.picture_errors, one.similarities, one.pattern_errors, one.layer_errors, one.probabilities)
        averages = [f"{mean(values):.3f}" for values in numbers]
        size = " x ".join(map(str, one.shape))
        rows.append([block_name(one.layer), size, f"{kept:.2f}", *averages])
    return header, rows


def mean(values: list[float]) -> float:
    """Over the images that have the number: a blank picture, of one colour, has no error of its own."""
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def each(model, batch, results: list[Inverted]) -> tuple[list[str], list[list]]:
    """The table for programs: every image at every layer."""
    header = ["layer", "image", "class", "picture_error", "ssim", "pattern_error", "layer_error", "probability"]
    rows = []
    for one in results:
        numbers = (one.picture_errors, one.similarities, one.pattern_errors, one.layer_errors, one.probabilities)
        for name, label, *values in zip(batch.names, batch.labels.tolist(), *numbers, strict=True):
            rows.append([one.layer, name, model.class_names[label], *(f"{value:.6f}" for value in values)])
    return header, rows


def depth_verdict(results: list[Inverted]) -> str:
    """For each error, whether its mean rises from each layer to the next, and where it does not."""
    sentences = []
    for name, errors in {
        "picture": [one.picture_errors for one in results],
        "pattern": [one.pattern_errors for one in results],
        "structure, 1 - SSIM,": [[1 - value for value in one.similarities] for one in results],
    }.items():
        averages = [mean(values) for values in errors]
        if not all(map(math.isfinite, averages)):
            sentences.append(f"the error of the {name} is unknown: all pictures are blank")
            continue
        falls = [
            f"{result.layer} ({after:.3f} after {before:.3f})"
            for result, (before, after) in zip(results[1:], pairwise(averages), strict=True)
            if after <= before
        ]
        where = f", but not at {', '.join(falls)}" if falls else ""
        sentences.append(f"the mean error of the {name} rises from layer to layer{where}")
    return "\n".join(sentences)


def draw(model, batch, results: list[Inverted]):
    """One row an image, the original first, then one picture a layer -> uint8 (H, W, 3)."""
    from core.images import deprocess
    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import footer, probability_text

    titles = [textwrap.fill(title, 21) for title in batch.titles]
    rows = [[Panel(pixels, title)] for pixels, title in zip(batch.pixels, titles, strict=True)]
    for one in results:
        for index, row in enumerate(rows):
            error = one.picture_errors[index]
            lines = [f"error {'–' if math.isnan(error) else f'{error:.2f}'} ({one.layer_errors[index]:.2f})"]
            lines.append(f"SSIM {one.similarities[index]:.2f}")
            lines.append(f"class {probability_text(one.probabilities[index])}")
            if index == 0:
                lines[:0] = [one.layer, LAYERS.get(one.layer, "")]
            row.append(Panel(deprocess(one.pictures[index : index + 1])[0], "\n".join(lines)))
    words = "error: of the picture (of the layer's features); class: probability of the class at the left; "
    return draw_grid(rows, cell=CELL, title="What does each layer still remember?", footer=words + footer(model))


def parser():
    result = make_parser(__doc__, output="inversion_visualization.png", labels="the classes whose probability is told")
    result.set_defaults(size=SIZE)
    add, blocks = result.add_argument, ", ".join(f"{layer} ({name})" for layer, name in LAYERS.items())
    add("--layers", "--layer", nargs="+", default=list(LAYERS), metavar="NAME", help=f"the layers, default: {blocks}")
    for name, (kind, text) in SETTINGS.items():
        add(f"--{name.replace('_', '-')}", type=kind, default=DEFAULTS[name], metavar="N", help=text)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
