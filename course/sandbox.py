"""The parent's side of running what is not trusted: starts the server, sends it jobs, reads what comes back as data.

Nothing of a student's is imported or unpickled here. What comes back are arrays of plain numbers, their sizes checked.
"""

import ast
import io
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.defaults import ROOT
from core.errors import WorkError

MEMORY = 4_000_000_000  # bytes that a part may take beyond what torch takes
MOST_BYTES = 64_000_000  # of all arrays of a part
MOST_ARRAYS = 200
PLAIN = {"b1", "u1", "i1", *(f"{kind}{size}" for kind in "iuf" for size in (2, 4, 8))}  # types of numbers
BOOT = "import sys; sys.path[1:1] = sys.argv[1:]; from course.server import main; main()"
KEPT_VARIABLES = ("LD_LIBRARY_PATH", "SYSTEMROOT", "LANG")


@dataclass
class Answer:
    """What came back of one job."""

    how: str  # "ended", "too slow", "memory", "processes", "files" or "killed"
    status: int | None = None  # of the process, as os.waitpid gives it
    seconds: float = 0.0
    alone: bool = False  # without network and other processes
    output: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    broken: bool = False  # something came back that cannot be read
    limit: float = 0.0  # seconds that it had


class Sandbox:
    """A server for the jobs of one hand-in, or of many. Use it in a `with` statement."""

    def __init__(self, time_limit: float = 30.0, memory: int = MEMORY, *, apart: bool = True) -> None:
        """apart: without network, other processes and files, where the system allows that; False is for tests."""
        if not hasattr(os, "fork"):
            raise WorkError("a hand-in is checked on Linux or macOS alone; on Windows, use its Linux subsystem (WSL)")
        self.time_limit, self.memory, self.apart = time_limit, memory, apart
        self.root = Path(tempfile.mkdtemp(prefix="check_submission_"))
        os.chmod(self.root, 0o755)
        self.count, self.process, self.buffer = 0, None, b""
        self.waiting: dict[str, dict] = {}
        self.start()

    def start(self) -> None:
        """Start the server; torch is imported meanwhile."""
        site = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        home = self.root / "home"
        home.mkdir(exist_ok=True)
        environment = kept | {"PATH": "/usr/bin:/bin", "HOME": str(home), "TMPDIR": str(home), "MPLBACKEND": "Agg"}
        environment |= {"MPLCONFIGDIR": str(home), "CUDA_VISIBLE_DEVICES": "", "PYTHONIOENCODING": "utf-8"}
        environment |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        with open(self.root / "server.log", "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-c", BOOT, str(ROOT), *site],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=home,
                env=environment,
                bufsize=0,
            )

    def new_folder(self, name: str) -> Path:
        """A folder that is deleted with the sandbox."""
        self.count += 1
        path = self.root / f"{name}{self.count}"
        path.mkdir()
        return path

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        if self.process is not None:
            with suppress(OSError):
                self.process.stdin.close()
            try:
                self.process.wait(1)  # so that it kills what still runs
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
            self.process = None
        shutil.rmtree(self.root, ignore_errors=True)

    def submit(self, job: Mapping[str, Any], inputs: Mapping[str, np.ndarray], source: Path, weights: Path) -> str:
        """Send a job; its name. job: what the child reads besides. source: the hand-in, to be copied."""
        folder = self.new_folder("job")
        (folder / "work").mkdir()
        np.savez(folder / "inputs.npz", **inputs)
        home = Path.home()
        needed = {*sys.path, sys.prefix, sys.base_prefix, sys.exec_prefix, str(self.root), str(weights)} - {
            "",
            str(ROOT),
        }
        own = {
            "folder": str(folder),
            "work": str(folder / "work"),
            "source": str(source),
            "weights": str(weights),
            "time_limit": self.time_limit,
            "memory": self.memory,
            "apart": self.apart,
            "hidden": [str(path) for path in (ROOT, home) if path != Path("/")],
            "needed": sorted(needed | {os.path.realpath(each) for each in needed}),
        }
        self.waiting[str(folder)] = dict(job) | own
        self._send(str(folder))
        return str(folder)

    def _send(self, name: str) -> None:
        with suppress(OSError):  # a server that ended is started anew by `answers`
            self.process.stdin.write((json.dumps(self.waiting[name]) + "\n").encode())

    def answers(self) -> Iterator[tuple[str, Answer]]:
        """Wait for the jobs sent, also those sent meanwhile; each name and its answer."""
        tried: dict[str, int] = {}
        last = time.monotonic()
        while self.waiting:
            data = None
            if select.select([self.process.stdout], [], [], 0.5)[0]:
                data = os.read(self.process.stdout.fileno(), 1 << 16)
            if data:
                last = time.monotonic()
                *lines, self.buffer = (self.buffer + data).split(b"\n")
                for line in lines:
                    name = json.loads(line)["job"]
                    if self.waiting.pop(name, None):
                        yield name, self.read(Path(name))
                        last = time.monotonic()
            elif data == b"" or time.monotonic() - last > 2 * self.time_limit + 120:  # the server itself was killed
                last = time.monotonic()
                self.process.kill()
                self.process.wait()
                self.process.stdout.close()
                with suppress(OSError):
                    self.process.stdin.close()
                self.start()
                for name in list(self.waiting):
                    tried[name] = tried.get(name, 0) + 1
                    if tried[name] > 1 or os.path.exists(os.path.join(name, "report.json")):
                        del self.waiting[name]
                        yield name, self.read(Path(name))
                    else:
                        shutil.rmtree(Path(name, "work"), ignore_errors=True)
                        Path(name, "work").mkdir(exist_ok=True)
                        self._send(name)

    def read(self, folder: Path) -> Answer:
        """What the keeper left of a job."""
        answer = self._read(folder)
        answer.limit = self.time_limit
        return answer

    @staticmethod
    def _read(folder: Path) -> Answer:
        try:
            report = json.loads((folder / "report.json").read_text("utf-8"))
            answer = Answer(report["how"], report["status"], report["seconds"], report["alone"])
            answer.output = (folder / "output.txt").read_bytes().decode("utf-8", "replace")
            data = (folder / "result.npz").read_bytes()
        except (OSError, ValueError, KeyError):
            return Answer("killed")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        try:
            arrays = read_arrays(data) if data else {}
            facts = arrays.pop("facts", None)
            answer.arrays = arrays
            answer.facts = json.loads(facts.astype(np.uint8).tobytes()) if facts is not None else {}
            answer.broken = not isinstance(answer.facts, dict) or bool(data and not answer.facts)
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, NotImplementedError, RecursionError):
            answer.broken, answer.facts, answer.arrays = True, {}, {}
        return answer


