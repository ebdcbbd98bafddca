"""What a process may do once a student's code runs in it: apart from the system where that allows it, and limited.

Linux's namespaces give the process no network, no other process to see or to kill, and no file that it may write
outside its own folder. Where they are not allowed (some containers, macOS), the limits of POSIX remain, and under root
the process becomes nobody in any case.
"""

import ctypes
import os
import platform
import resource
import shutil
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress

NEW_USER, NEW_PID, NEW_NET, NEW_IPC, NEW_MOUNT = 0x10000000, 0x20000000, 0x40000000, 0x08000000, 0x00020000
RECURSIVE, PRIVATE, BIND = 0x4000, 0x40000, 0x1000
MOUNT_SETATTR, HERE, AT_RECURSIVE, READ_ONLY = 442, -100, 0x8000, 1  # the system call has no wrapper in older libraries
NOBODY = 65534
FILE_BYTES = 100_000_000  # of one file
FOLDER_BYTES = 400_000_000  # of all files together
PROCESSES = 64
MOST_HIDDEN = 200
LIBRARY = ctypes.CDLL(None, use_errno=True)
ON_LINUX = sys.platform == "linux"


def call(function: str, *arguments: object) -> None:
    """A function of the C library; OSError where it fails."""
    given = [argument.encode() if isinstance(argument, str) else argument for argument in arguments]
    if getattr(LIBRARY, function)(*given) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def end_with_parent() -> None:
    """Be killed when the parent ends."""
    if ON_LINUX:
        with suppress(OSError):
            call("prctl", 1, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants that lose theirs, so that none gets lost."""
    if ON_LINUX:
        with suppress(OSError):
            call("prctl", 36, 1, 0, 0, 0)


def leave_system() -> bool:
    """Give the children of this process no network and no other process to see; False where that is not allowed."""
    if not ON_LINUX:
        return False
    flags, user, group = NEW_PID | NEW_NET | NEW_IPC, os.getuid(), os.getgid()
    try:
        if user == 0:
            call("unshare", flags)
        else:
            call("unshare", NEW_USER | flags)
            for name, text in (
                ("setgroups", "deny"),
                ("uid_map", f"{user} {user} 1"),
                ("gid_map", f"{group} {group} 1"),
            ):
                with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                    file.write(text)
    except (OSError, AttributeError):
        return False
    return True


def fill(folder: str, source: str, hidden: Sequence[str], needed: Sequence[str], *, apart: bool) -> bool:
    """Fill `folder` with a copy of `source`, and let this process write there alone; `hidden` folders look empty.

    needed: paths that stay visible, although they lie in hidden folders. Returns False, with the copy made all the
    same, where the system does not allow the rest, or not `apart`.
    """
    try:
        if not apart:
            raise OSError
        call("unshare", NEW_MOUNT)
        call("mount", None, "/", None, RECURSIVE | PRIVATE, None)
        call("mount", "tmpfs", folder, "tmpfs", 0, f"size={FOLDER_BYTES},nr_inodes=100000,mode=700")
    except OSError:
        shutil.copytree(source, folder, dirs_exist_ok=True, symlinks=True)
        return False
    shutil.copytree(source, folder, dirs_exist_ok=True, symlinks=True)
    with suppress(OSError):
        call("mount", "proc", "/proc", "proc", 0, None)  # only this process and its children are seen
    left = [MOST_HIDDEN]
    for path in hidden:
        with suppress(OSError):
            _hide(path, (folder, *needed), left)
    try:
        _set_attributes("/", AT_RECURSIVE, on=READ_ONLY)
        _set_attributes(folder, 0, off=READ_ONLY)
    except OSError:
        return False
    return True


def _hide(path: str, needed: Sequence[str], left: list[int]) -> None:
    below = [each for each in needed if each == path or each.startswith(path.rstrip("/") + "/")]
    if path in below or left[0] <= 0:
        return
    if below:
        for entry in os.scandir(path):
            with suppress(OSError):
                _hide(entry.path, needed, left)
    elif os.path.islink(path):
        return
    elif os.path.isdir(path):
        left[0] -= 1
        call("mount", "tmpfs", path, "tmpfs", READ_ONLY, "size=4096,mode=755")
    elif os.path.isfile(path):
        left[0] -= 1
        call("mount", "/dev/null", path, None, BIND, None)


def _set_attributes(path: str, flags: int, *, on: int = 0, off: int = 0) -> None:
    attributes = (ctypes.c_uint64 * 4)(on, off, 0, 0)
    if platform.machine() not in ("x86_64", "aarch64", "riscv64"):
        raise OSError("not the number of the system call")
    if LIBRARY.syscall(MOUNT_SETATTR, HERE, path.encode(), flags, attributes, ctypes.sizeof(attributes)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def give_to_nobody(folder: str) -> None:
    """Under root: let nobody own the folder and what is in it."""
    for place, _, files in os.walk(folder):
        os.chown(place, NOBODY, NOBODY)
        for name in files:
            os.chown(os.path.join(place, name), NOBODY, NOBODY, follow_symlinks=False)


def become_nobody(*, reading: bool) -> None:
    """Under root: be nobody from here on, without any right of root; `reading` keeps the one to read all files."""
    call("prctl", 8, 1 if reading else 0, 0, 0, 0)  # PR_SET_KEEPCAPS
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    kept = 1 << 2 if reading else 0  # CAP_DAC_READ_SEARCH
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)  # effective, permitted, inheritable, each of 32 bits, twice
    call("capset", header, sets)
    call("prctl", 38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS


def as_nobody(paths: Sequence[str]) -> str:
    """How this process may become nobody and still read Python's files, each way tried in a process of its own.

    "" for a user who is not root, "plain", "reading" (with the right to read all files), or "impossible".
    """
    if os.getuid() != 0:
        return ""
    for way in ("plain", "reading"):
        pid = os.fork()
        if pid == 0:
            try:
                become_nobody(reading=way == "reading")
                for path in paths:
                    with open(path, "rb") as file:
                        file.read(1)
                os._exit(0 if os.getuid() == NOBODY else 1)
            finally:
                os._exit(1)
        if os.waitpid(pid, 0)[1] == 0:
            return way
    return "impossible"


def set_limits(memory: int, seconds: float, alone: bool) -> None:
    """Limits on this process. memory: bytes beyond what it has now. alone: its user has no other processes."""
    limits = {
        "RLIMIT_CORE": 0,
        "RLIMIT_FSIZE": FILE_BYTES,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CPU": int(seconds) + 5,
        "RLIMIT_NPROC": PROCESSES + (0 if alone else threads_of_user()),
    }
    if ON_LINUX:  # elsewhere the size now is not known
        with open("/proc/self/statm", encoding="ascii") as file:
            limits["RLIMIT_AS"] = int(file.read().split()[0]) * resource.getpagesize() + memory
    for name, value in limits.items():
        with suppress(OSError, ValueError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file that grows too large is an error, not an end without a word


def threads_of_user() -> int:
    """How many threads of this user run now."""
    total = 0
    with suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):
            with suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == os.getuid():
                    total += len(os.listdir(f"/proc/{name}/task"))
    return total or 1000


def refuse_sockets() -> None:
    """For Python's own functions, where the system keeps the network."""

    def refuse(*_arguments: object, **_settings: object) -> None:
        raise OSError("there is no network while a hand-in is checked")

    socket.getaddrinfo = socket.create_connection = refuse
    for name in ("connect", "connect_ex", "bind", "sendto"):
        setattr(socket.socket, name, refuse)


def descendants(pid: int) -> list[int]:
    """All processes below this one, on Linux."""
    found, waiting = [], [pid]
    while waiting:
        each = waiting.pop()
        with suppress(OSError):
            for task in os.listdir(f"/proc/{each}/task"):
                with suppress(OSError), open(f"/proc/{each}/task/{task}/children", encoding="ascii") as file:
                    new = [int(word) for word in file.read().split()]
                    found += new
                    waiting += new
    return found


def memory_of(pids: Sequence[int]) -> int:
    """Bytes of memory that only these processes hold, roughly: resident ones that are not shared."""
    total = 0
    for pid in pids:
        with suppress(OSError, IndexError, ValueError), open(f"/proc/{pid}/statm", encoding="ascii") as file:
            words = file.read().split()
            total += max(0, int(words[1]) - int(words[2]))
    return total * resource.getpagesize()


def send(pids: Sequence[int], number: int) -> None:
    """A signal to each of these processes that is still there."""
    for pid in pids:
        with suppress(OSError):
            os.kill(pid, number)
