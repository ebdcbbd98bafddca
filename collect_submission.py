"""Pack the hand-in of an assignment, from this folder or from the one named, and say what is wrong with it.

The edition of the assignment is found by what lies in the folder. Each module that the autograder imports is imported
from an unpacked copy of the archive, in a process of its own, and must have the names of that edition. If anything is
missing, nothing is written. With --check the numbers are checked, too: by check_submission.py, if it is there.

Only the standard library is used: copy this file into your own folder and run it there. The same content gives the
same bytes.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO

SCRIPT = "collect_submission.py"
CHECKS = "check_submission.py"
TIMESTAMP = (1980, 1, 1, 0, 0, 0)  # the zip format's earliest: no clock in the bytes
CODE = (".py", ".ipynb")  # packed whatever their size
MOST_OTHER = 25_000_000  # bytes: a larger file that is no code stays out
MOST_ARCHIVE = 100_000_000  # bytes: a larger archive is likely to be refused on upload
TIME_LIMIT = 120  # seconds that one import may take
SIDE_BY_SIDE = min(4, os.cpu_count() or 1)  # imports at a time
CACHES = {"__pycache__", "__MACOSX", "env", "node_modules", "venv"}  # and all hidden folders
PACKAGES = (  # not the student's: a module that needs one which is not installed here cannot be checked here
    "IPython PIL captum cv2 future google h5py imageio ipykernel matplotlib numpy pandas past pytest requests "
    "safetensors scipy seaborn six skimage sklearn torch torchaudio torchvision tqdm"
)


class Refused(Exception):
    """A reason not to pack, in one sentence, and the exit code: 2 for wrong use, 1 for work that failed."""

    def __init__(self, reason: str, code: int = 1) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class Edition:
    """What one edition of the assignment hands in.

    In `marks` and `files`, "a | b" means that either will do. A pattern's ** stands for any number of folders.
    """

    name: str
    marks: tuple[tuple[str, ...], ...]  # all of one group must lie in the folder; a trailing slash means a folder
    archive: str
    packs: tuple[str, ...]  # patterns; what packed modules import from the same folder is packed too
    files: tuple[str, ...]  # patterns: each must match a packed file
    modules: dict[str, tuple[str, ...]]  # {module: functions, classes and Class.method}; checked where it is packed
    sometimes: tuple[str, ...] = ()  # files that not every year has: told, not refused
    named: tuple[str, ...] = ()  # patterns of files that are packed if a packed module names them


ZIP = "assignment_3_submission.zip"
VISUALIZERS = {
    "visualizers.class_visualization": (
        "ClassVisualization.create_class_visualization",
        "ClassVisualization.jitter",
        "ClassVisualization.blur_image",
    ),
    "visualizers.fooling_image": ("FoolingImage.make_fooling_image",),
    "visualizers.gradcam": ("GradCam.guided_backprop", "GradCam.grad_cam"),
    "visualizers.saliency_map": ("SaliencyMap.compute_saliency_maps", "SaliencyMap.show_saliency_maps"),
    "visualizers": ("ClassVisualization", "FoolingImage", "GradCam", "SaliencyMap"),
}
STYLE = {
    "style_modules.content_loss": ("ContentLoss.forward",),
    "style_modules.style_loss": ("StyleLoss.gram_matrix", "StyleLoss.forward"),
    "style_modules.tv_loss": ("TotalVariationLoss.forward",),
    "style_modules": ("ContentLoss", "StyleLoss", "TotalVariationLoss"),
}
STYLE_UTILS = ("style_transfer", "extract_features", "features_from_img", "rel_error")
VISUALIZER_FILES = (
    "visualizers/__init__.py",
    "visualizers/class_visualization.py",
    "visualizers/fooling_image.py",
    "visualizers/gradcam.py",
    "visualizers/saliency_map.py",
)
STYLE_FILES = (
    "style_modules/__init__.py",
    "style_modules/content_loss.py",
    "style_modules/style_loss.py",
    "style_modules/tv_loss.py",
)
SCRIPTS = (
    "class_visualization.py",
    "fooling_visualization.py",
    "gradcam_visualization.py",
    "saliency_visualization.py",
    "style_transfer.py",
)
EDITIONS = (  # the first whose marks are there is taken
    Edition(
        name="project",  # the one that this script comes with
        marks=(("core/squeezenet.py", "visualizers/"),),
        archive=ZIP,
        packs=(
            *SCRIPTS,
            "style_utils.py",
            "image_utils.py",
            "data_utils.py",
            "helpers/**/*.py",
            "style_modules/**/*.py",
            "visualizers/**/*.py",
            "studies/*.py",
            *(f"studies/{name}/*.py" for name in ("classes", "fooling", "gradcam", "saliency", "style")),
            "requirements.txt",
            "images/*.md",
        ),
        files=("requirements.txt", *SCRIPTS, "style_utils.py", *STYLE_FILES, *VISUALIZER_FILES),
        modules={
            **VISUALIZERS,
            **STYLE,
            "style_utils": STYLE_UTILS,
            "class_visualization": ("ClassVisualization",),
            "fooling_visualization": ("FoolingImage",),
            "gradcam_visualization": ("GradCAM.gradcam",),
            "saliency_visualization": ("SaliencyMap",),
            "style_transfer": (),
        },
        named=("images/**/*.jpg", "patterns/*.safetensors", "weights/*.safetensors"),
    ),
    Edition(
        name="cs231n",  # Stanford CS231n, assignment 3, 2020 and later
        marks=(("cs231n/net_visualization_pytorch.py | cs231n/style_transfer_pytorch.py",),),
        archive="a3_code_submission.zip",
        packs=("**/*.py", "*.ipynb"),
        files=("cs231n/net_visualization_pytorch.py", "*.ipynb"),
        modules={
            "cs231n.net_visualization_pytorch": (
                "compute_saliency_maps",
                "make_fooling_image",
                "class_visualization_update_step",
            ),
            "cs231n.style_transfer_pytorch": ("content_loss", "gram_matrix", "style_loss", "tv_loss"),
        },
        sometimes=("cs231n/style_transfer_pytorch.py",),
    ),
    Edition(
        name="eecs498",  # Michigan EECS 498 and 598, assignment 6
        marks=(("network_visualization.py",),),
        archive="A6.zip",
        packs=("*.py", "*.ipynb", "*_result.jpg", "*_results.jpg", "*_generation.jpg", "spatial_style_transfer.jpg"),
        files=(
            "network_visualization.py",
            "network_visualization.ipynb",
            "style_transfer.py",
            "style_transfer.ipynb",
        ),
        modules={
            "network_visualization": (
                "compute_saliency_maps",
                "make_adversarial_attack",
                "class_visualization_step",
            ),
            "style_transfer": (
                "content_loss",
                "gram_matrix",
                "style_loss",
                "tv_loss",
                "guided_gram_matrix",
                "guided_style_loss",
            ),
        },
        sometimes=(
            "saliency_maps_results.jpg",
            "adversarial_attacks_results.jpg",
            "class_viz_result.jpg",
            "style_transfer_result.jpg",
            "feature_inversion_result.jpg",
        ),
    ),
    Edition(
        name="cs7643-visualizers",  # Georgia Tech CS7643, assignment 3, 2021 to 2024
        marks=(("visualizers/",), ("style_modules/", "gradcam.py | saliency_map.py")),
        archive=ZIP,
        packs=("*.py", "style_modules/*.py", "visualizers/*.py", "data/*.npz"),
        files=("gradcam.py", "saliency_map.py", "style_utils.py", *STYLE_FILES, *VISUALIZER_FILES),
        modules={**VISUALIZERS, **STYLE, "style_utils": STYLE_UTILS},
    ),
    Edition(
        name="cs7643-helpers",  # Georgia Tech CS7643, assignment 3, 2023 and later
        marks=(("style_modules/ | helpers/", "gradcam_visualization.py | saliency_visualization.py"),),
        archive=ZIP,
        packs=("**/*",),
        files=(
            "class_visualization.py",
            "gradcam_visualization.py",
            "saliency_visualization.py",
            "helpers/style_utils.py | style_utils.py",
            *STYLE_FILES,
        ),
        modules={
            "class_visualization": VISUALIZERS["visualizers.class_visualization"],
            "gradcam_visualization": ("GradCAM.gradcam",),
            "saliency_visualization": VISUALIZERS["visualizers.saliency_map"],
            **STYLE,
            "helpers.style_utils": STYLE_UTILS,
            "style_utils": STYLE_UTILS,
        },
    ),
)

# What the process of one import runs. Its own imports come before the student's folder is on the path.
IMPORT_ONE = r"""
import sys
sys.path[:] = [entry for entry in sys.path if entry]
import difflib, importlib, json, os, traceback
folder, name, wanted, report = sys.argv[1:]
sys.argv[:] = [name]
sys.path.insert(0, folder)

