"""What a program decides for its whole process before torch is loaded. For scripts only; standard library only."""

import gc
import os
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager

# How long a thread that waits for the others keeps its core busy before it sleeps, as each OpenMP library is told.
WAYS_OF_WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
# GNU's, which torch has on Linux, looks a thousand times, some ten microseconds, as it does by itself with more
# threads than cores; the others not at all. docs/how_fast.md has what that costs alone, and saves beside others.
WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "1000"}


def wait_kindly(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Let torch's threads leave their cores to other programs soon; return whether it was decided here.

    It is left alone where the user has decided it, and where torch has read it already.
    """
    if "torch" in sys.modules or any(name in environment for name in WAYS_OF_WAITING):
        return False
    environment.update(WAITING)
    return True


@contextmanager
def loading() -> Iterator[None]:
    """Within the block, modules are loaded without a search for garbage: there is none among a million objects.

    What was loaded stays until the process ends, so it is left out of later searches, also of the last one. Nothing is
    changed where torch was loaded before: the process is then not ours alone.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()
