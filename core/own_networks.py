"""A network that a function of the caller's makes: "package.module:function"."""

import difflib
import inspect
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from types import ModuleType

from torch import nn

from core.errors import UsageError

PUBLIC = {"torch", "torchvision", "timm", "builtins"}


def find_function(name: str) -> Callable[[], object]:
    """The function of this name, whose module is imported: it is the caller's code.

    name: "package.module:function". The module is looked for where Python looks, then in the current folder. Raises
    UsageError, one sentence, where there is no such module or function, or it needs arguments.
    """
    function = _function(name)
    try:
        needed = [
            each.name
            for each in inspect.signature(function).parameters.values()
            if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
        ]
    except (TypeError, ValueError):  # of functions in C, Python knows no arguments
        needed = []
    if needed:
        words = f"needs arguments ({', '.join(needed)})"
        raise UsageError(f"model: '{name}' {words}; give a function without, which calls it with yours")
    return function


def build_own(function: Callable[[], object], name: str) -> nn.Module:
    """What the function returns. Raises UsageError, one sentence, where it fails, or returns something else."""
    with_reason = f"model: '{name}' failed"
    try:
        network = function()
    except Exception as error:
        raise UsageError(f"{with_reason}: {_reason(error)}") from error
    except SystemExit:
        raise UsageError(f"{with_reason}: it ended the program") from None
    if not isinstance(network, nn.Module):
        raise UsageError(f"model: '{name}' returns a {type(network).__name__}, not a torch.nn.Module")
    return uncompiled(network)


def uncompiled(network: nn.Module) -> nn.Module:
    """The network that torch.compile was given: compiled, it would be compiled again, for minutes, at each size."""
    network = getattr(network, "_orig_mod", network)
    if network._compiled_call_impl is not None:  # by network.compile()
        network._compiled_call_impl = None
    return network


def code_hash(network: nn.Module, name: str) -> str:
    """A hash of what makes the network beside its weights: its layers, the mean and spread that it wants, and the files
    that the function and the classes of its layers stand in, but for those of torch, torchvision and timm.
    """
    places = {name.partition(":")[0]} | {
        each.__module__ for module in network.modules() for each in type(module).__mro__
    }
    files = {getattr(sys.modules.get(place), "__file__", None) for place in places if place.split(".")[0] not in PUBLIC}
    facts = [repr(network), getattr(network, "pixel_mean", None), getattr(network, "pixel_std", None)]
    digest = sha256(repr(facts).encode())
    for file in sorted(filter(None, files)):
        with suppress(OSError):
            digest.update(Path(file).read_bytes())
    return digest.hexdigest()


def _function(name: str) -> Callable[[], object]:
    place, _, called = name.partition(":")
    module = _module(place, name)
    known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    value = getattr(module, called, None)
    if value is None:
        near = difflib.get_close_matches(called, known, n=3, cutoff=0.4) or known[:3]
        hint = f"; did you mean {' or '.join(near)}?" if near else ", nor any other function"
        raise UsageError(f"model: the module '{place}' has no '{called}'{hint}")
    if not callable(value) or isinstance(value, nn.Module):
        kind = type(value).__name__
        raise UsageError(f"model: '{name}' is a {kind}; give the name of a function that returns the network")
    return value


def _module(place: str, name: str) -> ModuleType:
    if not all(part.isidentifier() for part in place.split(".")):
        raise UsageError(f"model: '{name}' is not of the form package.module:function, such as my_networks:build")
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())  # for good: the network may import more when it runs
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{place}.".startswith(f"{error.name}."):
            outer = error.name.rpartition(".")[0]
            why = f", and '{outer}' is no package" if "is not a package" in str(error) else ""
            words = f"there is no module '{error.name}' where Python looks, nor in '{os.getcwd()}'{why}"
            raise UsageError(f"model: {words}; start in the folder that holds it, or set PYTHONPATH") from None
        raise UsageError(f"model: the module '{place}' cannot be imported: {_reason(error)}") from error
    except Exception as error:
        raise UsageError(f"model: the module '{place}' cannot be imported: {_reason(error)}") from error
    except SystemExit:
        raise UsageError(f"model: the module '{place}' cannot be imported: it ended the program") from None


def _reason(error: Exception) -> str:
    """The kind of an error and its first line."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}{': ' if first else ''}{first[:200]}"
