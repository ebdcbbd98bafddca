"""Networks of timm, "timm:vit_tiny_patch16_224". The package is optional: requirements-models.txt."""

import difflib
from importlib import import_module
from types import ModuleType

from torch import nn

from core.errors import UsageError, WorkError
from core.squeezenet import is_reached

HUB = "https://huggingface.co"


def find_timm(name: str) -> ModuleType:
    """The package. Raises WorkError where it is not installed, UsageError, with the nearest names, where it has no
    network of this name.
    """
    try:
        timm = import_module("timm")
    except ImportError as error:
        words = f"the package 'timm' is missing ({error})" if error.name != "timm" else "the package 'timm' is missing"
        raise WorkError(f"model: {words}, run: pip install -r requirements-models.txt") from None
    if not timm.is_model(name):
        near = difflib.get_close_matches(name.lower(), timm.list_models(), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(near)}?" if near else "timm.list_models() has their names"
        raise UsageError(f"model: timm has no network '{name}'; {hint}")
    architecture, _, tag = name.partition(".")
    known = timm.list_pretrained(f"{architecture}.*")
    if tag and name not in known:
        hint = f"allowed are {', '.join(known)}" if known else f"give timm:{architecture}"
        raise UsageError(f"model: timm has no weights '{tag}' of {architecture}; {hint}")
    return timm


def build_timm(name: str, classes: int | None = None) -> nn.Module:
    """The network with random weights, which come from torch's global generator. classes: how many; None: its own."""
    settings = {} if classes is None else {"num_classes": classes}
    return find_timm(name).create_model(name, **settings)


def load_timm(name: str, *, otherwise: str) -> nn.Module:
    """The network with its own weights, from timm's cache or the hub; they are data, and no code of them is run.

    Raises WorkError where they cannot be had; `otherwise` tells what else a person can do.
    """
    timm = find_timm(name)
    if not timm.models.is_model_pretrained(name):
        raise UsageError(f"weights: timm has none of its own for {name}; {otherwise}")
    constants = import_module("huggingface_hub").constants
    offline = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = offline or not is_reached(HUB)  # so that it looks into its cache alone, without waiting
    try:
        network = timm.create_model(name, pretrained=True)
    except Exception as error:  # of the hub, of a dozen kinds
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:200]
        state = "cannot be reached" if constants.HF_HUB_OFFLINE else "did not give them"
        words = f"those of timm's {name} are not in its cache and {HUB} {state} ({reason})"
        raise WorkError(f"weights: {words}; connect once, or {otherwise}") from None
    finally:
        constants.HF_HUB_OFFLINE = offline
    tag = network.pretrained_cfg.get("tag")
    network.weights_name = f"{network.pretrained_cfg['architecture']}{'.' if tag else ''}{tag or ''}"
    network.weights_source = "timm's cache or hub"
    return network
