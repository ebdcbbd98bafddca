"""The network that paints, read from its file."""

import hashlib
import json
from dataclasses import fields
from pathlib import Path

import torch
from safetensors.torch import load

from core.errors import UsageError
from core.paths import as_path
from core.squeezenet import choose_device
from training.styles import PaintingRecipe
from visualizers.fast_style_transfer import StyleNetwork


def load_styles(path: Path, device: str = "cpu") -> StyleNetwork:
    """The network of a .safetensors file, frozen. `name` and `facts`, its recipe, say what it is.

    Raises UsageError for a file that is not there or that no training in styles wrote.
    """
    path = as_path(path, "network")
    if not path.is_file():
        raise UsageError(f"network: '{path}' is not there; make one with: python -m training styles")
    data = path.read_bytes()
    try:
        length = int.from_bytes(data[:8], "little")  # of the header, in which safetensors keeps the metadata
        texts = json.loads(data[8 : 8 + length])["__metadata__"]
        facts = {field.name: json.loads(texts[field.name]) for field in fields(PaintingRecipe)}
        network = StyleNetwork(facts["styles"], widths=facts["widths"], blocks=facts["blocks"])
        network.load_state_dict({name: values.float() for name, values in load(data).items()})
    except Exception:  # safetensors, json and torch raise a dozen kinds for a bad file
        wanted = "is not a file that python -m training styles wrote"
        raise UsageError(f"network: '{path}' {wanted}; get it again") from None
    network.name, network.facts = f"{path.name} (sha256 {hashlib.sha256(data).hexdigest()[:8]})", facts
    return network.requires_grad_(False).eval().to(device=choose_device(device), memory_format=torch.channels_last)
