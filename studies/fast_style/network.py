"""The network that paints, read from its file."""

import math
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch

from core.checkpoints import misfit
from core.errors import UsageError
from core.kept import NoFile, Unreadable, parse_json, sha256_of
from core.paths import as_path
from core.squeezenet import choose_device
from core.tensor_files import read_tensors
from training.styles import PaintingRecipe
from visualizers.fast_style_transfer import StyleNetwork

NOT_OURS = "is not a file that python -m training styles wrote"
MOST_STYLES, MOST_CHANNELS, MOST_BLOCKS = 10_000, 1024, 64  # that a file may ask for
WHOLE = ("steps", "seed", "batch", "side", "style_size", "evaluate_every")
NUMBERS = ("content_weight", "style_weight", "tv_weight", "learning_rate", "warm_up")
CHECKS: dict[str, Callable[[Any], bool]] = {
    "styles": lambda value: _is_list(value, str) and 1 <= len(value) <= MOST_STYLES,
    "widths": lambda value: _is_list(value, int) and len(value) == 3 and all(1 <= w <= MOST_CHANNELS for w in value),
    "blocks": lambda value: type(value) is int and 0 <= value <= MOST_BLOCKS,
    **dict.fromkeys(("loss_network", "data"), lambda value: isinstance(value, str)),
    **dict.fromkeys(WHOLE, lambda value: type(value) is int and 0 <= value < 2**63),
    **dict.fromkeys(NUMBERS, lambda value: type(value) in (int, float) and 0 <= value < math.inf),
}


def load_styles(path: Path, device: str = "cpu") -> StyleNetwork:
    """The network of a .safetensors file, frozen. `name` and `facts`, its recipe, say what it is.

    Raises UsageError for a file that is not there or that no training in styles wrote.
    """
    path = as_path(path, "network")
    try:
        state, texts = read_tensors(path)
        facts = facts_of(texts)
        network = StyleNetwork(facts["styles"], widths=facts["widths"], blocks=facts["blocks"])
        if wrong := misfit(state, network.state_dict()):
            raise Unreadable(wrong)
        name = f"{path.name} (sha256 {sha256_of(path)[:8]})"
    except NoFile as error:
        raise UsageError(f"network: '{path}' {error}; make one with: python -m training styles") from None
    except Unreadable as error:
        raise UsageError(f"network: '{path}' {NOT_OURS}: it {error}; get it again") from None
    network.load_state_dict(state)
    network.name, network.facts = name, facts
    return network.requires_grad_(False).eval().to(device=choose_device(device), memory_format=torch.channels_last)


def facts_of(texts: dict[str, str]) -> dict[str, Any]:
    """The recipe that a network's file tells. Raises Unreadable where an entry is lacking or of another type."""
    lacking = [field.name for field in fields(PaintingRecipe) if field.name not in texts]
    if lacking:
        raise Unreadable(f"does not tell its {lacking[0].replace('_', ' ')}")
    facts = {field.name: parse_json(texts[field.name]) for field in fields(PaintingRecipe)}
    for name, fits in CHECKS.items():
        if not fits(facts[name]):
            raise Unreadable(f"tells {name.replace('_', ' ')} that cannot be")
    return facts


def _is_list(value: Any, kind: type) -> bool:
    return isinstance(value, list) and all(type(each) is kind for each in value)
