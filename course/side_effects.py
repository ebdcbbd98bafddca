"""What a student's function leaves behind: facts taken in the child, and the sentences that tell them.

`Traces` compares a network and the tensors given before and after a call. It returns keys of SENTENCES, with a detail.
"""

import torch
from torch import Tensor, nn

SENTENCES = {
    "input changed": "{} was changed in place: work on a clone.",
    "input gradient": "{}.grad is left on the input: the next backward pass adds to it.",
    "gradients left": "The network's parameters hold gradients (.grad) afterwards: the next backward adds to them.",
    "modules replaced": "The network keeps other modules than it came with ({}): work on a copy, or put them back.",
    "hooks left": "A hook is left on the network ({}): remove it when you are done.",
    "mode": "The network's train or eval mode is another than before ({}).",
    "parameters changed": "The network's weights were changed ({}).",
    "flags": "requires_grad of the network's parameters was changed ({}).",
    "dtype": "The result has the type {}.",
    "device": "The result is on the device {}.",
    "second call": "A second call with the same input gives another result: something is left from the first one.",
    "batch": "Image {} has another result alone than within a batch: the images are mixed somewhere.",
    "on import": "The file does not import to its end: {}.",
    "no gradient": "No gradient flows back through the loss: is it computed from .item(), .data, .detach() or NumPy?",
}
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def note(key: str, detail: str = "") -> tuple[str, str]:
    return key, detail


def _modules(module: nn.Module, name: str = "") -> dict[str, nn.Module]:
    """As named_modules(), which fails where a function was put in a module's place, as many put CustomReLU.apply."""
    found = {name: module}
    for key, child in module._modules.items():
        if isinstance(child, nn.Module):
            found |= _modules(child, f"{name}.{key}" if name else key)
    return found


def _parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    owned = [(name, module._parameters) for name, module in _modules(model).items()]
    return {f"{name}.{key}": value for name, own in owned for key, value in own.items() if value is not None}


def _hooks(model: nn.Module) -> dict[str, int]:
    return {name: sum(len(getattr(module, kind)) for kind in HOOKS) for name, module in _modules(model).items()}


class Traces:
    """How a network and some tensors are now; `left()` says what differs later."""

    def __init__(self, network: nn.Module | None, tensors: dict[str, Tensor]) -> None:
        self.network, self.tensors = network, tensors
        self.before = {name: value.detach().clone() for name, value in tensors.items()}
        if network is not None:
            self.modules = {name: (module, type(module)) for name, module in _modules(network).items()}
            self.hooks = _hooks(network)
            self.modes = {name: module.training for name, module in _modules(network).items()}
            self.values = {name: value.detach().clone() for name, value in _parameters(network).items()}
            self.flags = {name: value.requires_grad for name, value in _parameters(network).items()}

    def left(self, *, may_change: bool = False) -> list[tuple[str, str]]:
        notes = []
        for name, value in self.tensors.items():
            if not may_change and not torch.equal(value.detach(), self.before[name]):
                notes.append(note("input changed", name))
        if self.network is None:
            return notes
        modules = _modules(self.network)
        replaced = [
            n for n, (module, kind) in self.modules.items() if modules.get(n) is not module or type(module) is not kind
        ]
        if replaced:
            kinds = sorted({type(modules[name]).__name__ for name in replaced if name in modules})
            notes.append(note("modules replaced", f"{len(replaced)} of them, now {', '.join(kinds) or 'gone'}"))
        hooked = [
            name or "the whole" for name, count in _hooks(self.network).items() if count > self.hooks.get(name, 0)
        ]
        if hooked:
            notes.append(note("hooks left", ", ".join(hooked[:3])))
        modes = [name for name, module in modules.items() if self.modes.get(name, module.training) != module.training]
        if modes:
            notes.append(note("mode", "train" if modules[modes[0]].training else "eval"))
        state = _parameters(self.network)
        changed = [n for n, value in self.values.items() if n in state and not torch.equal(state[n].detach(), value)]
        if changed:
            notes.append(note("parameters changed", changed[0]))
        flags = [n for n, value in state.items() if self.flags.get(n) not in (None, value.requires_grad)]
        if flags:
            notes.append(note("flags", f"{len(flags)} of {len(self.flags)}"))
        if any(value.grad is not None for value in state.values()):
            notes.append(note("gradients left"))
        return notes


def sentences(notes: object) -> tuple[str, ...]:
    """Notes as they came back from the child, whatever that said, as sentences; each once."""
    found = []
    for each in notes if isinstance(notes, list) else ():
        if isinstance(each, list) and len(each) == 2 and isinstance(each[0], str) and each[0] in SENTENCES:
            detail = "".join(char for char in str(each[1])[:200] if char.isprintable())
            found.append(SENTENCES[each[0]].replace("{}", detail))
    return tuple(dict.fromkeys(found))