def read_arrays(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of an .npz that nobody vouches for: plain numbers, not compressed. ValueError for all else."""
    result = {}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_ARRAYS or sum(entry.file_size for entry in entries) > MOST_BYTES:
            raise ValueError("too many numbers")
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise ValueError("compressed")
            result[entry.filename.removesuffix(".npy")] = _read_array(archive.read(entry))
    return result


def _read_array(data: bytes) -> np.ndarray:
    if data[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("not an array of NumPy's format 1")
    end = 10 + int.from_bytes(data[8:10], "little")
    try:
        header = ast.literal_eval(data[10:end].decode("latin1").strip()) if end <= 10_000 else None
        shape, name = tuple(int(side) for side in header["shape"]), header["descr"]
        order = "F" if header["fortran_order"] else "C"
    except (SyntaxError, TypeError, MemoryError):
        raise ValueError("a broken header") from None
    if not isinstance(name, str) or name[1:] not in PLAIN or len(shape) > 8 or min(shape, default=0) < 0:
        raise ValueError("not plain numbers")
    kind = np.dtype(name)
    if kind.kind not in "fiub" or kind.itemsize * int(np.prod(shape, dtype=object)) != len(data) - end:
        raise ValueError("not plain numbers, or not as many as it says")
    return np.frombuffer(data, kind, offset=end).reshape(shape, order=order).copy()
