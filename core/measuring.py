"""The network while it is measured: in eval mode, in its own precision, uncompiled; and afterwards as it was before.

A network may be shared by threads. What is changed on it here is counted, so that the first block changes it and the
last one puts it back; hooks (`core.activations`, `core.relu_rules`) work in the thread of their block alone. So any
number of threads may draw maps of one network, and a plain forward pass beside them gives what it gives alone. Only a
network in training mode is seen by the others in eval mode for as long as a map is drawn.
"""

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import ParamSpec, TypeVar

import torch
from torch import nn

Arguments, Result = ParamSpec("Arguments"), TypeVar("Result")

_LOCK = threading.Lock()
_evaluated: dict[int, int] = {}  # id of a module that was in training mode: how many blocks keep it in eval mode
_eager: list = []  # the stance that keeps compiled networks from running compiled, once for each block that needs it


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode within the block; each module's own mode is put back by the last block of all threads."""
    with _LOCK:
        held = [module for module in model.modules() if module.training or id(module) in _evaluated]
        for module in held:
            _evaluated[id(module)] = _evaluated.get(id(module), 0) + 1
            module.training = False
    try:
        yield
    finally:
        with _LOCK:
            for module in held:
                _evaluated[id(module)] -= 1
                if not _evaluated[id(module)]:
                    del _evaluated[id(module)]
                    module.training = True


@contextmanager
def without_autocast(*devices: str) -> Iterator[None]:
    """Within the block, or in the function that it decorates, autocast rounds no product to half precision.

    devices: kinds besides the processor and CUDA's.
    """
    with ExitStack() as stack:
        for device in {"cpu", "cuda", *devices}:
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


@contextmanager
def measuring(model: nn.Module) -> Iterator[None]:
    """Eval mode and gradients on within the block, no autocast and no compiled code, whatever the caller had set.

    Autocast would round sums that are added up over many passes. Compiled code does not run hooks that were added
    after it was compiled, and keeps those that it was compiled with: so what torch.compile made runs as it was written.
    """
    with ExitStack() as stack:
        stack.enter_context(evaluating(model))
        stack.enter_context(without_autocast(*(parameter.device.type for parameter in _first(model))))
        if "torch._dynamo" in sys.modules and any(map(_is_compiled, model.modules())):
            stack.enter_context(_uncompiled())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        yield


def in_own_thread(hook: Callable[Arguments, Result]) -> Callable[Arguments, Result | None]:
    """The hook, for forward passes of the thread that this is called in; those of other threads pass by."""
    owner = threading.get_ident()

    def passing_by(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result | None:
        return hook(*arguments, **named) if threading.get_ident() == owner else None

    return passing_by


def _first(model: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in [next(model.parameters(), None)] if parameter is not None]


def _is_compiled(module: nn.Module) -> bool:
    """Whether torch.compile wraps it, or its `compile` method or a compiled `forward` stands in for its own."""
    own = vars(module)
    return "_orig_mod" in own.get("_modules", ()) or own.get("_compiled_call_impl") is not None or "forward" in own


@contextmanager
def _uncompiled() -> Iterator[None]:
    """torch.compile's "force_eager" within the block. The stance is one for all threads, so it is counted."""
    with _LOCK:
        _eager.append(_eager[0] if _eager else torch.compiler.set_stance("force_eager"))
    try:
        yield
    finally:
        with _LOCK:
            stance = _eager.pop()
            if not _eager:
                stance.__exit__(None, None, None)
