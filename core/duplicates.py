"""Copies of networks, for what may not be done to the owner's own."""

from copy import deepcopy

import torch
from torch import Tensor, nn

from core.passes import in_one_sentence


def duplicate(model: nn.Module) -> nn.Module:
    """A copy that shares nothing with the network.

    Pruned and normalised layers hold a weight that is computed from others; PyTorch copies none that is in a graph, so
    its values are taken. Raises UsageError for a network that cannot be copied.
    """
    computed = {
        id(value): value.detach().clone()
        for module in model.modules()
        for value in vars(module).values()
        if isinstance(value, Tensor) and not value.is_leaf
    }
    with in_one_sentence(f"model: {type(model).__name__} cannot be copied"), torch.inference_mode(False):
        return deepcopy(model, computed)