def inside(path):
    return os.path.relpath(path, folder).replace(os.sep, "/") if str(path).startswith(folder + os.sep) else None

def failure(error):
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename, error.lineno))
    places = [(inside(path), line) for path, line in places if inside(path)]
    words = error.msg if isinstance(error, SyntaxError) else (str(error).strip().splitlines() or [""])[0]
    words = type(error).__name__ + (": " + words if words else "")
    return "{} line {}: {}".format(*places[-1], words) if places else name + ": " + words

def absent(holder, wanted, what):
    near = difflib.get_close_matches(wanted, [other for other in dir(holder) if other[0] != "_"], 1, 0.7)
    return "no " + what + " " + wanted + (" (there is " + near[0] + ")" if near else "")

def lacks(module, wanted):
    wanted, _, method = wanted.partition(".")
    what = "class" if wanted[0].isupper() else "function"
    found = getattr(module, wanted, None)
    if not (isinstance(found, type) if what == "class" else callable(found)):
        return absent(module, wanted, what)
    if method:
        either = {method, "__call__"} if method == "forward" else {method}
        own = [kind for kind in found.__mro__ if kind.__module__.split(".")[0] not in ("builtins", "torch")]
        if not any(callable(getattr(kind, name)) for kind in own for name in either & set(vars(kind))):
            return "class " + wanted + " has " + absent(found, method, "method")
    return None

