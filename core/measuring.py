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
from types import FunctionType, MethodType
from typing import ParamSpec, TypeVar

import torch
from torch import nn
from torch.nn.modules import module as every_module
from torch.nn.modules.lazy import LazyModuleMixin
from torch.utils.hooks import RemovableHandle

from core.errors import UsageError

Arguments, Result = ParamSpec("Arguments"), TypeVar("Result")

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
FUNCTIONS = {FunctionType, MethodType}

_LOCK = threading.Lock()
_evaluated: dict[int, int] = {}  # id of a module that was in training mode: how many blocks keep it in eval mode
_eager: list = []  # the stance that keeps compiled networks from running compiled, once for each block that needs it


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode within the block; each module's own mode is put back by the last block of all threads."""
    with _evaluating(list(model.modules())):
        yield


@contextmanager
def _evaluating(modules: list[nn.Module]) -> Iterator[None]:
    with _LOCK:
        held = [each for each in modules if getattr(each, "training", False) or id(each) in _evaluated]
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
        for device in {"cpu", "cuda", *devices} - {"meta"}:  # there nothing is computed
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        yield


@contextmanager
def measuring(model: nn.Module) -> Iterator[None]:
    """Eval mode and gradients on within the block, no autocast and no compiled code, whatever the caller had set.

    Autocast would round sums that are added up over many passes. Compiled code does not run hooks that were added
    after it was compiled, and keeps those that it was compiled with: so what torch.compile made runs as it was written.
    Raises UsageError for a network whose weights are yet to be made.
    """
    modules = list(model.modules())
    if any(isinstance(module, LazyModuleMixin) and module.has_uninitialized_params() for module in modules):
        raise UsageError("model: it has lazy layers without weights; pass a picture through it once, then explain it")
    first = next(model.parameters(), torch.empty(0))
    refuse_meta(model, first)
    with ExitStack() as stack:
        stack.enter_context(_evaluating(modules))
        stack.enter_context(without_autocast(first.device.type))
        if "torch._dynamo" in sys.modules and any(map(_is_compiled, modules)):
            stack.enter_context(_uncompiled())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        yield


def refuse_meta(model: nn.Module, weights: torch.Tensor) -> None:
    """Raise UsageError where the network's weights have no numbers."""
    if weights.is_meta:
        words = "is on the 'meta' device, without numbers"
        raise UsageError(f"model: {type(model).__name__} {words}; load its weights first")


def in_own_thread(hook: Callable[Arguments, Result]) -> Callable[Arguments, Result | None]:
    """The hook, for forward passes of the thread that this is called in; those of other threads pass by."""
    owner = threading.get_ident()

    def passing_by(*arguments: Arguments.args, **named: Arguments.kwargs) -> Result | None:
        return hook(*arguments, **named) if threading.get_ident() == owner else None

    return passing_by


def add_hook(module: nn.Module, hook: Callable, *, before: bool = False) -> RemovableHandle:
    """Put a forward hook on the module, or a forward pre-hook; the handle removes it.

    PyTorch counts hooks without a lock: of two threads that add one at the same time, one may replace the other's.
    Raises UsageError for a layer whose hooks would not run.
    """
    if isinstance(module, torch.jit.ScriptModule):
        words = "no layer of a scripted or traced network can be recorded"
        raise UsageError(f"model: {words}; explain the network that it was made from")
    hooks, add = module._forward_hooks, module.register_forward_hook
    if before:
        hooks, add = module._forward_pre_hooks, module.register_forward_pre_hook
    with _LOCK:
        while True:
            known = dict(hooks)
            handle = add(hook)
            if handle.id not in known:
                return handle
            hooks[handle.id] = known[handle.id]


def is_hooked(*modules: nn.Module) -> bool:
    """Whether the owner has put hooks on one of them, or on all modules, or another forward pass on one.

    Rules that treat each number by itself (`core.relu_rules`) do not count.
    """
    hooks = [*every_module._global_forward_hooks.values(), *every_module._global_forward_pre_hooks.values()]
    hooks += [*every_module._global_backward_hooks.values(), *every_module._global_backward_pre_hooks.values()]
    for module in modules:
        own = vars(module)
        if "forward" in own:
            return True
        for name in HOOKS:
            if found := own.get(name):
                hooks += list(found.values())
    return not all(getattr(hook, "elementwise", False) for hook in hooks)


def forward_of(module: nn.Module) -> Callable | None:
    """The forward pass that its class has; scripted modules hide theirs."""
    return getattr(type(module), "forward", None)


def _is_compiled(module: nn.Module) -> bool:
    """Whether torch.compile wraps it or one of its functions, or its `compile` method or a `forward` stands in."""
    own = vars(module)
    if "_orig_mod" in own.get("_modules", ()) or own.get("_compiled_call_impl") is not None or "forward" in own:
        return True
    functions = [forward_of(module)]
    if not FUNCTIONS.isdisjoint(map(type, own.values())):
        functions += [each for each in own.values() if type(each) in FUNCTIONS]
    return any(hasattr(each, "_torchdynamo_orig_callable") for each in functions)


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
