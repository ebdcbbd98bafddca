"""Any image classifier of torchvision, with torchvision's own weights."""

import difflib
import re
from collections.abc import Mapping
from functools import cache

import torchvision
from torch import Tensor, nn
from torchvision.models import WeightsEnum, get_model, get_model_weights, list_models

from core.errors import UsageError
from core.squeezenet import cached_file, torchvision_file

AUXILIARY = ("AuxLogits", "aux1", "aux2")  # heads of Inception and GoogLeNet that only a training has
OLD_NAMES = {  # of entries in torchvision's own files: its constructors rename them
    "densenet": ((r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2"),),
    "vit": ((r"\.mlp\.linear_1\.", ".mlp.0."), (r"\.mlp\.linear_2\.", ".mlp.3.")),
}


@cache
def known_models() -> list[str]:
    """The names of torchvision's image classifiers, e.g. "alexnet"."""
    return list_models(module=torchvision.models)


def check_model_name(name: str, *, others: str = "") -> None:
    """Raise UsageError, with the nearest names, unless it is one of `known_models`. others: what else is allowed."""
    if name in known_models():
        return
    if name in list_models():
        words = "detects, segments, reads videos or is quantised"
        raise UsageError(f"model: '{name}' of torchvision {words}; give an image classifier, such as resnet50{others}")
    near = difflib.get_close_matches(name.lower().replace("-", ""), known_models(), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"allowed are {', '.join(known_models())}"
    raise UsageError(f"model: '{name}' is no image classifier of torchvision; {hint}{others}")


def own_weights(name: str) -> WeightsEnum:
    """Of several the first, as in the network's paper."""
    return next(iter(get_model_weights(name)))


def is_cached(name: str) -> bool:
    """Whether the own weights of a network are in torchvision's cache, so that they need no download."""
    return cached_file(own_weights(name)).is_file()


def build_torchvision(name: str, classes: int | None = None) -> nn.Module:
    """The network with random weights, which come from torch's global generator, as its own weights need it.

    So a vision transformer is of their size, and Inception and GoogLeNet convert their input as their own weights want
    it, and have no auxiliary heads. classes: how many; None: those of ImageNet.
    """
    settings = {} if classes is None else {"num_classes": classes}
    if name.startswith("vit"):
        settings["image_size"] = own_weights(name).meta["min_size"][0]
    if name in ("inception_v3", "googlenet"):
        settings |= {"aux_logits": False, "transform_input": True, "init_weights": True}
    return get_model(name, **settings)


def in_todays_names(name: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries that `build_torchvision` has a place for, by the names that it has for them."""
    if name in ("inception_v3", "googlenet"):
        state = {key: value for key, value in state.items() if not set(key.split(".")) & set(AUXILIARY)}
    for beginning, renamings in OLD_NAMES.items():
        for old, new in renamings if name.startswith(beginning) else ():
            state = {re.sub(old, new, key): value for key, value in state.items()}
    return dict(state)


def load_torchvision(name: str, *, otherwise: str = "do without it") -> nn.Module:
    """The network on the CPU, in eval mode, frozen, with its first ImageNet weights.

    It carries `weights_name` (their file) and `weights_source` (where that was found). Raises UsageError for an unknown
    name, WorkError if the weights are not in torchvision's cache and cannot be downloaded; `otherwise` tells what else
    a person can do then.
    """
    check_model_name(name)
    weights = own_weights(name)
    path, source = torchvision_file(weights, otherwise)
    model = get_model(name, weights=weights).requires_grad_(False).eval()
    model.weights_name, model.weights_source = path.name, source
    return model
