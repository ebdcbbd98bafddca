"""`python -m course.pack`: pack what Gradescope runs, checks, network and points. The same content, the same bytes."""

import argparse
import ast
import io
import sys
import zipfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

from core.defaults import ROOT
from core.errors import UsageError, WorkError
from core.files import write_whole
from studies.shared.options import Parser, run_script

NAME = "assignment_3_autograder.zip"
STARTED = ("course/autograder/grade.py", "course/server.py")  # all that they import is packed, too
SCRIPTS = ("setup.sh", "run_autograder")
DATA = ("course/points.toml", "LICENSE")
EMBEDDED = "weights/squeezenet1_1.safetensors"
ALSO = ("future", "six")  # the courses' own image_utils and data_utils import them
WITHOUT = ("hypothesis", "pytest", "pytest-xdist", "ruff")  # of the project's own requirements
TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest: no clock in the bytes
MOST = 100_000_000  # bytes


def files_of(started: Iterable[str] = STARTED) -> list[str]:
    """The project's files that these files import, themselves among them, sorted."""
    found, waiting = set(), list(started)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        packages = [f"{folder.as_posix()}/__init__.py" for folder in Path(name).parents if folder.name]
        waiting += [each for each in packages if (ROOT / each).is_file()]
        waiting += _imported(name)
    return sorted(found)


def pack(output: Path, *, points: Path | None = None, weights: Path | None = None) -> tuple[int, int]:
    """Write the archive; return how many files it has and its size in bytes.

    points: a file as course/points.toml; that one if None. weights: a SqueezeNet 1.1 in place of the embedded one.
    Raises UsageError for a file of points or weights that cannot be used, and if `output` is another kind of file.
    """
    grade = import_module("course.autograder.grade")
    contents = {name: (ROOT / name).read_bytes() for name in (*files_of(), *DATA)}
    contents |= {name: (ROOT / "course" / "autograder" / name).read_bytes() for name in SCRIPTS}
    contents["requirements.txt"] = requirements().encode("utf-8")
    if points:
        import_module("course.gradescope").read_points(points)
        contents[grade.POINTS] = points.read_bytes()
    if weights:
        import_module("core.squeezenet").load_squeezenet(weights, "cpu")
        contents[grade.WEIGHTS + weights.suffix] = weights.read_bytes()
    else:
        contents[EMBEDDED] = (ROOT / EMBEDDED).read_bytes()
    if output.exists() and not _is_ours(output):
        raise UsageError(f"output: '{output}' is there already and is no autograder; choose another --output")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = (0o755 if name in SCRIPTS else 0o644) << 16
            entry.create_system = 3  # else it tells the operating system it was made on
            archive.writestr(entry, contents[name])
    data = stream.getvalue()
    if len(data) > MOST:
        raise WorkError(f"output: the archive would have {len(data) / 1e6:.0f} MB, too many for an upload")
    write_whole(output, data)
    return len(contents), len(data)


def requirements() -> str:
    """The project's requirements without its tools for tests, and what the courses' given files import besides."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if line and not line.startswith("#") and line.split(">=")[0] not in WITHOUT]
    return "\n".join([*kept, *ALSO, ""])


def _imported(name: str) -> Iterator[str]:
    """The project's files that one file imports directly."""
    if not name.endswith(".py"):
        return
    for node in ast.walk(ast.parse((ROOT / name).read_bytes(), name)):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            modules = [word.value for word in node.args if isinstance(word, ast.Constant)]
        else:
            continue
        for module in modules:
            path = module.replace(".", "/")
            files = (f"{path}.py", f"{path}/__init__.py")
            yield from (file for file in files if "." in module and (ROOT / file).is_file())


def _is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return {"run_autograder", "course/autograder/grade.py"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def parser() -> Parser:
    made = Parser(prog="python -m course.pack", description=__doc__)
    made.add_argument("--points", type=Path, metavar="FILE", help="points, visibility, time limit (course/points.toml)")
    made.add_argument("--weights", type=Path, metavar="FILE", help="a SqueezeNet 1.1 in place of the embedded one")
    made.add_argument("--output", type=Path, metavar="ZIP", default=Path(NAME), help="the archive")
    return made


def main(arguments: list[str] | None = None) -> int:
    def work(options: argparse.Namespace) -> int:
        count, size = pack(options.output, points=options.points, weights=options.weights)
        print(f"wrote {options.output}: {count} files, {size / 1e6:.1f} MB")
        return 0

    return run_script(work, parser(), arguments)


if __name__ == "__main__":
    sys.exit(main())
