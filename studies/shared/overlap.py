"""Picture after picture: while one is computed, the next are read and the last are drawn and written.

Decoding, drawing and compressing leave Python's lock, so that threads do them beside the network. What comes out, and
in which order, does not depend on how the threads run.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar

Job = TypeVar("Job")
Read = TypeVar("Read")
Result = TypeVar("Result")
WORKERS = min(4, max(2, os.cpu_count() or 1))  # threads that read, and as many that write
AHEAD = 2 * WORKERS  # jobs at most that are read and not yet computed, and that are computed and not yet written


def overlapped(
    jobs: Iterable[Job],
    *,
    read: Callable[[Job], Read],
    compute: Callable[[Job, Read], Callable[[], Result]],
    done: Callable[[Job, Result], None],
) -> None:
    """Do jobs that are read, computed and written.

    read(job): by other threads. compute(job, what was read): by this one, job after job; it returns what remains to be
    done, a function, which other threads call. done(job, its result): by this thread, in the order of the jobs.

    Only a few jobs are held at a time. What any of these raises ends the work: what is computed is still written and
    told to `done`, and then the first error is raised; so Ctrl-C keeps what is finished.
    """
    reading: deque[tuple[Job, Future]] = deque()
    writing: deque[tuple[Job, Future]] = deque()

    def advance() -> None:
        job, future = reading[0]
        found = future.result()
        reading.popleft()
        writing.append((job, _submit(writers, compute(job, found))))
        finish(AHEAD)

    def finish(most: int) -> None:
        while len(writing) > most:
            job, future = writing[0]
            result = future.result()
            writing.popleft()
            done(job, result)

    with ThreadPoolExecutor(WORKERS) as readers, ThreadPoolExecutor(WORKERS) as writers:
        try:
            for job in jobs:
                reading.append((job, _submit(readers, read, job)))
                if len(reading) > AHEAD:
                    advance()
            while reading:
                advance()
            finish(0)
        except BaseException:
            for _, future in reading:
                future.cancel()
            for job, future in writing:
                with suppress(Exception):  # the first error is on its way
                    done(job, future.result())
            raise


def _submit(threads: ThreadPoolExecutor, function: Callable, *arguments: Any) -> Future:
    """As this thread would call it: under the protection of files that is in force here."""
    return threads.submit(copy_context().run, function, *arguments)
