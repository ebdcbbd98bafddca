"""No warnings for the length of a block, also where several threads are in such blocks at once.

`warnings.catch_warnings` is not made for threads: two blocks that overlap leave the filters of one of them in force.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_lock = Lock()
_inside: list[warnings.catch_warnings] = []  # one entry for each block; the first keeps the filters


@contextmanager
def quietly() -> Iterator[None]:
    """Warnings are ignored until the last of the blocks that overlap has ended."""
    with _lock:
        kept = _inside[0] if _inside else warnings.catch_warnings()
        if not _inside:
            kept.__enter__()
            warnings.simplefilter("ignore")
        _inside.append(kept)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            if not _inside:
                kept.__exit__(None, None, None)
