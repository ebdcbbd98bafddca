"""Takes a training to its end and writes its network; stopped by Ctrl-C or killed, it goes on where it was."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from torch import Tensor

from core.protection import expect, expect_network
from drawing.curves import Learning
from studies.shared.progress import progress
from training.checkpoints import remove_leftovers, write_network
from training.classifier import Training
from training.processes import leads, meet_at
from training.recipe import Recipe

SECONDS_BETWEEN_CHECKPOINTS = 20
LEAST_RATIO = 50  # of the time between two checkpoints to what writing one takes: at most 2 % goes into them
INTERRUPTED = 130  # the exit code that shells give for Ctrl-C


class Trainable(Protocol):
    """What is asked of a training here."""

    recipe: Any  # a dataclass with `steps` and `seed`
    step: int
    seconds: float
    made_under: dict[str, str]

    def circumstances(self) -> dict[str, str]: ...
    def save(self, path: Path) -> None: ...
    def resume(self, path: Path) -> None: ...
    def news(self) -> str: ...
    def closing(self) -> str: ...
    def curve(self) -> Learning: ...
    def shipped(self) -> tuple[dict[str, Tensor], dict[str, str]]: ...


AfterStep = Callable[..., None]  # (training), or (training, whether to stop)


class Stopped(KeyboardInterrupt):
    """A training was stopped, and what is left of it has been said."""


def train_to_file(recipe: Recipe, output: Path, *, workers: int, fresh: bool = False) -> Training:
    """Train a classifier by the recipe, write the weights to `output`, and return the training; as `finish` says."""
    training = Training(recipe)
    finish(training, output, lambda after_step, _: training.run(workers=workers, after_step=after_step), fresh=fresh)
    return training


def finish(
    training: Trainable,
    output: Path,
    run: Callable[[AfterStep, Callable[[], bool]], None],
    *,
    fresh: bool = False,
    watch: Callable[[], None] = lambda: None,
) -> None:
    """Take the steps that are left, and write the network to `output`.

    run: takes them, calling `after_step` after each; it may ask whether somebody asked to stop. watch: called whenever
    there is news. The training goes on from the checkpoint beside `output`, if there is one and `fresh` does not forbid
    it. When stopped by Ctrl-C or SIGTERM it keeps a checkpoint, says so, and raises Stopped. Of several processes, only
    the first writes and says anything.
    """
    checkpoint = Checkpoint(output.with_suffix(".checkpoint.pt"))
    if leads():
        expect([output, checkpoint.path])
        expect_network(output, training.shipped()[1])
    if checkpoint.path.exists() and not fresh:
        training.resume(checkpoint.path)
        checkpoint.step = training.step
        if leads():
            say_resumed(training, checkpoint.path)
    meet_at(training.step)
    try:
        _run(training, checkpoint, run, watch)
    except KeyboardInterrupt:
        if leads():
            print(f"stopped; {checkpoint.left(training.recipe.steps)}", file=sys.stderr)
        raise Stopped from None
    if leads():
        write_network(output, *training.shipped())
        checkpoint.path.unlink(missing_ok=True)
        remove_leftovers(checkpoint.path)


class Checkpoint:
    """Where a training is kept, and when at the latest: every 20 seconds, less often where writing is slow."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.step: int | None = None  # after which it was kept; None: not yet
        self._due = time.monotonic() + SECONDS_BETWEEN_CHECKPOINTS

    def keep(self, training: Trainable, *, now: bool = False) -> None:
        """Write it if it is time, or `now`."""
        began = time.monotonic()
        if now or began >= self._due:
            training.save(self.path)
            self.step = training.step
            ended = time.monotonic()
            self._due = ended + max(SECONDS_BETWEEN_CHECKPOINTS, LEAST_RATIO * (ended - began))

    def left(self, steps: int) -> str:
        """What there is to go on from, in words."""
        if self.step is None:
            return "nothing of this training was written yet"
        return f"run the same command to go on from {self.path}, which has {self.step} of {steps} steps"


def say_resumed(training: Trainable, checkpoint: Path) -> None:
    """Where a training goes on, and why it will not end as one that was not stopped, if so."""
    print(f"going on after step {training.step} of {training.recipe.steps}, from {checkpoint}", flush=True)
    now = training.circumstances()
    changed = [f"{name} {was}, now {now[name]}" for name, was in training.made_under.items() if was != now.get(name)]
    if changed:
        words = "; ".join(changed)
        print(f"numbers round differently than in a training that was not stopped: {words}", flush=True)


def _run(
    training: Trainable,
    checkpoint: Checkpoint,
    run: Callable[[AfterStep, Callable[[], bool]], None],
    watch: Callable[[], None],
) -> None:
    """Run to the end, with a bar, a line for each evaluation, and checkpoints."""
    steps, before, first = training.recipe.steps, training.step, training.step + 1
    bar = progress(total=steps, initial=training.step, desc="train", unit="step") if leads() else nullcontext()
    with bar, noticing_signals() as asked_to_stop:

        def after_step(_training: Trainable, stop: bool | None = None) -> None:
            nonlocal before
            taken, before = training.step - before, training.step  # 0 while it prepares itself
            if leads() and taken:
                bar.update()
            stop = asked_to_stop.is_set() if stop is None else stop
            if leads():
                checkpoint.keep(training, now=stop or training.step in (first, steps))
                if news := training.news():
                    bar.write(f"step {training.step} of {steps}: {news}, {training.seconds / 60:.1f} minutes")
                    sys.stdout.flush()
                    watch()
            if stop:
                raise KeyboardInterrupt

        run(after_step, asked_to_stop.is_set)


@contextmanager
def noticing_signals() -> Iterator[threading.Event]:
    """Within the block the first Ctrl-C or SIGTERM sets the event; a second one interrupts at once.

    An interrupt in the middle of a step would leave a state between two steps, which is no use to keep.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():  # signals are the main thread's affair
        yield asked
        return

    def notice(number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, signal.default_int_handler)
        with suppress(OSError):  # not by print: the bar may be in the middle of one
            os.write(2, b"\nstopping after this step\n")

    before = {number: signal.signal(number, notice) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
