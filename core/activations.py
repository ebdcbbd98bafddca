"""Layers by name, and what flows through them.

SqueezeNet's ReLUs work in place: a plain forward hook on a convolution is handed a tensor that the next
ReLU overwrites a moment later. So a recording keeps the original and passes a clone on.
"""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from core.errors import UsageError


def layer_names(model: nn.Module) -> list[str]:
    """Every module that can be recorded, e.g. "features.12" or "features.9.squeeze"."""
    return [name for name, _ in model.named_modules() if name]


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return the module of that name; a UsageError names the nearest and lists the valid ones."""
    modules = dict(model.named_modules())
    if name and name in modules:
        return modules[name]
    near = difflib.get_close_matches(name, modules, n=1)
    hint = f"did you mean '{near[0]}'? " if near and near[0] else ""
    raise UsageError(f"layer: '{name}' is not in the network; {hint}allowed are {', '.join(layer_names(model))}")


@contextmanager
def record_activations(
    model: nn.Module, layers: Iterable[str], *, as_leaves: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Within the block, each forward pass fills the dictionary: layer name -> its output (N, C, h, w).

    The outputs stay in the graph, so `torch.autograd.grad(score, recorded[layer])` works. With `as_leaves`
    the graph starts anew at each of them: gradients go no deeper, and the input needs none.
    """
    recorded: dict[str, Tensor] = {}
    handles = []

    def keeper(name: str):
        def keep(_module, _inputs, output: Tensor) -> Tensor:
            recorded[name] = output.detach().requires_grad_(True) if as_leaves else output
            return recorded[name].clone()

        return keep

    try:
        for name in layers:
            handles.append(find_layer(model, name).register_forward_hook(keeper(name)))
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


def sequence_features(features: nn.Sequential, images: Tensor, deepest: int | None = None) -> list[Tensor]:
    """The output of each module of a sequence, up to and including index `deepest` (all, if None)."""
    modules = list(features.children())[: None if deepest is None else deepest + 1]
    outputs = []
    for module in modules:
        in_place = getattr(module, "inplace", False)
        images = module(images.clone() if in_place else images)
        outputs.append(images)
    return outputs
