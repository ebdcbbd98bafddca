"""Other ways back through a ReLU: guided backpropagation's, the deconvnet's, and straight through. Nothing is replaced:
the rules are hooks within a block, and reach the ReLUs inside Fire modules, too.

Not every ReLU is a module: DenseNet and GoogLeNet call functions, and others write clamp(min=0). So a rule looks for
them in the score's graph, too (`apply_rules`). Where that hides what was computed, as TorchScript's does and operations
of the owner's own, the map would be a mixture of the rule and the plain gradient, without a word: such a network is
refused. Other activations (ReLU6, LeakyReLU, GELU, SiLU) have no such rule; they pass their own gradient.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.autograd.function import BackwardCFunction
from torch.autograd.graph import Node

from core.errors import UsageError
from core.measuring import add_hook, in_own_thread

HIDING = ("DifferentiableGraph", "CompiledFunction")  # parts of graphs that hold several operations
SAME = {  # other operations that are a ReLU where a number that they keep for the way back is 0
    "ClampBackward1": "_saved_min",
    "ClampMinBackward0": "_saved_min",
    "ThresholdBackward0": "_saved_threshold",
    "LeakyReluBackward0": "_saved_negative_slope",
}
GUIDED = "guided"  # marks the operations that follow the rule already

REMEDY = "use the saliency map or SmoothGrad"

_blocks = threading.local()  # .rules: those of the blocks that this thread is in


class NoRelus(UsageError):
    """A rule finds no ReLU, or cannot see whether there are any. `reason` says which of the two, in a few words."""

    def __init__(self, technique: str, words: str, reason: str) -> None:
        super().__init__(f"model: {technique} {words}; {REMEDY}")
        self.reason = reason


@contextmanager
def guided_relus(model: nn.Module) -> Iterator[SimpleNamespace]:
    """Guided backpropagation's rule (Springenberg et al., 2015) for every ReLU, also inside Fire modules.

    A ReLU passes R_in = 1[f > 0] * 1[R_out > 0] * R_out. Its own backward pass does the first factor;
    a hook on its output's gradient does the second. So nothing is replaced, only hooked. The rule that the
    block gets has a switch: while `rule.active` is False, a backward pass through the same graph is a plain one.
    """
    rule = SimpleNamespace(active=True)

    def positive(gradient: Tensor) -> Tensor:
        return gradient.clamp(min=0) if rule.active else gradient

    def guide(_module, _inputs, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(positive)
            output.grad_fn.metadata[GUIDED] = True

    def guide_function(relu: Node) -> None:
        if GUIDED not in relu.metadata:
            relu.register_prehook(lambda gradients: tuple(map(positive, gradients)))
            relu.metadata[GUIDED] = True

    handles = []
    try:
        with _reaching_relus(model, "guided backpropagation", guide_function):
            for relu in _relus(model):
                handles.append(add_hook(relu, _rule(guide)))
            yield rule
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def deconvnet_relus(model: nn.Module) -> Iterator[None]:
    """The deconvnet's rule (Zeiler and Fergus, 2014) for every ReLU, also inside Fire modules.

    A ReLU passes R_in = 1[R_out > 0] * R_out, whatever the sign of f.
    """

    def lead_function(relu: Node) -> None:  # those of modules are led around, and not in the graph
        relu.register_hook(lambda _own, gradients: (gradients[0].clamp(min=0),))

    with _reaching_relus(model, "a deconvnet", lead_function), straight_relus(model, lambda out: out.clamp(min=0)):
        yield


@contextmanager
def straight_relus(model: nn.Module, rule: Callable[[Tensor], Tensor] | None = None) -> Iterator[None]:
    """Within the block every ReLU module passes R_in = rule(R_out), or R_out, whatever the sign of f.

    Its output is the same. So its own backward pass is led around: it works on a detached copy f', and
    relu(f') + (f - f) goes on, the same numbers with the gradient of f.
    """
    inputs: list[Tensor] = []  # of the ReLU at work; ReLUs hold no other ReLUs

    def lead_around(_module, arguments: tuple[Tensor]) -> tuple[Tensor]:
        inputs.append(arguments[0])
        return (arguments[0].detach().clone(),)

    def join(_module, _arguments, output: Tensor) -> Tensor:
        joined = output + (inputs[-1] - inputs.pop().detach())
        if rule is not None and joined.requires_grad:
            joined.register_hook(rule)
        return joined

    handles = []
    try:
        for relu in _relus(model):
            handles.append(add_hook(relu, _rule(lead_around), before=True))
            handles.append(add_hook(relu, _rule(join)))
        yield
    finally:
        for handle in handles:
            handle.remove()


def apply_rules(total: Tensor) -> None:
    """To be called before a backward pass: the rules of this thread's blocks reach ReLUs that are functions, too.

    Raises UsageError where the graph of the total hides its ReLUs, or lacks the gradient of an operation: PyTorch would
    warn, and give what the others add up to.
    """
    rules = getattr(_blocks, "rules", ())
    for node in _graph(total.grad_fn):
        name = node.name()
        if "NotImplemented" in name:
            words = "an operation of it has no gradient (it may be quantised)"
            raise UsageError(f"model: {words}; use occlusion, rise or score_cam, which need none")
        for rule in rules:
            rule(name, node)


@contextmanager
def _reaching_relus(model: nn.Module, technique: str, treat: Callable[[Node], None]) -> Iterator[None]:
    """Each ReLU of the graphs in `apply_rules` is treated. Raises NoRelus at the end of the block if none ran."""
    reached: list[bool] = []

    def unseen(whose: str) -> NoRelus:
        return NoRelus(technique, f"cannot see {whose}", f"it is not possible to see {whose}")

    if any(isinstance(module, torch.jit.ScriptModule) for module in model.modules()):
        raise unseen("the ReLUs of a scripted or traced network")

    def rule(name: str, node: Node) -> None:
        if name == "ReluBackward0" or _is_relu_by_its_numbers(name, node):
            treat(node)
            reached.append(True)
        elif isinstance(node, BackwardCFunction) and not type(node)._forward_cls.__module__.startswith("torch."):
            raise unseen(f"whether the network's own operation {type(node)._forward_cls.__name__} is a ReLU")
        elif any(part in name for part in HIDING):
            raise unseen("the ReLUs of compiled or scripted parts")

    handles = []
    _blocks.rules = [*getattr(_blocks, "rules", ()), rule]
    try:
        for relu in _relus(model):
            handles.append(add_hook(relu, _rule(lambda *_: reached.append(True))))
        yield
    finally:
        _blocks.rules.remove(rule)
        for handle in handles:
            handle.remove()
    if not reached:
        words = "changes the way back through ReLUs, and the network runs none"
        raise NoRelus(technique, words, "no ReLU runs in it")


def _is_relu_by_its_numbers(name: str, node: Node) -> bool:
    """Whether an operation of another name cuts off at 0, and nowhere else as ReLU6 does."""
    return name in SAME and getattr(node, SAME[name]) == 0 and getattr(node, "_saved_max", None) is None


def _graph(root: Node) -> Iterator[Node]:
    """All operations of a graph."""
    seen, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        yield node
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                waiting.append(following)


def _rule(hook: Callable) -> Callable:
    """The hook, for forward passes of this thread; a mark says that it treats each number of a ReLU by itself."""
    result = in_own_thread(hook)
    result.elementwise = True
    return result


def _relus(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, nn.ReLU)]
