"""How much memory may this process still take? What the system has free, and what its control group allows."""

import os
from pathlib import Path

import torch

GROUPS, OWN_GROUP, MEMINFO = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup"), Path("/proc/meminfo")


def free_memory(device: str = "cpu") -> float | None:
    """Bytes, on a CPU or a CUDA device; None where nobody tells."""
    if device == "cuda":
        return float(torch.cuda.mem_get_info()[0])
    known = [free for free in (free_in_system(), free_in_groups()) if free is not None] if device == "cpu" else []
    return min(known, default=None)


def free_in_system() -> float | None:
    """What the system could give without swapping."""
    try:
        lines = MEMINFO.read_text(encoding="ascii").splitlines()
        return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, OSError, ValueError):  # Windows, macOS
        return None


def free_in_groups() -> float | None:
    """What the control groups of this process, and those above them, leave; None where there is no limit.

    Both versions: limit and use lie in memory.max and memory.current, or memory/memory.limit_in_bytes and
    memory/memory.usage_in_bytes. In a container the own group is the root of what can be seen.
    """
    found = []
    for top, limit, used in (
        (GROUPS, "memory.max", "memory.current"),
        (GROUPS / "memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        for folder in _groups_below(top):
            try:
                most, taken = (int((folder / name).read_text(encoding="ascii")) for name in (limit, used))
                found.append(float(max(0, most - taken + _cached(folder))))
            except (OSError, ValueError):  # "max": no limit
                continue
    return min(found, default=None)


def _cached(folder: Path) -> int:
    """Bytes of files that are counted as used, and given back when they are needed."""
    try:
        lines = (folder / "memory.stat").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    except (OSError, StopIteration, ValueError, IndexError):
        return 0


def _groups_below(top: Path) -> list[Path]:
    """The folder of this process's group, and all above it up to `top`."""
    try:
        lines = OWN_GROUP.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        lines = []
    folders = {top}
    for line in lines:
        own = top / line.split(":", 2)[-1].lstrip("/")
        folders |= {folder for folder in (own, *own.parents) if folder.is_relative_to(top)}
    return sorted(folders)
