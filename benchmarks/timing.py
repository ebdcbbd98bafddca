"""Times that can be believed on a noisy machine: implementations take turns in one process; medians are compared."""

import time
from collections.abc import Callable, Iterable
from statistics import median

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

SHAPES = (  # (pictures, channels in, channels out, side) of 3 x 3 convolutions, as large as a network has them
    (8, 64, 64, 56),
    (8, 128, 128, 28),
    (16, 64, 256, 13),
    (2, 64, 64, 112),
)


def take_turns(implementations: dict[str, Callable[[], object]], *, budget: float, least: int, most: int) -> dict:
    """Call every implementation once to warm up, then in turn for about `budget` seconds.

    Returns {implementation: (what it returned when it warmed up, [seconds of each round])}.
    """
    results = {name: _timed(work)[1] for name, work in implementations.items()}
    seconds: dict[str, list[float]] = {name: [] for name in implementations}
    begun = time.perf_counter()
    for turn in range(most):
        for name, work in implementations.items():
            seconds[name].append(_timed(work)[0])
        if turn + 1 >= least and time.perf_counter() - begun > budget:
            break
    return {name: (results[name], seconds[name]) for name in implementations}


def convolution_rate(rounds: int = 10) -> float:
    """The best rate of this machine's convolutions, in operations a second (a multiply-add is two)."""
    best = 0.0
    for count, before, after, side in SHAPES:
        layout = {"memory_format": torch.channels_last}
        images = torch.randn(count, before, side, side).contiguous(**layout)
        weights = torch.randn(after, before, 3, 3).contiguous(**layout)
        operations = 2 * 9 * count * before * after * side * side

        def convolve(images=images, weights=weights) -> None:
            with torch.no_grad():
                torch.nn.functional.conv2d(images, weights, padding=1)

        convolve()
        best = max(best, operations / median(_timed(convolve)[0] for _ in range(rounds)))
    return best


def operations_of(work: Callable[[], object]) -> int:
    """Multiplications and additions of all convolutions and matrix products, forward and back."""
    with _Counter() as counter:
        work()
    return counter.total


class _Counter(TorchDispatchMode):
    """torch's own counts for each operator. Its FlopCounterMode refuses a gradient with respect to the input."""

    total = 0

    def __torch_dispatch__(self, operator, types, arguments=(), settings=None):
        result = operator(*arguments, **(settings or {}))
        count = flop_registry.get(operator.overloadpacket)
        if count is not None:
            self.total += count(*arguments, **(settings or {}), out_val=result)
        return result


def summary(seconds: Iterable[float]) -> tuple[float, float, float]:
    """Median, least and largest."""
    seconds = list(seconds)
    return median(seconds), min(seconds), max(seconds)


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    begun = time.perf_counter()
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()  # a GPU answers before it has computed
    return time.perf_counter() - begun, result