result = {}
try:
    module = importlib.import_module(name)
    result["lacks"] = list(dict.fromkeys(filter(None, [lacks(module, each) for each in json.loads(wanted)])))
except BaseException as error:
    result["error"] = failure(error)
    if isinstance(error, ModuleNotFoundError):
        result["absent"] = error.name
with open(report, "w", encoding="utf-8") as file:
    json.dump(result, file)
os._exit(0)
"""


def is_there(root: Path, mark: str) -> bool:
    paths = [(root / part.strip(), part.strip().endswith("/")) for part in mark.split("|")]
    return any(os.path.isdir(path) if folder else os.path.isfile(path) for path, folder in paths)


def matches(name: str, pattern: str) -> bool:
    """Whether a path, written with slashes, fits a pattern whose ** stands for any number of folders."""
    head, _, tail = pattern.partition("/")
    first, _, rest = name.partition("/")
    if head == "**":
        return matches(name, tail) or (bool(rest) and matches(rest, pattern))
    if not tail or not rest:
        return not tail and not rest and fnmatchcase(first, head)
    return fnmatchcase(first, head) and matches(rest, tail)


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line. A stream that takes no more, since nobody reads it or its disk is full, stops no work."""
    stream = stream or sys.stdout
    try:
        print(text, file=stream, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # or it would be tried again at exit


def open_closed_streams() -> None:
    """Let a standard stream that is closed lead nowhere, or the next file that is opened would take its number."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest number that is free: this one
    for number, name in enumerate(("stdout", "stderr"), start=1):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", errors="replace", closefd=False))


def fits(root: Path) -> Edition | None:
    for edition in EDITIONS:
        if any(all(is_there(root, mark) for mark in group) for group in edition.marks):
            return edition
    return None


def find_edition(root: Path) -> Edition:
    """The edition of which the folder holds the marks; Refused names what was looked for."""
    edition = fits(root)
    if edition:
        return edition
    ways = [" and ".join(mark.replace(" | ", " or ") for mark in group) for each in EDITIONS for group in each.marks]
    with suppress(OSError):
        below = [path.name for path in sorted(root.iterdir()) if os.path.isdir(path) and fits(path)]
        if below:
            raise Refused(f"'{root}' holds no hand-in, but its folder '{below[0]}' does; run it on that one", 2)
    raise Refused(
        f"'{root}' holds no hand-in: looked for {'; '.join(ways)}; go to your folder, or name it, or pass --edition", 2
    )


def list_files(root: Path, output: Path) -> tuple[list[str], dict[str, str]]:
    """All files below the root but hidden ones, caches and archives, sorted; and {name: why} of what must stay out."""
    names, left = [], {}
    inner, own = os.path.realpath(root), os.path.realpath(output)
    for folder, folders, files in os.walk(root):
        here = Path(folder)
        for name in list(folders):
            path = here / name
            if name.startswith(".") or name in CACHES or os.path.exists(path / "pyvenv.cfg"):
                folders.remove(name)
            elif path.is_symlink():
                folders.remove(name)
                left[path.relative_to(root).as_posix() + "/"] = "a link to a folder; put the folder itself there"
        for name in files:
            path = here / name
            relative = path.relative_to(root).as_posix()
            real = os.path.realpath(path) if path.is_symlink() or name == output.name else ""
            if name.startswith(".") or name.endswith(".pyc") or real == own:
                continue
            if name.endswith(".zip"):
                left[relative] = "an archive"
            elif path.is_symlink() and not real.startswith(os.path.join(inner, "")):
                left[relative] = "a link that leads out of the folder"
            elif not os.path.isfile(path):
                left[relative] = "not a file that can be read"
            elif not is_text(relative):
                left[ascii(relative)] = "its name is not text"
            else:
                names.append(relative)
    return sorted(names), left


def is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def module_of(name: str) -> str:
    module = name[: -len(".py")].replace("/", ".")
    return module[: -len(".__init__")] if module.endswith(".__init__") else module


def read(root: Path, name: str) -> bytes:
    try:
        return (root / name).read_bytes()
    except OSError as error:
        raise Refused(f"{name} cannot be read ({error.strerror}); nothing was written") from None


def parse(root: Path, name: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in the student's strings
        return ast.parse(read(root, name), name)


def imports_of(tree: ast.Module, name: str) -> tuple[set[str], set[str]]:
    """The modules that a file imports, and the names which may be modules: what it imports from them, its strings."""
    package = module_of(name) if name.endswith("/__init__.py") else module_of(name).rpartition(".")[0]
    surely, perhaps = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            surely.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*filter(None, above), *filter(None, [node.module])])
            if module:
                surely.add(module)
            perhaps.update(f"{module}.{alias.name}".lstrip(".") for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value:
            perhaps.add(node.value)  # "package.module" or "package.module.function", in a table
            perhaps.add(node.value.rpartition(".")[0])
    return surely, perhaps


def strings_of(tree: ast.Module) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@dataclass
class Plan:
    """What would be packed, what stays out and why, and what is wrong: one line each."""

    names: list[str]
    left: dict[str, str]
    problems: list[str]


def make_plan(root: Path, edition: Edition, output: Path) -> Plan:
    there, left = list_files(root, output)
    chosen = {name for name in there if any(matches(name, pattern) for pattern in edition.packs)}
    modules = {module_of(name): name for name in there if name.endswith(".py")}
    problems, trees, strings = [], {}, set()

    waiting = sorted(name for name in chosen if name.endswith(".py"))
    while waiting:
        name = waiting.pop(0)
        try:
            trees[name] = parse(root, name)
        except (SyntaxError, ValueError) as error:  # ValueError: a file with NUL bytes
            line = f" line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else f": {error}"
            problems.append(f"does not compile: {name}{line}")
            continue
        strings |= strings_of(trees[name])
        surely, perhaps = imports_of(trees[name], name)
        for module in sorted(surely | perhaps):
            parts = module.split(".")
            reached = [modules.get(".".join(parts[: index + 1])) for index in range(len(parts))]
            new = [each for each in reached if each and each not in chosen]
            chosen.update(new)
            waiting.extend(new)

    folders = {module.split(".")[0] for module in modules if "." in module}
    for name, tree in trees.items():
        for module in sorted(imports_of(tree, name)[0]):
            path = module.replace(".", "/")
            known = module in modules or any(other.startswith(module + ".") for other in modules)
            if "." in module and module.split(".")[0] in folders and not known:
                problems.append(f"missing: {path}.py, which {name} imports; put it back and run again")

    for name in there:
        if any(matches(name, pattern) for pattern in edition.named) and is_named(name, strings):
            chosen.add(name)
    for name in sorted(chosen):
        size = (root / name).stat().st_size
        if size > MOST_OTHER and not name.endswith(CODE):
            chosen.remove(name)
            left[name] = f"{megabytes(size)}; only code may be larger than {megabytes(MOST_OTHER)}"
    absent = [each for each in edition.files if not any(matches(n, p.strip()) for n in chosen for p in each.split("|"))]
    if absent:
        words = ", ".join(each.replace(" | ", " or ") for each in absent)
        problems.insert(0, f"missing: {words}; put {'it' if len(absent) == 1 else 'them'} back and run again")
    told = {name: why for name, why in left.items() if is_wanted(name, edition)}
    return Plan(sorted(chosen), told, problems)


def is_wanted(name: str, edition: Edition) -> bool:
    """Whether the edition would pack a file, or files of a folder, were it not for what it is."""
    if not name.endswith("/"):
        return any(matches(name, pattern) for pattern in (*edition.packs, *edition.named))
    return any(pattern.startswith(("**", name)) for pattern in (*edition.packs, *edition.named))


def is_named(name: str, strings: set[str]) -> bool:
    """Whether a string of a packed module is a file's name, or the end of its path; for pictures, also without .jpg."""
    path = Path(name)
    return any(name == text or text == path.name or name.endswith("/" + text) for text in strings if text) or (
        path.suffix == ".jpg" and path.stem in strings
    )


def megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size / 1e3:.1f} KB"


