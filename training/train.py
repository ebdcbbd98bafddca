"""Takes a training to its end and writes its network; stopped by Ctrl-C or killed, it goes on where it was."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from torch import Tensor

from core.protection import expect, expect_network
from drawing.curves import Learning
from studies.shared.progress import progress
from training.checkpoints import write_network
from training.classifier import Training
from training.processes import leads
from training.recipe import Recipe

SECONDS_BETWEEN_CHECKPOINTS = 60
INTERRUPTED = 130  # the exit code that shells give for Ctrl-C


class Trainable(Protocol):
    """What is asked of a training here."""

    recipe: Any  # a dataclass with `steps` and `seed`
    step: int
    seconds: float

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
    checkpoint = output.with_suffix(".checkpoint.pt")
    if leads():
        expect([output, checkpoint])
        expect_network(output, training.shipped()[1])
    if checkpoint.exists() and not fresh:
        training.resume(checkpoint)
        if leads():
            print(f"going on after step {training.step} of {training.recipe.steps}, from {checkpoint}", flush=True)
    try:
        _run(training, checkpoint, run, watch)
    except KeyboardInterrupt:
        if leads():
            there = checkpoint.exists()
            kept = f"run the same command to go on from {checkpoint}" if there else "nothing was written yet"
            print(f"stopped; {kept}", file=sys.stderr)
        raise Stopped from None
    if leads():
        write_network(output, *training.shipped())
        checkpoint.unlink(missing_ok=True)


def _run(
    training: Trainable,
    checkpoint: Path,
    run: Callable[[AfterStep, Callable[[], bool]], None],
    watch: Callable[[], None],
) -> None:
    """Run to the end, with a bar, a line for each evaluation, and a checkpoint a minute."""
    saved = time.monotonic()
    steps = training.recipe.steps
    bar = progress(total=steps, initial=training.step, desc="train", unit="step") if leads() else nullcontext()
    with bar, noticing_signals() as asked_to_stop:

        def after_step(_training: Trainable, stop: bool | None = None) -> None:
            nonlocal saved
            if leads():
                bar.update()
            stop = asked_to_stop.is_set() if stop is None else stop
            if leads():
                if news := training.news():
                    bar.write(f"step {training.step} of {steps}: {news}, {training.seconds / 60:.1f} minutes")
                    sys.stdout.flush()
                    watch()
                if stop or time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                    training.save(checkpoint)
                    saved = time.monotonic()
            if stop:
                raise KeyboardInterrupt

        run(after_step, asked_to_stop.is_set)
    if leads():
        training.save(checkpoint)


@contextmanager
def noticing_signals() -> Iterator[threading.Event]:
    """Within the block the first Ctrl-C or SIGTERM sets the event; a second one interrupts at once.

    An interrupt in the middle of a step would leave a state between two steps, which is no use to keep.
    """
    asked = threading.Event()

    def notice(number: int, _frame: FrameType | None) -> None:
        asked.set()
        signal.signal(number, signal.default_int_handler)
        print("\nstopping after this step", file=sys.stderr)

    before = {number: signal.signal(number, notice) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
