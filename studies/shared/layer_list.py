"""`--layer list`: the layers of a network, to choose one of them."""

from torch import nn

from core.defaults import SHARED
from core.errors import UsageError
from core.layers import Layer, last_layer, layers_of
from core.networks import load_network
from studies.shared.report import Report
from studies.shared.settings import Settings

HEADER = Layer("layer", "kind", "shape", "axes", "a unit sees")


def list_layers(settings: Settings, report: Report) -> None:
    """Say all layers of the networks that the settings ask for, a line each, in the order of their computing."""
    names = (settings.model,) if isinstance(settings.model, str) else settings.model or (SHARED,)
    weights = (settings.weights,) if isinstance(settings.weights, str) else settings.weights
    weights = weights * len(names) if len(weights) == 1 else weights
    for name, its_weights in zip(names, weights, strict=bool(settings.model)):  # a bare run is of the shared one
        _list(load_network(name, its_weights, settings.device, settings.classes), settings, report)


def _list(model: nn.Module, settings: Settings, report: Report) -> None:
    report.say(model.weights_note)
    side = getattr(settings, "size", None) or model.input_size
    for line in lines(layers_of(model, side)):
        report.say(line)
    report.say(f"of pictures of {side} x {side} pixels; K counts channels, T tokens, h and w places")
    try:
        report.say(f"explained where none is named: {last_layer(model)}")
    except UsageError as error:
        report.say(str(error))


def lines(layers: list[Layer]) -> list[str]:
    """The layers as columns of equal width, below their header."""
    texts = [HEADER, *(layer._replace(shape=" x ".join(map(str, layer.shape))) for layer in layers)]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    return ["  ".join(map(str.ljust, text, widths)).rstrip() for text in texts]
