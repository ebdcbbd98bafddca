"""The network that a study asks for, and what it says of pictures, in words."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import torch
from torch import Tensor, nn

from core.activations import find_layer
from core.defaults import SHARED
from core.errors import UsageError
from core.gradients import chunk_length
from core.layers import last_layer, spread_layers
from core.networks import load_network
from core.passes import scores_of
from studies.shared.report import Report
from studies.shared.settings import Asked, SizedSettings


def open_network(settings: Asked, report: Report) -> tuple[nn.Module, Asked]:
    """The network asked for, and the settings with what was left to it filled in. It says which weights were taken.

    The side of squares, where none was asked for, is the study's or the network's own, and the layer the network's
    last one with places. Raises UsageError for another side than the only one that the network takes.
    """
    # PyTorch's own choice on a GPU rounds convolutions to TF32: a gradient is 5 to 10 % off, for a quarter of the time.
    torch.backends.cudnn.allow_tf32 = False
    model = load_network(settings.model, settings.weights, settings.device, settings.classes)
    report.say(model.weights_note)
    if settings.at_layer:
        with suppress(UsageError):  # a network without places has maps that ask for none
            model.last_layer = last_layer(model)  # carried, so that no technique looks for it again
        if getattr(settings, "layer", "") is None:
            settings = replace(settings, layer=last_layer(model))
    if not isinstance(settings, SizedSettings):
        return model, settings
    size = settings.size or (settings.prefers if model.takes_any_size else None) or model.input_size
    if size != model.input_size and not model.takes_any_size:
        raise UsageError(f"size: {size}; {model.title} takes pictures of {model.input_size} pixels alone")
    return model, replace(settings, size=size)


def layers_or_own(model: nn.Module, asked: Sequence[str], own: Sequence[str], *, count: int = 5) -> tuple[str, ...]:
    """The layers asked for, all in the network; if none, `own`, which are SqueezeNet's, or another's at all depths."""
    for layer in asked:
        find_layer(model, layer)
    return tuple(asked or (own if model.model_name == SHARED else spread_layers(model, count=count)))


def make_generator(seed: int) -> torch.Generator:
    """The one source of chance: drawn on the CPU, so that a seed means the same on every device."""
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def class_probabilities(model: nn.Module, images: Tensor) -> Tensor:
    """The softmax of the scores, (N, K), on the CPU; a few images at a time."""
    return torch.cat([scores_of(model, part).softmax(dim=1) for part in images.split(chunk_length(images))]).cpu()


def class_title(model: nn.Module, probabilities: Tensor, label: int) -> str:
    """ "Egyptian cat 55 %" for probabilities (K,)."""
    return f"{model.class_names[label]} {probability_text(float(probabilities[label]))}"


def class_titles(model: nn.Module, images: Tensor, label: int) -> list[str]:
    """ "tiger cat 21 %", how probable the class is on each image."""
    return [class_title(model, row, label) for row in class_probabilities(model, images)]


def probability_text(probability: float) -> str:
    """In per cent, with as many digits as it takes to tell it from 0 and from 100."""
    if 0.01 <= probability <= 0.99:
        return f"{100 * probability:.0f} %"
    if probability > 0.99:
        return "> 99.9 %" if probability > 0.999 else f"{100 * probability:.1f} %"
    return "< 0.01 %" if probability < 1e-4 else f"{100 * probability:.2g} %"


def first_known(groups: Sequence[tuple[str, ...]], class_names: tuple[str, ...]) -> tuple[str, ...]:
    """The first group of class names that the network has, else its first classes."""
    for group in groups:
        if set(group) <= set(class_names):
            return group
    return class_names[: len(groups[0])]


def short_name(part: str, letters: int) -> str:
    """The name of a part of a network, or where that is long its last part: "encoder_layer_11"; or that one's end."""
    name = part if len(part) <= letters else part.rpartition(".")[2]
    return name if len(name) <= letters else f"…{name[1 - letters :]}"


def footer(model: nn.Module) -> str:
    """The line under every figure: which network it shows."""
    return f"{model.title}, weights {model.weights_name}"
