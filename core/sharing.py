"""Several processes that torchrun started, on one machine or many: who does what, who speaks, who waits for whom.

    torchrun --nproc-per-node 2 -m studies explain --images FOLDER

Work is dealt: of a list that is the same in all processes, process r of w takes the items r, r + w, r + 2w and so on.
Each process writes its own files, whole or not at all, so what lies in the folder is right whoever is killed, and a
second start makes what is missing. The first process alone speaks, joins what belongs together and draws.

What it needs from the others for that are some bytes, which lie in the store that torchrun keeps for its processes. No
tensor travels, so neither gloo nor NCCL is needed; nobody waits for anybody but the first for the others, at the end.

Only the runner meets the other processes (`met`). A caller from Python is alone, under torchrun, too.
"""

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from core.errors import UsageError, WorkError

try:
    import fcntl
except ImportError:  # Windows: two runs at once are not noticed there
    fcntl = None

Item = TypeVar("Item")
UNFINISHED = re.compile(r"\..{1,40}\.[0-9]+-[0-9]+(-[0-9]+)?\.part", re.DOTALL)  # core.protection.beside_name
LOCK = ".in_use"  # in a folder that a run writes to
PIECE = 2**22  # bytes of one entry; the store takes 8 MiB
PATIENCE = 24 * 3600.0  # seconds for which the first waits for another process, from when it has done its own share
GLANCE = 0.05  # seconds between two looks into the store
INTERRUPTED = 130  # the exit code


class FirstEnded(Exception):
    """The first process has ended with an error of its own, which it has told: there is nothing left to do."""


class Company:
    """The processes of a run, as one of them sees them. Alone, it does all the work and waits for nobody."""

    def __init__(self, rank: int = 0, size: int = 1, store: Any = None) -> None:
        """rank: of this process, from 0. store: a `torch.distributed.Store`, if there are several."""
        self.rank, self.size, self.store = rank, size, store
        self._turn = 0

    @property
    def leads(self) -> bool:
        """Whether this is the process that speaks, joins and draws."""
        return self.rank == 0

    @property
    def name(self) -> str:
        """What stands before its words if it is not the first: "process 3: "."""
        return "" if self.leads else f"process {self.rank}: "

    def of_all(self, work: str) -> str:
        """What the first process's progress is of: "explained, share of 1 of 4 processes"."""
        return work if self.size == 1 else f"{work}, share of 1 of {self.size} processes"

    def deal(self, items: Iterable[Item]) -> Iterator[Item]:
        """This process's share of items that are the same, in the same order, in all processes."""
        return islice(items, self.rank, None, self.size)

    def gather(self, part: bytes = b"") -> list[bytes | None]:
        """In the first process the parts of all, by rank, as soon as they are there; in the others nothing.

        None stands for the part of a process that ended without one: what it did not do is told by itself. All
        processes call this equally often.
        """
        self._turn += 1
        if not self.leads:
            self._put(f"part {self._turn}", part)
            return []
        return [part, *(self._await(f"part {self._turn}", rank) for rank in range(1, self.size))]

    def follow(self, word: bytes = b"") -> bytes:
        """Go on, in the other processes, only when the first has come to this place, with the word that it gives them.

        Raises FirstEnded in them if it never will.
        """
        self._turn += 1
        if self.leads:
            self._put(f"part {self._turn}", word)
            return word
        found = self._await(f"part {self._turn}", 0, keep=True)
        if found is None:
            raise FirstEnded
        return found

    def end(self, code: int) -> int:
        """The exit code of this process, whose own work ended with `code`.

        torchrun kills all processes as soon as one fails. So the others end with 0, once they have told the first,
        which waits for all and fails for all.
        """
        if self.size == 1:
            return code
        self._put("end", str(code).encode())
        if code == INTERRUPTED:
            return code
        if not self.leads:
            return 0
        codes = [self._await("end", rank) for rank in range(1, self.size)]
        return code or int(any(other != b"0" for other in codes))

    def _put(self, key: str, data: bytes) -> None:
        if self.size == 1:
            return
        pieces = [data[start : start + PIECE] for start in range(0, len(data), PIECE)]
        for number, piece in enumerate(pieces):
            self.store.set(f"{key} of {self.rank}, {number}", piece)
        self.store.set(f"{key} of {self.rank}", str(len(pieces)).encode())

    def _await(self, key: str, rank: int, *, keep: bool = False) -> bytes | None:
        """What that process puts under this key; None if it ends without. Raises WorkError if it does neither."""
        until = time.monotonic() + PATIENCE
        while not self.store.check([f"{key} of {rank}"]):
            # Looked at in this order: a process ends after it has put what it has.
            if key != "end" and self.store.check([f"end of {rank}"]) and not self.store.check([f"{key} of {rank}"]):
                return None
            if time.monotonic() > until:
                hours = f"{PATIENCE / 3600:.0f} hours"
                words = f"process {rank} of {self.size} has not ended for {hours}"
                raise WorkError(f"{words}; start again, what is finished is passed over")
            time.sleep(GLANCE)
        count, data = int(self.store.get(f"{key} of {rank}")), []
        for number in range(count):
            data.append(self.store.get(f"{key} of {rank}, {number}"))
            if not keep:  # for others; or a million rows would stay in the store
                self.store.delete_key(f"{key} of {rank}, {number}")
        return b"".join(data)


