"""Long work that is watched while it goes on, and can be stopped: its pictures as they come, then what it returns."""

import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Generic, TypeVar

from torch import Tensor

from core.images import deprocess

Frame, Result = TypeVar("Frame"), TypeVar("Result")
SECONDS_A_FRAME = 0.15  # a browser draws no more


class Finished(Generic[Result]):
    """The last thing that `watched` yields: what the work returned, and whether it was stopped before its end."""

    def __init__(self, result: Result, stopped: bool) -> None:
        self.result, self.stopped = result, stopped


def watched(
    work: Callable[[Callable[[Frame], bool]], Result], stop: threading.Event
) -> Iterator[Frame | Finished[Result]]:
    """Run `work(show)` in a thread of its own; yield what it shows, the newest at each time, then a `Finished`.

    `show` tells the work whether it shall end now: somebody pressed `stop`, or nobody looks any more (the iterator was
    closed). An error of the work is raised here.
    """
    newest: queue.Queue[Frame] = queue.Queue(maxsize=1)
    left = threading.Event()
    outcome: list[Result] = []
    errors: list[BaseException] = []

    def show(frame: Frame) -> bool:
        if newest.full():  # nobody has taken the last one yet
            with suppress(queue.Empty):  # or somebody has, just now
                newest.get_nowait()
        newest.put(frame)
        return stop.is_set() or left.is_set()

    def run() -> None:
        try:
            outcome.append(work(show))
        except BaseException as error:  # whatever it is, it is raised where somebody waits for the result
            errors.append(error)

    thread = threading.Thread(target=run, name="watched", daemon=True)
    thread.start()
    try:
        while thread.is_alive():
            thread.join(SECONDS_A_FRAME)
            if not newest.empty():
                yield newest.get()
    finally:
        left.set()
        thread.join()
    if errors:
        raise errors[0]
    yield Finished(outcome[0], stop.is_set())


def pixels_of(image: Tensor):
    """A picture (1, 3, H, W) in the network's units -> uint8 (H, W, 3)."""
    return deprocess(image[:1])[0]
