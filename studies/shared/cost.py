"""What a work costs in time and memory: declared by each study and training, and told before it where it is much.

A `cost.py` adds up what its settings ask for: pixels that go through the network, forward alone or forward and back,
bytes at a time, seconds of other work. How fast this machine is, one small timed gradient says, and only where the time
could matter. The memory is that of SqueezeNet 1.1 in float32, measured (docs/results/costs.md). Of another network the
time is told by the same gradient, its own, and the memory not at all: it was not measured.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import nn
from torchvision.models import squeezenet1_1

from core.defaults import SHARED
from core.gradients import CHUNK_PIXELS, input_gradient
from core.sharing import company
from painting.forecast import Forecast
from studies.shared.free_memory import free_memory

MOST_BYTES, MOST_SECONDS = 2e9, 300  # above, the cost is told
# Of SqueezeNet 1.1 on one plain core: seconds for each pixel forward, and forward and back; bytes for each at a time.
FORWARD, GRADIENT = 0.3e-6, 0.7e-6
FORWARD_BYTES, GRADIENT_BYTES = 175, 670
SLOW = 5  # a machine may be so many times slower than a plain core: whether the time could matter is asked of that
ALWAYS, STARTING = 0.15e9, 2.0  # bytes and seconds of the smallest work: what is imported for it, and one figure
LARGER = 50  # another network may take so many times as long as SqueezeNet
TIMED = 160  # pixels: the side of the picture of the timed gradient
PANEL_BYTES, PANEL_SECONDS = 40, 0.02  # for each pixel of a panel, and for each panel


@dataclass(frozen=True)
class Cost:
    """What a piece of work takes. `a + b`: one after the other. `a * 3`: three times, in the same memory."""

    forward: float = 0.0  # pixels that go through the network forward alone
    gradient: float = 0.0  # pixels that go forward and back
    seconds: float = 0.0  # of other work, on one plain core
    at_once: float = 0.0  # bytes, given back for the next piece
    held: float = 0.0  # bytes, kept to the end
    flags: tuple[str, ...] = ()  # that lower it, most of all first
    at_most: bool = False  # it may well be less: an ascent may end early, results may be there already

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.forward + other.forward,
            self.gradient + other.gradient,
            self.seconds + other.seconds,
            max(self.at_once, other.at_once),
            self.held + other.held,
            tuple(dict.fromkeys(self.flags + other.flags)),
            self.at_most or other.at_most,
        )

    def __mul__(self, times: float) -> "Cost":
        return replace(self, forward=times * self.forward, gradient=times * self.gradient, seconds=times * self.seconds)

    @property
    def freed(self) -> "Cost":
        """The same, after which nothing is kept."""
        return replace(self, at_once=self.at_once + self.held, held=0.0)

    @property
    def bytes(self) -> float:
        """The most memory at any time, beside what the process holds."""
        return ALWAYS + self.at_once + self.held

    def plain_seconds(self) -> float:
        """On one plain core."""
        return self.seconds_if(1)

    def seconds_if(self, slowness: float) -> float:
        """On a machine that takes so many times as long for what goes through the network."""
        return STARTING + self.seconds + slowness * (FORWARD * self.forward + GRADIENT * self.gradient)


def forwards(count: float, pixels: float, *, together: int | None = None) -> Cost:
    """`count` pictures of so many pixels go forward, `together` at a time; None: as many as core.gradients takes."""
    return Cost(forward=count * pixels, at_once=FORWARD_BYTES * at_a_time(count, pixels, together))


def gradients(count: float, pixels: float, *, together: int | None = None) -> Cost:
    """The same, forward and back."""
    return Cost(gradient=count * pixels, at_once=GRADIENT_BYTES * at_a_time(count, pixels, together))


def at_a_time(count: float, pixels: float, together: int | None) -> float:
    """Pixels at a time."""
    most = max(1, CHUNK_PIXELS // max(1, int(pixels))) if together is None else together
    return pixels * min(most, max(1, math.ceil(count)))


def rendering(count: float, side: int) -> Cost:
    """So many scenes are rendered."""
    return Cost(seconds=count * (0.005 + 0.4e-6 * side**2))


def drawing(panels: float, side: float, other: float | None = None) -> Cost:
    """A figure of so many panels, `side` times `other` pixels each: after the work, whose memory it uses again."""
    return Cost(at_once=PANEL_BYTES * panels * side * (other or side), seconds=PANEL_SECONDS * panels)


def learning(steps: float, pixels: float) -> Cost:
    """So many steps of a training on batches of so many pixels: forward and back, for the weights, too."""
    return Cost(gradient=1.5 * steps * pixels, at_once=2 * GRADIENT_BYTES * pixels)


def slowness(model: nn.Module, clock: Callable[[], float] = time.perf_counter) -> float:
    """How many times slower than a plain core the model's gradient is, where it is; one small gradient is timed."""
    side = TIMED if getattr(model, "takes_any_size", True) else model.input_size
    images = torch.zeros(1, 3, side, side).to(next(model.parameters()))
    for _ in range(2):  # the first warms up
        began = clock()
        input_gradient(model, images, 0).sum().item()  # a number: other devices than the CPU are waited for
        taken = clock() - began
    return taken / (GRADIENT * images[0, 0].numel())


