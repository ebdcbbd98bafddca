"""Layers by name, and what flows through them.

SqueezeNet's ReLUs work in place: a plain forward hook on a convolution is handed a tensor that the next
ReLU overwrites a moment later. So a recording keeps the original and passes a clone on.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor, nn

from core.errors import UsageError
from core.measuring import add_hook, in_own_thread
from core.passes import home_of, in_one_sentence


def layer_names(model: nn.Module) -> list[str]:
    """Every module that can be recorded, e.g. "features.12" or "features.9.squeeze"."""
    return [name for name, _ in model.named_modules() if name]


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return the module of that name; a UsageError names the nearest and lists the valid ones."""
    with suppress(AttributeError, KeyError, TypeError):
        if name and isinstance(model, torch.jit.ScriptModule):  # these cannot look up one
            return dict(model.named_modules())[name]
        if name:
            return model.get_submodule(name)
    near = difflib.get_close_matches(str(name), layer_names(model), n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise UsageError(f"layer: '{name}' is not in the network; {hint}allowed are {', '.join(layer_names(model))}")


@contextmanager
def record_activations(
    model: nn.Module, layers: Iterable[str], *, as_leaves: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Within the block, each forward pass fills the dictionary: layer name -> its output (N, C, h, w).

    The outputs stay in the graph, so `torch.autograd.grad(score, recorded[layer])` works. With `as_leaves`
    the graph starts anew at each of them: gradients go no deeper, and the input needs none. Passes of other threads
    through the same network are not seen. Raises UsageError for a layer whose output is not one tensor.
    """
    recorded: dict[str, Tensor] = {}
    handles = []

    def keeper(name: str):
        def keep(_module, _inputs, output: Tensor) -> Tensor:
            if not isinstance(output, Tensor):
                words = f"gives a {type(output).__name__}, not one tensor"
                raise UsageError(f"layer: '{name}' {words}; choose another, for instance one within it")
            recorded[name] = output.detach().requires_grad_(True) if as_leaves else output
            return recorded[name].clone()

        return in_own_thread(keep)

    try:
        for name in layers:
            handles.append(add_hook(find_layer(model, name), keeper(name)))
        yield recorded
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def watched(model: nn.Module, watch: Callable[[str, Tensor], None]) -> Iterator[None]:
    """Within the block, each module that gives one tensor tells it: watch(its name, what it gives), as it ends."""
    handles = []

    def watcher(name: str) -> Callable:
        def note(_module: nn.Module, _inputs: tuple, output: object) -> None:
            if isinstance(output, Tensor):
                watch(name, output)

        return in_own_thread(note)

    try:
        for name, module in model.named_modules():
            if name:
                handles.append(add_hook(module, watcher(name)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def recorded_output(recorded: dict[str, Tensor], layer: str) -> Tensor:
    """What was recorded of the layer; a UsageError if it took no part in the forward pass."""
    if layer not in recorded:
        raise UsageError(f"layer: '{layer}' takes no part in the forward pass, or hides it; choose another")
    return recorded[layer]


def feature_sequence(cnn: nn.Module) -> nn.Sequential:
    """SqueezeNet's `features`; the whole network is taken for them, too, also within DataParallel or torch.compile."""
    cnn = cnn.module if isinstance(cnn, nn.DataParallel) else cnn
    for wrapper in ("_orig_mod", "features", "_orig_mod"):
        cnn = getattr(cnn, wrapper, cnn)
    if not isinstance(cnn, nn.Sequential):
        raise UsageError(f"cnn: a sequence of modules is needed, got {type(cnn).__name__}; give model.features")
    return cnn


def sequence_features(
    features: nn.Sequential, images: Tensor, wanted: Iterable[int] | None = None
) -> list[Tensor | None]:
    """The outputs of a sequence's modules at the wanted indices, None at the others; all of them, if None.

    The images are taken to the network's device and type.
    What lies above the last one wanted is not computed, and only what is wanted is kept from an in-place ReLU.
    """
    modules, home = list(features.children()), home_of(features, images)
    wanted = set(range(len(modules)) if wanted is None else wanted)
    outputs: list[Tensor | None] = []
    with in_one_sentence(f"cnn: it cannot take images of shape {tuple(images.shape)}"):
        images = images.to(home.device, home.dtype)
        kept = {images.data_ptr()}  # a module may hand on what it got, as dropout does
        for index, module in enumerate(modules[: max(wanted) + 1]):
            overwrites = getattr(module, "inplace", False) and images.data_ptr() in kept
            images = module(images.clone() if overwrites else images)
            outputs.append(images if index in wanted else None)
            if index in wanted:
                kept.add(images.data_ptr())
    return outputs