ALONE = Company()
_present = ALONE


def company() -> Company:
    """The processes of this run; `ALONE` where nobody has met others."""
    return _present


def started() -> tuple[int, int]:
    """(rank, size) as torchrun says them, whether or not the processes have met; (0, 1) without torchrun."""
    try:
        rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    except (KeyError, ValueError):
        return 0, 1
    return (rank, size) if 0 <= rank < size else (0, 1)


@contextmanager
def met() -> Iterator[Company]:
    """Within the block the processes that torchrun started know each other; without it, one is alone.

    Each takes a GPU of its own where there are GPUs. Raises WorkError where torchrun's store cannot be reached.
    """
    global _present
    rank, size = started()
    if size > 1:
        _present = Company(rank, size, _open_store(rank))
        _share_machine()
    try:
        yield _present
    finally:
        _present = ALONE


def _open_store(rank: int) -> Any:
    distributed = import_module("torch.distributed")  # now, so that --help answers at once
    try:
        host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        serves = rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
        store = distributed.TCPStore(host, port, is_master=serves, wait_for_workers=False)
    except (KeyError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WorkError(f"the other processes cannot be reached ({reason}); start them all by torchrun") from None
    # Processes that torchrun started again must not find what those before them left.
    return distributed.PrefixStore(f"studies {os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)


def _share_machine() -> None:
    """A GPU for each process of this machine, and a share of its cores where nobody has said how many threads."""
    torch = import_module("torch")  # as above
    try:
        place, beside = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    except ValueError:
        place, beside = 0, 1
    if torch.cuda.is_available():
        torch.cuda.set_device(place % torch.cuda.device_count())
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, torch.get_num_threads() // max(1, beside)))


@contextmanager
def one_run_in(folder: Path) -> Iterator[None]:
    """Within the block no other run writes to this folder: one that tries is refused. The folder is made.

    What an earlier run was writing when it was killed is swept away.

    The system itself holds the lock for the first process, and frees it when that ends, however it ends. The others go
    on when the first has it. Raises UsageError if another run has it; where the file system has no locks, none is held.
    """
    there = company()
    if not there.leads:
        there.follow()
        yield
        return
    made = not folder.exists()
    lock = _locked(folder)
    if lock is not None:
        for path in folder.glob(".*.part"):
            if UNFINISHED.fullmatch(path.name):
                path.unlink(missing_ok=True)
    try:
        there.follow()
        yield
    finally:
        if lock is not None:
            with suppress(OSError):
                (folder / LOCK).unlink()
            os.close(lock)
        if made:
            with suppress(OSError):  # it is not empty
                folder.rmdir()


def _locked(folder: Path) -> int | None:
    path = folder / LOCK
    while fcntl is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        except OSError:  # that nothing can be written here is told where the files are
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.exists(path) and os.path.samestat(os.fstat(file), os.stat(path)):
                return file
        except BlockingIOError:
            os.close(file)
            words = "another run is writing to this folder; wait until it has ended, or choose another --output"
            raise UsageError(f"output: '{folder}': {words}") from None
        except OSError:  # a file system without locks
            os.close(file)
            return None
        os.close(file)  # the run before has just ended, and taken its lock's file away: once more
    return None
