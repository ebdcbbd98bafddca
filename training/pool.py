"""A pool of rendered scenes in memory, refreshed steadily by worker processes while a network trains on it.

Rendering a scene takes about as long as training on it, so each scene is used a few times before it goes.
The pool is counted in rounds: a round holds one scene of each class. What lies behind the objects is drawn without
knowing the class, unless `backgrounds` says for each class which kinds its scenes take in turn. What the pool holds
is a function of (seed, size, backgrounds, rounds rendered so far) and of nothing else; that is what makes a training
resumable.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType

import numpy as np

from patterns.scenes import render_indexed

Backgrounds = tuple[tuple[str, ...], ...]  # for each class the kinds that its scenes take in turn

_AHEAD = 6  # rounds asked of the workers before they are needed


class ScenePool:
    """The newest `capacity` rounds of scenes: `images` (capacity * K, size, size, 3) uint8, `labels` (capacity * K,).

    A context manager, because of its worker processes. With `workers` 0 it renders by itself, on demand.
    """

    def __init__(
        self,
        classes: Sequence[int],
        *,
        seed: int,
        size: int,
        capacity: int,
        workers: int,
        backgrounds: Backgrounds | None = None,
    ) -> None:
        """An empty pool for K classes; `fill` is next."""
        self.backgrounds = backgrounds
        self.classes, self.seed, self.size, self.capacity = tuple(classes), seed, size, capacity
        self.images = np.empty((capacity * len(self.classes), size, size, 3), np.uint8)
        self.labels = np.tile(np.arange(len(self.classes)), capacity)
        self.rounds = 0
        self._waiting: deque[Future] = deque()
        self._executor = _start_workers(workers) if workers else None

    def __enter__(self) -> "ScenePool":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def fill(self, rounds: int) -> None:
        """Render the rounds that the pool holds after `rounds` (at least `capacity`) were rendered."""
        self._waiting.clear()
        self.rounds = rounds - self.capacity
        while self.rounds < rounds:
            self.refresh()

    def refresh(self) -> None:
        """Put the next round in the place of the oldest one."""
        place = self.rounds % self.capacity * len(self.classes)
        self.images[place : place + len(self.classes)] = self._next_round()
        self.rounds += 1

    def _next_round(self) -> np.ndarray:
        if self._executor is None:
            return render_round(self.classes, self.seed, self.rounds, self.size, self.backgrounds)
        while len(self._waiting) < _AHEAD:
            number = self.rounds + len(self._waiting)
            asked = (self.classes, self.seed, number, self.size, self.backgrounds)
            self._waiting.append(self._executor.submit(render_round, *asked))
        return self._waiting.popleft().result()


def render_round(
    classes: Sequence[int], seed: int, number: int, size: int, backgrounds: Backgrounds | None = None
) -> np.ndarray:
    """Scene `number` of each class, (K, size, size, 3) uint8."""
    kinds = [None] * len(classes) if backgrounds is None else [turns[number % len(turns)] for turns in backgrounds]
    pairs = zip(classes, kinds, strict=True)
    return np.stack(
        [render_indexed(label, seed=seed, index=number, size=size, background=kind).image for label, kind in pairs]
    )


def _start_workers(workers: int) -> ProcessPoolExecutor:
    # Read when a worker imports numpy: its small products are fastest on one thread, and the cores are taken.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")  # to fork a process that runs torch's threads is unsafe
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)


def _prepare_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the trainer's affair
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    """End this worker when the trainer is gone, also when it was killed and could say nothing."""
    multiprocessing.parent_process().join()
    os._exit(1)
