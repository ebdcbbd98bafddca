"""Layers by name, and what flows through them.

SqueezeNet's ReLUs work in place: a plain forward hook on a convolution is handed a tensor that the next
ReLU overwrites a moment later. So a recording keeps the original and passes a clone on.
"""

import difflib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from torch import Tensor, nn

from core.errors import UsageError


def layer_names(model: nn.Module) -> list[str]:
    """Every module that can be recorded, e.g. "features.12" or "features.9.squeeze"."""
    return [name for name, _ in model.named_modules() if name]


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return the module of that name; a UsageError names the nearest and lists the valid ones."""
    with suppress(AttributeError):
        if name:
            return model.get_submodule(name)
    near = difflib.get_close_matches(name, layer_names(model), n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
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


def sequence_features(
    features: nn.Sequential, images: Tensor, wanted: Iterable[int] | None = None
) -> list[Tensor | None]:
    """The outputs of a sequence's modules at the wanted indices, None at the others; all of them, if None.

    What lies above the last one wanted is not computed, and only what is wanted is kept from an in-place ReLU.
    """
    modules = list(features.children())
    wanted = set(range(len(modules)) if wanted is None else wanted)
    outputs: list[Tensor | None] = []
    kept = {images.data_ptr()}  # a module may hand on what it got, as dropout does
    for index, module in enumerate(modules[: max(wanted) + 1]):
        overwrites = getattr(module, "inplace", False) and images.data_ptr() in kept
        images = module(images.clone() if overwrites else images)
        outputs.append(images if index in wanted else None)
        if index in wanted:
            kept.add(images.data_ptr())
    return outputs
