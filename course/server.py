"""Starts a process for each part of a hand-in from one that has torch already: to import it takes seconds.

The server itself never runs a student's code. For each job, a line on its standard input, it forks a keeper; the keeper
forks the process that runs the student's code, takes what that says, kills it and all its descendants when the time is
up, and leaves `report.json`, `output.txt` and, if something came back, `result.npz` in the job's folder. A finished job
is a line on the server's standard output.
"""

import json
import os
import random
import select
import signal
import sys
import time
import warnings
from contextlib import suppress

import numpy as np
import torch

from course import child, limits

OUTPUT_HEAD, OUTPUT_TAIL = 8_000, 4_000  # bytes kept of what the student's code prints
RESULT_BYTES = 64_000_000
MEMORY_NOW = 5_000_000_000  # bytes that a part's processes may hold together
UNSAFE = 72  # exit code: root cannot be given up, so nothing was run
MANY = 10  # processes: more of them are what took the memory
PRELOADED = ("scipy.ndimage", "PIL.Image", "matplotlib.pyplot", "torchvision.transforms", "captum.attr", "cv2", "tqdm")


class Output:
    """The head and the tail of a stream that may be endless."""

    def __init__(self) -> None:
        self.head, self.tail, self.size = b"", b"", 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        room = OUTPUT_HEAD - len(self.head)
        self.head += data[:room] if room > 0 else b""
        self.tail = (self.tail + data[max(0, room) :])[-OUTPUT_TAIL:]

    def kept(self) -> bytes:
        cut = self.size - len(self.head) - len(self.tail)
        return self.head + (f"\n[... {cut} bytes are left out ...]\n".encode() if cut > 0 else b"") + self.tail


def folder_bytes(folder: str) -> int:
    total = 0
    for place, _, files in os.walk(folder):
        for name in files:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_blocks * 512
    return total


def keep(job: dict) -> None:
    """Run one job to its end and write its report."""
    os.setsid()
    limits.end_with_parent()
    limits.adopt_orphans()
    begun = time.monotonic()
    out_read, out_write = os.pipe()
    result_read, result_write = os.pipe()
    alone = job["apart"] and limits.leave_system()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            if job["nobody"] == "impossible":
                os._exit(UNSAFE)
            enter(job, alone, out_write, result_write)
        os._exit(71)
    os.close(out_write)
    os.close(result_write)
    output, result, how = Output(), bytearray(), ""
    sources, looked, status = [out_read, result_read], begun, None

    def take(wait: float) -> bool:
        ready = select.select(sources, [], [], wait)[0] if sources else []
        for source in ready:
            data = os.read(source, 1 << 16)
            if not data:
                sources.remove(source)
            elif source == out_read:
                output.add(data)
            elif len(result) <= RESULT_BYTES:
                result.extend(data)
        return bool(ready)

    while status is None and not how:
        if not take(0.02) and not sources:
            time.sleep(0.02)
        ended, code = os.waitpid(pid, os.WNOHANG)
        status = code if ended else None
        now = time.monotonic()
        if now - begun > job["time_limit"]:
            how = "too slow"
        elif now - looked > 0.3:
            looked = now
            family = [pid, *limits.descendants(pid)]
            if limits.memory_of(family) > MEMORY_NOW:
                how = "memory" if len(family) < MANY else "processes"
            elif not alone and folder_bytes(job["work"]) > limits.FOLDER_BYTES:
                how = "files"
    limits.send([pid], signal.SIGKILL)
    stopped: list[int] = []
    for _ in range(200):
        left = sorted(limits.descendants(os.getpid()))
        # Those that fork without end are stopped first, or new ones come while the old ones are killed.
        limits.send(left, signal.SIGKILL if left == stopped else signal.SIGSTOP)
        stopped = left
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not left:
            break
    with suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    final = time.monotonic() + 1
    while take(0) and time.monotonic() < final:
        pass
    report = {"how": how or "ended", "status": status, "seconds": time.monotonic() - begun, "alone": alone}
    for name, data in (("output.txt", output.kept()), ("result.npz", bytes(result))):
        with open(os.path.join(job["folder"], name), "wb") as file:
            file.write(data)
    with open(os.path.join(job["folder"], "report.json"), "w", encoding="utf-8") as file:
        json.dump(report, file)


def enter(job: dict, alone: bool, output: int, result: int) -> None:
    """In the process that runs the student's code: give up what it does not need, then run it."""
    os.setsid()
    limits.end_with_parent()
    nothing = os.open(os.devnull, os.O_RDWR)
    for number, source in enumerate((nothing, output, output)):
        os.dup2(source, number)
    os.dup2(result, 3)
    os.closerange(4, 1 << 16)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    work = job["work"]
    limits.fill(work, job["source"], job["hidden"], job["needed"], apart=alone)
    temporary = os.path.join(work, ".tmp")
    os.makedirs(temporary, exist_ok=True)
    if job["nobody"]:
        limits.give_to_nobody(work)
        limits.become_nobody(reading=job["nobody"] == "reading")
        limits.end_with_parent()  # which is forgotten when the user changes
    os.chdir(work)
    places = ("HOME", "TMPDIR", "TORCH_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME")
    os.environ.update(dict.fromkeys(places, temporary) | {"SQUEEZENET_WEIGHTS": job["weights"]})
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", errors="replace", closefd=False)  # noqa: SIM115
        for number, mode in enumerate("rww")
    )
    sys.stdout.reconfigure(line_buffering=True)
    limits.refuse_sockets()
    limits.set_limits(job["memory"], job["time_limit"], alone and os.getuid() != 0)
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    child.run(job, 3)


def main() -> None:
    """Answer jobs until the standard input ends."""
    limits.end_with_parent()
    limits.adopt_orphans()
    warnings.simplefilter("ignore")
    answers = os.dup(1)
    os.dup2(2, 1)
    torch.set_num_threads(1)
    with suppress(RuntimeError):
        torch.set_num_interop_threads(1)
    for name in PRELOADED:
        with suppress(Exception):  # what is not installed here
            __import__(name)
    nobody = limits.as_nobody([torch.__file__, np.__file__, os.__file__, os.path.realpath(sys.executable)])
    running: dict[int, dict] = {}
    buffer, open_, network = b"", True, None
    while open_ or running:
        if open_ and select.select([0], [], [], 0.02)[0]:
            data = os.read(0, 1 << 16)
            open_, buffer = bool(data), buffer + data
            if not data:
                break
        elif not open_:
            time.sleep(0.02)
        *lines, buffer = buffer.split(b"\n")
        for line in lines:
            job = json.loads(line) | {"nobody": nobody}
            if network is None:
                network = child.load_network(job["weights"])
            pid = os.fork()
            if pid == 0:
                try:
                    os.close(answers)
                    keep(job)
                finally:
                    os._exit(0)
            running[pid] = job
        with suppress(ChildProcessError):
            while True:
                ended = os.waitpid(-1, os.WNOHANG)[0]
                if not ended:
                    break
                job = running.pop(ended, None)
                if job is not None:  # else: an orphan of a keeper that was killed
                    os.write(answers, (json.dumps({"job": job["folder"]}) + "\n").encode())
        if not running:  # nothing else of a student may be left, even if its keeper was killed
            limits.send(limits.descendants(os.getpid()), signal.SIGKILL)
    for pid in running:
        limits.send([*limits.descendants(pid), pid], signal.SIGKILL)
