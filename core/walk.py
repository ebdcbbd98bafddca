"""One forward pass, looked at module by module: what each is given, what it gives, in which order."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.measuring import add_hook, in_own_thread
from core.passes import home_of, run_network

POOLINGS = (
    *(nn.MaxPool2d, nn.AvgPool2d, nn.LPPool2d, nn.FractionalMaxPool2d),
    *(nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d),
)


@dataclass(eq=False)
class Call:
    """One module in a forward pass, the last time that it ran."""

    name: str
    module: nn.Module
    start: int  # its place among all beginnings and ends of modules in the pass
    given: Tensor | None  # its first argument; None: that was not a tensor
    version: int  # of `given` when the module began: in-place operations count it up
    output: Tensor | None = None
    end: int = 0

    @property
    def depth(self) -> int:
        return self.name.count(".")

    @property
    def hands_on(self) -> bool:
        """Whether it gives the same numbers that it got, perhaps in another order, as dropout and permutations do."""
        if self.given is None or self.given._version != self.version:
            return False
        return self.output is self.given or self.output.data_ptr() == self.given.data_ptr()

    @property
    def pools(self) -> bool:
        """Whether it has no weights and makes fewer numbers of those it got, or more."""
        if isinstance(self.module, POOLINGS):
            return True
        return self._without_weights and self.given is not None and self.given.numel() != self.output.numel()

    @property
    def only_moves(self) -> bool:
        """Whether it has no weights and flattens, permutes or hands on what it got."""
        if self.hands_on:
            return True
        return self._without_weights and self.given is not None and self.given.shape != self.output.shape

    @property
    def _without_weights(self) -> bool:
        return next(self.module.parameters(), None) is None

    @property
    def has_places(self) -> bool:
        """Whether it gives maps of more than one cell, or more than one token, for the one picture."""
        if self.output is None or not self.output.is_floating_point() or len(self.output) != 1:
            return False
        _, *sides = self.output.shape
        if len(sides) == 3:
            return sides[0] * sides[1] > 1 and sides[1] * sides[2] > 1
        return len(sides) == 2 and sides[0] > 1


def walk(model: nn.Module, picture: Tensor) -> tuple[list[Call], object]:
    """Run the picture (1, 3, H, W) through the network: its modules in the order in which they end, and its answer.

    A module that runs several times counts where it ran last, for that is what a recording of it keeps.
    """
    calls: dict[str, Call] = {}
    events = 0

    def begins(name: str):
        def note(module: nn.Module, arguments: tuple) -> None:
            nonlocal events
            events += 1
            given = arguments[0] if arguments and isinstance(arguments[0], Tensor) else None
            calls.pop(name, None)
            calls[name] = Call(name, module, events, given, 0 if given is None else given._version)

        return in_own_thread(note)

    def ends(name: str):
        def note(_module: nn.Module, _arguments: tuple, output: object) -> None:
            nonlocal events
            events += 1
            calls[name].output = next(tensors_of(output), None)
            calls[name].end = events

        return in_own_thread(note)

    with ExitStack() as hooks:
        for name, module in model.named_modules():
            if name:
                hooks.callback(add_hook(module, begins(name), before=True).remove)
                hooks.callback(add_hook(module, ends(name)).remove)
        answer = run_network(model, picture)
    return sorted((call for call in calls.values() if call.output is not None), key=lambda call: call.end), answer


def noise_picture(model: nn.Module, size: tuple[int, int]) -> Tensor:
    """Noise (1, 3, H, W) on the network's device, in its type: a black picture could leave ties and zeros."""
    home = home_of(model, torch.empty(0))
    noise = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(0))
    return noise.to(home.device, home.dtype)


def tensors_of(output: object) -> Iterator[Tensor]:
    """The tensors of what a module gave: itself, or those of a tuple or a dictionary."""
    if isinstance(output, Tensor):
        yield output
    elif isinstance(output, tuple | list):
        yield from (each for each in output if isinstance(each, Tensor))
    elif isinstance(output, dict):
        yield from tensors_of(tuple(output.values()))
