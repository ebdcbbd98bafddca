"""What the C library does with freed memory, which on a CPU decides the speed of large pictures. For scripts only."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Let this process keep the memory it frees until it ends; return whether the C library took the advice.

    glibc hands blocks of megabytes back to the system as soon as they are freed, and each step of an optimisation
    asks for the same blocks again, page by page: a style step at 1024 pixels takes half as long again. Peak memory
    grows by a few per cent. A whole process must decide this, so scripts do and the modules do not. Other
    systems have no such setting and are left alone.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc: musl, macOS, Windows
        return False
    return bool(mallopt(M_TRIM_THRESHOLD, LARGEST) and mallopt(M_MMAP_THRESHOLD, LARGEST))
