"""The networks of small pictures beside the embedded one, and scenes to judge them on that none was trained on."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from core.defaults import ROOT
from core.errors import UsageError
from core.images import preprocess
from core.squeezenet import load_squeezenet
from patterns.scenes import CLASS_NAMES, render_indexed
from training.seeds import HIGHEST_SEED

EMBEDDED = "patterns"
NETWORKS = ("weights/plain.safetensors", "patterns", "weights/robust.safetensors", "weights/noise.safetensors")


class Scenes(NamedTuple):
    """Scenes, the classes in turn."""

    images: Tensor  # (N, 3, H, W), in the network's units
    labels: Tensor  # (N,)
    masks: Tensor  # (N, H, W) bool


def load_networks(texts: Sequence[str], device: str) -> dict[str, nn.Module]:
    """{name: network} of weights as --weights takes them, or of NETWORKS, whatever the current folder is."""
    networks = {}
    for text in texts:
        there = ROOT / text
        model = load_squeezenet(there if text in NETWORKS and text != EMBEDDED else text, device)
        name = "embedded" if text == EMBEDDED else Path(model.weights_name.partition(" ")[0]).stem
        if name in networks:
            raise UsageError(f"weights: two networks are called {name}; name each once, and rename a file if need be")
        networks[name] = model
    return networks


def held_out_scenes(count: int, *, first: int = 0, seed: int, size: int) -> Scenes:
    """Scenes `first` to `first + count` of this seed, taken below those of all trainings."""
    labels = [index % len(CLASS_NAMES) for index in range(first, first + count)]
    seed %= HIGHEST_SEED + 1
    drawn = [render_indexed(label, seed=seed, index=index, size=size) for index, label in enumerate(labels, first)]
    masks = torch.from_numpy(np.stack([scene.mask for scene in drawn]))
    return Scenes(preprocess([scene.image for scene in drawn]), torch.tensor(labels), masks)
