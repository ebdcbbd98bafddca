"""Rebuilds each picture from the features of one layer after the other, and measures what is lost."""

from dataclasses import asdict, replace

import torch
from torch import Tensor, nn

from core.activations import record_activations
from drawing.files import describe
from measures.reconstruction import layer_error, pattern_error, picture_error, ssim
from studies.inversion.cost import cost
from studies.inversion.figure import draw
from studies.inversion.flags import DESCENT, LAYERS, Settings
from studies.inversion.table import NOTE, Inverted, depth_verdict, each_image, means
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.network import class_probabilities, footer, layers_or_own, make_generator, open_network
from studies.shared.pictures import Batch, load_batch
from studies.shared.report import Report
from visualizers.inversion import invert_features


def run(settings: Settings, report: Report) -> None:
    """Invert every layer, draw, write the tables, say whether the errors rise with depth."""
    model, settings = open_network(settings, report)
    settings = replace(settings, layers=layers_or_own(model, settings.layers, tuple(LAYERS)))
    tell(cost(settings), report.say, model)
    batch = load_batch(model, settings, report)
    results, stop = invert_all(model, batch, settings, report)
    figure = draw(batch, results, footer=footer(model))
    report.picture(figure, settings.output, describe("inversion", asdict(settings), model.weights_name))
    classes = [model.class_names[label] for label in batch.labels.tolist()]
    report.table(settings.output, *means(results), NOTE, numbers=each_image(batch.names, classes, results))
    if len(results) > 1:
        report.say(depth_verdict(results))
    stop.go_on()


def invert_all(
    model: nn.Module, batch: Batch, settings: Settings, report: Report
) -> tuple[list[Inverted], Interruption]:
    """Every layer, the shallowest first; after Ctrl-C those that are finished."""
    descent = {name: getattr(settings, name) for name in DESCENT}
    with torch.no_grad(), record_activations(model, settings.layers) as recorded:
        model(batch.images[:1])  # tells the order of the layers
    shapes = {layer: tuple(recorded[layer].shape[1:]) for layer in reversed(recorded)}  # the deepest first
    results, leader = [], None
    total = len(shapes) * len(batch.names) * settings.iterations
    with Interruption() as stop, report.progress(total=total, desc="inversion", unit="step") as bar:
        for layer, shape in shapes.items():
            bar.set_postfix_str(layer)
            # From noise the descent is stuck early on at some layers, pool1 above all; deeper ones lead the way.
            start = leader if on_trunk(layer) else None
            watch = {"generator": make_generator(settings.seed), "callback": lambda _: bar.update()}
            pictures = invert_features(model, batch.images, layer, start=start, **watch, **descent)
            leader = pictures if on_trunk(layer) else leader
            results.append(measure(model, batch, layer, shape, pictures))
    if not results:
        stop.go_on()
    if stop.happened:
        report.fail(f"stopped before {layer} was finished: the layers after it are drawn")
    return results[::-1], stop


def measure(model: nn.Module, batch: Batch, layer: str, shape: tuple[int, ...], pictures: Tensor) -> Inverted:
    """How far the pictures (N, 3, H, W) rebuilt from a layer are from the images, and what the network says of them."""
    images, rows = batch.images, torch.arange(len(batch.names))
    probabilities = torch.cat([class_probabilities(model, picture) for picture in pictures.split(1)])
    return Inverted(
        layer,
        shape,
        pictures,
        picture_error(pictures, images).tolist(),
        pattern_error(pictures, images).tolist(),
        layer_error(model, pictures, images, layer).tolist(),
        ssim(pictures, images).tolist(),
        probabilities[rows, batch.labels].tolist(),
    )


def on_trunk(layer: str) -> bool:
    """Whether the layer is a whole link of the network's chain, from which alone all later ones are computed."""
    return layer.count(".") < 2
