"""A pool of rendered scenes in memory, renewed steadily while a network trains on it.

Rendering a scene takes about as long as training on it, so each scene is used a few times before it goes.
The pool is counted in rounds: a round holds one scene of each class. What lies behind the objects is drawn without
knowing the class, unless `backgrounds` says for each class which kinds its scenes take in turn. What the pool holds
is a function of (seed, size, backgrounds, rounds so far) and of nothing else; that is what makes a training resumable.

A scene is rendered when a batch asks for it, or before that by worker processes that have nothing else to do. So a
training takes its first step at once, also one that goes on from a checkpoint in the middle. To fill the pool first
took longer than a minute on a slow machine, and a training killed more often than that never came further.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from types import FrameType, TracebackType

import numpy as np

from core.errors import WorkError
from patterns.scenes import render_indexed

Backgrounds = tuple[tuple[str, ...], ...]  # for each class the kinds that its scenes take in turn
Key = tuple[int, int]  # a scene: its round, and the place of its class

_AHEAD = 6  # rounds that the workers may be ahead of the pool
_QUEUED = 3  # rounds that each worker has in its queue: a batch waits for these, and an empty queue is time lost
_SECONDS_AFTER_SIGTERM = 30


class ScenePool:
    """The newest `capacity` rounds of scenes: N = capacity * K places, each with its label in `labels` (N,).

    A context manager, because of its worker processes. With `workers` 0 it renders by itself.
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
        self.labels = np.tile(np.arange(len(self.classes)), capacity)
        self.rounds = 0
        self._images = np.empty((len(self.labels), size, size, 3), np.uint8)
        self._there = np.zeros(len(self.labels), bool)  # whose scene is in _images
        self._asked: dict[Key, Future] = {}  # of the workers
        self._backlog: deque[Key] = deque()  # what to ask of them next
        self._workers, self._executor = workers, _start_workers(workers) if workers else None

    def __enter__(self) -> "ScenePool":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)

    def fill(self, rounds: int) -> None:
        """Let the pool be as it is after `rounds` rounds (at least `capacity`)."""
        self.rounds, self._there[:] = rounds, False
        self._asked.clear()
        count = len(self.classes)
        # The newest first: these stay longest.
        oldest_first = [(number, place) for number in range(rounds - self.capacity, rounds) for place in range(count)]
        self._backlog = deque(reversed(oldest_first))
        self._backlogged = rounds

    def refresh(self) -> None:
        """Let the next round take the place of the oldest one."""
        count, oldest = len(self.classes), self.rounds - self.capacity
        place = self.rounds % self.capacity * count
        self._there[place : place + count] = False
        for key in ((oldest, place) for place in range(count)):
            if key in self._asked:
                self._asked.pop(key).cancel()
        self.rounds += 1

    def take(self, places: Iterable[int]) -> np.ndarray:
        """The scenes at these places, (n, size, size, 3) uint8. Raises WorkError if a worker process was ended."""
        places = np.asarray(places, dtype=int)
        missing = [place for place in dict.fromkeys(places.tolist()) if not self._there[place]]
        try:
            self._render(missing)
        except BrokenProcessPool:
            raise WorkError(
                "workers: a process that renders scenes was ended from outside (for want of memory?); "
                "run the same command to go on from the checkpoint, with fewer --workers"
            ) from None
        return self._images[places]

    def _render(self, missing: Sequence[int]) -> None:
        """Put the scenes of these places into the pool, and keep the workers busy."""
        if self._executor is None:
            for place in missing:
                self._put(self._key(place), render_scene(*self._scene(self._key(place))))
            return
        self._collect()
        wanted = [self._key(place) for place in missing if not self._there[place]]
        for key in wanted:
            self._ask(key)
        self._ask_ahead()
        for key in wanted:
            self._put(key, self._asked.pop(key).result())

    def _collect(self) -> None:
        """Put what the workers have ready into the pool, where it is of a round that the pool holds."""
        for key in [key for key, future in self._asked.items() if key[0] < self.rounds and future.done()]:
            self._put(key, self._asked.pop(key).result())

    def _ask(self, key: Key) -> None:
        if key not in self._asked:
            self._asked[key] = self._executor.submit(render_scene, *self._scene(key))

    def _ask_ahead(self) -> None:
        """Fill the workers' queue with what will be wanted."""
        count = len(self.classes)
        free = _QUEUED * count * self._workers - sum(not future.done() for future in self._asked.values())
        while free > 0:
            if not self._backlog:
                if self._backlogged == self.rounds + _AHEAD:
                    return
                self._backlog.extend((self._backlogged, place) for place in range(count))
                self._backlogged += 1
            key = self._backlog.popleft()
            gone = key[0] < self.rounds - self.capacity
            there = key[0] < self.rounds and self._there[self._place(key)]
            if not (gone or there or key in self._asked):
                self._ask(key)
                free -= 1

    def _put(self, key: Key, picture: np.ndarray) -> None:
        place = self._place(key)
        self._images[place], self._there[place] = picture, True

    def _place(self, key: Key) -> int:
        """Where the scene lies, or will lie."""
        return key[0] % self.capacity * len(self.classes) + key[1]

    def _key(self, place: int) -> Key:
        """The scene that belongs there now."""
        turn, of_class = divmod(place, len(self.classes))
        newest = self.rounds - 1
        return newest - (newest - turn) % self.capacity, of_class

    def _scene(self, key: Key) -> tuple[int, int, int, int, str | None]:
        """What `render_scene` takes."""
        number, place = key
        return self.classes[place], self.seed, number, self.size, _kind(self.backgrounds, place, number)


def render_scene(label: int, seed: int, number: int, size: int, background: str | None) -> np.ndarray:
    """Scene `number` of a class, (size, size, 3) uint8."""
    return render_indexed(label, seed=seed, index=number, size=size, background=background).image


def render_round(
    classes: Sequence[int], seed: int, number: int, size: int, backgrounds: Backgrounds | None = None
) -> np.ndarray:
    """Scene `number` of each class, (K, size, size, 3) uint8."""
    kinds = [_kind(backgrounds, place, number) for place in range(len(classes))]
    return np.stack([render_scene(label, seed, number, size, kind) for label, kind in zip(classes, kinds, strict=True)])


def _kind(backgrounds: Backgrounds | None, place: int, number: int) -> str | None:
    """What lies behind scene `number` of the class at this place; None: drawn without knowing the class."""
    return None if backgrounds is None else backgrounds[place][number % len(backgrounds[place])]


def _start_workers(workers: int) -> ProcessPoolExecutor:
    # Read when a worker imports numpy: its small products are fastest on one thread, and the cores are taken.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")  # to fork a process that runs torch's threads is unsafe
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_prepare_worker)


def _prepare_worker() -> None:
    # Ctrl-C is the trainer's affair, and so is SIGTERM, which schedulers send to all processes of a job: while this one
    # is needed for the step that the trainer is in, it works on.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave_later)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_later(_number: int, _frame: FrameType | None) -> None:
    timer = threading.Timer(_SECONDS_AFTER_SIGTERM, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _leave_with_parent() -> None:
    """End this worker when the trainer is gone, also when it was killed and could say nothing."""
    multiprocessing.parent_process().join()
    os._exit(1)