def write_archive(root: Path, names: list[str], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo(name, TIMESTAMP)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            entry.create_system = 3  # else it tells the operating system it was made on
            archive.writestr(entry, read(root, name))


def environment(root: Path) -> dict[str, str]:
    """This process's, without the folder itself on the path: only what was packed may be found."""
    result = {**os.environ, "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"}
    entries = [entry for entry in result.pop("PYTHONPATH", "").split(os.pathsep) if entry]
    kept = [entry for entry in entries if root.resolve() not in (Path(entry).resolve(), *Path(entry).resolve().parents)]
    if kept:
        result["PYTHONPATH"] = os.pathsep.join(kept)
    return result


def import_modules(archive: Path, modules: dict[str, tuple], root: Path, limit: float) -> dict[str, dict]:
    """{module: {"lacks": [...]} or {"error": ..., "absent": package}} of modules imported from the unpacked archive."""
    results, running, waiting = {}, {}, list(modules)
    with tempfile.TemporaryDirectory() as temporary:
        place = os.path.realpath(temporary)
        folder = os.path.join(place, "hand-in")
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        try:
            while waiting or running:
                while waiting and len(running) < SIDE_BY_SIDE:
                    name = waiting.pop(0)
                    report = os.path.join(place, name)
                    code = [sys.executable, "-c", IMPORT_ONE, folder, name, json.dumps(modules[name]), report]
                    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
                    process = subprocess.Popen(code, cwd=folder, env=environment(root), **silent)
                    running[name] = process, report, time.monotonic() + limit
                for name, (process, report, end) in list(running.items()):
                    if process.poll() is not None:
                        results[name] = result_of(report, name, process.returncode)
                    elif time.monotonic() > end:
                        process.kill()
                        process.wait()
                        words = f"{name}: still not imported after {limit:g} s; does it start its work when imported?"
                        results[name] = {"error": words}
                    else:
                        continue
                    del running[name]
                time.sleep(0.01)
        finally:
            for process, _, _ in running.values():
                process.kill()
                process.wait()
    return {name: results[name] for name in modules}


def result_of(report: str, name: str, code: int) -> dict:
    try:
        with open(report, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {"error": f"{name}: the process that imported it ended by itself, with exit code {code}"}


def check_modules(
    archive: Path, names: list[str], edition: Edition, root: Path, limit: float
) -> tuple[list[str], list[str]]:
    """Import what the autograder imports, tell each result, and return what is wrong and which could not be checked."""
    files = {module_of(name): name for name in names if name.endswith(".py")}
    modules = {module: wanted for module, wanted in edition.modules.items() if module in files}
    say(f"importing {len(modules)} modules, each in a process of its own")
    lacking, failed, unchecked = [], {}, []
    try:
        results = import_modules(archive, modules, root, limit)
    except OSError as error:
        raise Refused(f"the modules cannot be tried out ({error}); nothing was written") from None
    for module, result in results.items():
        absent = result.get("absent") or ""
        if absent.split(".")[0] in PACKAGES.split():
            unchecked.append(module)
            say(f"  {files[module]}: not checked: {absent} is not installed here")
        elif "error" in result:
            failed.setdefault(result["error"], []).append(module)
        elif result["lacks"]:
            lacking += [f"{files[module]}: {each}" for each in result["lacks"]]
        else:
            say(f"  {files[module]}: fine")
    problems = [f"cannot be imported: {', '.join(modules)}: {words}" for words, modules in failed.items()]
    return problems + lacking, unchecked


def find_checks() -> Path | None:
    """The script that checks numbers: beside this one, or where Python looks for modules; with the rest of it."""
    places = [Path(__file__).resolve().with_name(CHECKS)]
    with suppress(ImportError, ValueError):
        found = find_spec(CHECKS[: -len(".py")])
        places += [Path(found.origin)] if found and found.origin else []
    return next((path for path in places if (path.parent / "course" / "check.py").is_file() and path.is_file()), None)


def check_numbers(archive: Path) -> list[str]:
    """Have the archive's numbers checked, by a process of its own; a line for each part that is not right."""
    checks = find_checks()
    if not checks:
        ways = f"call the {SCRIPT} that lies beside it, and name your folder: python {SCRIPT} FOLDER --check"
        return [f"not checked: {CHECKS} is not here, nor the folder course/ that it needs; {ways}"]
    say(f"checking the numbers by {checks}")
    with tempfile.TemporaryDirectory() as temporary:
        hand_in, report = Path(temporary, "hand-in.zip"), Path(temporary, "results.json")
        shutil.copyfile(archive, hand_in)
        command = [sys.executable, str(checks), str(hand_in), "--json", str(report)]
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace"
        )
        try:
            with open(report, encoding="utf-8") as file:
                tests = json.load(file)["tests"]
        except (OSError, ValueError):  # the checks themselves did not run, e.g. since torch is not installed
            words = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit code {done.returncode}"]
            return [f"not checked: {words[-1].strip()}"]
    for test in tests:
        if test["status"] == "passed":
            say(f"  {test['name']}: right")
    wrong = [(test["name"], *test["output"].partition("\n")) for test in tests if test["status"] != "passed"]
    return [": ".join(filter(None, (name, verdict, " ".join(why.split())))) for name, verdict, _, why in wrong]


def tell_contents(root: Path, names: list[str]) -> None:
    """A line a folder."""
    folders: dict[str, list[str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        folders.setdefault(folder, []).append(file)
    for folder, files in sorted(folders.items()):
        more = f" and {len(files) - 8} more" if len(files) > 8 else ""
        say(f"  {folder or '.'}/: {', '.join(files[:8])}{more}")


def collect(
    root: Path,
    output: Path | None = None,
    *,
    edition: str | None = None,
    force: bool = False,
    check: bool = False,
    limit: float = TIME_LIMIT,
) -> int:
    """Pack the folder into `output`, by default the edition's archive in the current folder; 0, or 1 if refused."""
    if not os.path.isdir(root):
        raise Refused(f"'{root}' is not a folder; name the one with your hand-in", 2)
    row = {each.name: each for each in EDITIONS}[edition] if edition else find_edition(root)
    output = output or Path(row.archive)
    if os.path.isdir(output):
        raise Refused(f"'{output}' is a folder; give --output a file, such as {output / row.archive}", 2)
    if os.path.exists(output) and output.suffix.lower() != ".zip":  # an old archive is replaced, whoever packed it
        raise Refused(f"'{output}' is there already and no .zip; choose another --output", 2)
    if not os.path.isdir(output.parent):
        raise Refused(f"'{output.parent}' is not a folder; make it, or choose another --output", 2)
    say(f"edition: {row.name}, in {root.resolve()}")
    plan = make_plan(root, row, output)
    for name, why in plan.left.items():
        say(f"left out: {name} ({why})")
    absent = [name for name in row.sometimes if name not in plan.names]
    if absent:
        say(f"not there, and not asked for in every year: {', '.join(absent)}")
    problems, unchecked = list(plan.problems), []
    beside = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        if plan.names and (force or not problems):
            write_archive(root, plan.names, beside)
            wrong, unchecked = check_modules(beside, plan.names, row, root, limit)
            problems += wrong
            if check:
                problems += check_numbers(beside)
        for problem in problems:
            say(f"{SCRIPT}: {problem}", sys.stderr)
        if problems and not (force and plan.names):
            say(f"{SCRIPT}: nothing was written; --force packs all the same", sys.stderr)
            return 1
        os.replace(beside, output)
    except OSError as error:
        raise Refused(f"'{output}' cannot be written ({error.strerror}); choose another --output") from None
    finally:
        with suppress(OSError):
            beside.unlink()
    tell_contents(root, plan.names)
    size = output.stat().st_size
    if size > MOST_ARCHIVE:
        largest = sorted(plan.names, key=lambda name: -(root / name).stat().st_size)[:3]
        words = ", ".join(f"{name} ({megabytes((root / name).stat().st_size)})" for name in largest)
        say(f"{SCRIPT}: the archive may be too large to upload; its largest files: {words}", sys.stderr)
    notes = [f"problems: {len(problems)}"] * bool(problems) + [f"modules not checked: {len(unchecked)}"] * bool(
        unchecked
    )
    say("; ".join([f"wrote {output}: {len(plan.names)} files, {megabytes(size)}", *notes]))
    return 0


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        self.exit(2, f"{SCRIPT}: {message} (see --help)\n")


def main(arguments: list[str] | None = None) -> int:
    open_closed_streams()
    parser = Parser(prog=SCRIPT, description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).resolve().parent
    add = parser.add_argument
    add("folder", type=Path, nargs="?", default=here, help="your folder (default: the one of this script)")
    add("--edition", choices=[edition.name for edition in EDITIONS], help="default: found by what is in the folder")
    add("--output", type=Path, metavar="ZIP", help=f"the archive (default: {ZIP}, or as the edition calls it)")
    add("--check", action="store_true", help=f"check the numbers first, by {CHECKS}: takes up to a minute or two")
    add("--force", action="store_true", help="pack although something is missing or wrong")
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # a file's name may hold what the terminal cannot show
    try:
        settings = {"edition": options.edition, "force": options.force, "check": options.check}
        return collect(options.folder, options.output, **settings)
    except Refused as error:
        say(f"{SCRIPT}: {error}", sys.stderr)
        return error.code
    except OSError as error:  # a file that goes or changes meanwhile
        say(f"{SCRIPT}: '{error.filename}': {error.strerror}; nothing was written", sys.stderr)
        return 1
    except KeyboardInterrupt:
        say(f"{SCRIPT}: stopped; nothing was written", sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
