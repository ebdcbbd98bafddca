"""Other ways back through a ReLU: guided backpropagation's, the deconvnet's, and straight through. Nothing is replaced:
the rules are hooks within a block, and reach the ReLUs inside Fire modules, too.

A rule that does not reach the ReLUs would give the plain gradient, without a word. So each block ends by checking that
the ReLUs ran."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from torch import Tensor, nn

from core.errors import UsageError
from core.measuring import in_own_thread


@contextmanager
def guided_relus(model: nn.Module) -> Iterator[SimpleNamespace]:
    """Guided backpropagation's rule (Springenberg et al., 2015) for every ReLU, also inside Fire modules.

    A ReLU passes R_in = 1[f > 0] * 1[R_out > 0] * R_out. Its own backward pass does the first factor;
    a hook on its output's gradient does the second. So nothing is replaced, only hooked. The rule that the
    block gets has a switch: while `rule.active` is False, a backward pass through the same graph is a plain one.
    """
    rule = SimpleNamespace(active=True)

    def guide(_module, _inputs, output: Tensor) -> None:
        if output.requires_grad:
            output.register_hook(lambda gradient: gradient.clamp(min=0) if rule.active else gradient)

    handles = [relu.register_forward_hook(_rule(guide)) for relu in _relus(model)]
    try:
        with _reaching_relus(model, "guided backpropagation"):
            yield rule
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def deconvnet_relus(model: nn.Module) -> Iterator[None]:
    """The deconvnet's rule (Zeiler and Fergus, 2014) for every ReLU, also inside Fire modules.

    A ReLU passes R_in = 1[R_out > 0] * R_out, whatever the sign of f.
    """
    with straight_relus(model, lambda gradient: gradient.clamp(min=0)), _reaching_relus(model, "a deconvnet"):
        yield


@contextmanager
def straight_relus(model: nn.Module, rule: Callable[[Tensor], Tensor] | None = None) -> Iterator[None]:
    """Within the block every ReLU passes R_in = rule(R_out), or R_out, whatever the sign of f; its output is the same.

    So its own backward pass is led around: it works on a detached copy f', and relu(f') + (f - f) goes on, the same
    numbers with the gradient of f.
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
            handles.append(relu.register_forward_pre_hook(_rule(lead_around)))
            handles.append(relu.register_forward_hook(_rule(join)))
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _reaching_relus(model: nn.Module, technique: str) -> Iterator[None]:
    """Raises UsageError for a network without nn.ReLU modules, and at the end of the block if none of them ran."""
    ran: list[bool] = []
    relus = _relus(model)
    if not relus:
        raise UsageError(f"model: {technique} needs nn.ReLU modules, and the network has none")
    handles = [relu.register_forward_hook(_rule(lambda *_: ran.append(True))) for relu in relus]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
    if not ran:
        words = f"{technique} hooks the nn.ReLU modules, and a forward pass runs none of them"
        raise UsageError(f"model: {words} (it is scripted, or calls functions instead); use the saliency map")


def _rule(hook: Callable) -> Callable:
    """The hook, for forward passes of this thread; a mark says that it treats each number of a ReLU by itself."""
    result = in_own_thread(hook)
    result.elementwise = True
    return result


def _relus(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, nn.ReLU)]
