"""Any image classifier of torchvision, with torchvision's own weights."""

import difflib

import torchvision
from torch import nn
from torchvision.models import get_model, get_model_weights, list_models

from core.errors import UsageError
from core.squeezenet import torchvision_file


def known_models() -> list[str]:
    """The names of torchvision's image classifiers, e.g. "alexnet"."""
    return list_models(module=torchvision.models)


def check_model_name(name: str) -> None:
    """Raise UsageError, with the nearest names, unless it is one of `known_models`."""
    if name not in known_models():
        near = difflib.get_close_matches(name.lower().replace("-", ""), known_models(), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else f"allowed are {', '.join(known_models())}"
        raise UsageError(f"model: '{name}' is no image classifier of torchvision; {hint}")


def load_torchvision(name: str, *, otherwise: str = "do without it") -> nn.Module:
    """The network on the CPU, in eval mode, frozen, with its first ImageNet weights; `weights_name` says which.

    Raises UsageError for an unknown name, WorkError if the weights are not in torchvision's cache and cannot be
    downloaded; `otherwise` tells what else a person can do then.
    """
    check_model_name(name)
    weights = next(iter(get_model_weights(name)))  # of several the first, as in the network's paper
    path, _ = torchvision_file(weights, otherwise)
    model = get_model(name, weights=weights).requires_grad_(False).eval()
    model.weights_name = path.name
    return model