class Expected(NamedTuple):
    """What is told."""

    seconds: float
    bytes: float | None  # None: not known
    flags: tuple[str, ...] = ()
    at_most: bool = False


def expect(cost: Cost, model: nn.Module | None = None) -> Expected:
    """The time on this machine, which is measured where it could matter, and the memory. None: SqueezeNet's, on a CPU.

    A study that has not loaded its network is measured by one of random weights.
    """
    seconds, another = cost.plain_seconds(), getattr(model, "model_name", SHARED) != SHARED
    if SLOW * seconds * (LARGER if another else 1) > MOST_SECONDS and cost.forward + cost.gradient:
        seconds = cost.seconds_if(slowness(model or squeezenet1_1().eval()))
    return Expected(seconds, None if another else cost.bytes, cost.flags, cost.at_most)


def tell(cost: Cost, say: Callable[[str], None], model: nn.Module | None = None) -> None:
    """Say what the work will cost, in a sentence, if it needs more than two gigabytes or five minutes."""
    expected = expect(cost, model)
    expected = expected._replace(seconds=expected.seconds / company().size)  # several processes share the work
    if (expected.bytes or 0) > MOST_BYTES or expected.seconds > MOST_SECONDS:
        device = "cpu" if model is None else next(model.parameters()).device.type
        say(sentence(expected, free_memory(device)))


def sentence(expected: Expected, free: float | None) -> str:
    """ "cost: about 12 min and 3.4 GB beside its own; --size, --samples lower it". free: bytes, None if unknown."""
    how = "up to" if expected.at_most else "about"
    memory = "" if expected.bytes is None else f" and {expected.bytes / 1e9:.1f} GB beside its own"
    parts = [f"cost: {how} {duration(expected.seconds)}{memory}"]
    if expected.flags:
        flags = [f"--{flag.replace('_', '-')}" for flag in expected.flags]
        parts.append(f"{listed(flags)} lower{'s' * (len(flags) == 1)} it")
    if free is not None and (expected.bytes or 0) > free:
        parts.append(f"warning: {free / 1e9:.1f} GB of memory are free, it may fail")
    return "; ".join(parts)


def listed(words: Sequence[str]) -> str:
    """ "--size, --nodes and --masks"."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def duration(seconds: float) -> str:
    """ "40 s", "12 min", "3.5 hours", "4 days"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    hours = seconds / 3600
    return f"{hours:.2g} hours" if hours < 48 else f"{hours / 24:.0f} days"


def cost_in_words(expected: Forecast) -> str:
    """Of a style transfer: "1365 x 1024 pixels, 7 sizes, about 2 min, 2.3 GB beside its own, in tiles of 768"."""
    height, width = expected.sizes[-1]
    count, seconds = len(expected.sizes), expected.seconds
    size = f"{width} x {height} pixels, {count} size{'s' * (count > 1)}"
    tiles = f", in tiles of {expected.tile} pixels" if expected.tile else ""
    return f"{size}, about {duration(seconds)}, {expected.bytes / 1e9:.1f} GB beside its own{tiles}"
