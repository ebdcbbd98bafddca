"""The import rule, and that the repository holds what it should."""

import ast
import sys

import pytest

from core.defaults import ROOT

BELOW = {  # folder: the folders of ours that it may import, besides itself
    "core": set(),
    "style_modules": {"core"},
    "painting": {"core", "style_modules"},
    "visualizers": {"core", "style_modules", "painting"},
    "measures": {"core"},
    "drawing": {"core"},
    "patterns": {"core"},
    "training": {"core", "style_modules", "visualizers", "measures", "drawing", "patterns", "studies"},
    "studies": {"core", "style_modules", "painting", "visualizers", "measures", "drawing", "patterns", "training"},
    "courses": {"core", "style_modules", "painting", "visualizers", "drawing"},
    "explorer": {"core", "style_modules", "painting", "visualizers", "measures", "drawing", "patterns", "studies"},
    "course": {"core", "style_modules", "painting", "visualizers", "measures", "drawing", "patterns", "studies"},
}
AT_THE_ROOT = {path.stem for path in ROOT.glob("*.py")}  # scripts, and modules that pass on what the courses call
OURS = {*BELOW, *AT_THE_ROOT, "helpers", "benchmarks", "tests"}
SILENT = ("core", "style_modules", "painting", "visualizers", "measures", "patterns")  # they neither draw nor print
COMMANDS = {"patterns/paintings/__main__.py"}
PLOTTING = {  # the course's own methods, which write files; they import matplotlib within the method
    "visualizers/saliency_map.py",
    "visualizers/class_visualization.py",
}
FILES = sorted(path for package in BELOW for path in (ROOT / package).rglob("*.py"))
BESIDES = sorted([*ROOT.glob("*.py"), *(ROOT / "benchmarks").rglob("*.py"), *(ROOT / "helpers").rglob("*.py")])
STUDIES = sorted(path.parent for path in (ROOT / "studies").glob("*/__init__.py") if path.parent.name != "shared")
OF_STUDIES = sorted((ROOT / "studies").rglob("*.py"))
COMMAND_LINE = {f"studies/shared/{name}.py" for name in ("options", "runner", "settings")}  # and each flags.py
LATE = {"benchmarks/works.py", *PLOTTING}  # what is optional, or costs much and is seldom needed
LONG = {"collect_submission.py", "visualizers/catalogue.py"}  # one file to hand to a student; a table
MOST_LINES = 300


def imports_of(path):
    """(module, at the top of the file) of every import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from ((name, node in tree.body) for name in names)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_one_way(path):
    package = path.relative_to(ROOT).parts[0]
    relative = path.relative_to(ROOT).as_posix()
    for name, at_top in imports_of(path):
        top = name.split(".")[0]
        plots = relative in PLOTTING and top == "drawing" and not at_top
        shared = package == "patterns" and relative in COMMANDS and top in {"drawing", "studies"}
        allowed = top not in OURS or top == package or top in BELOW[package]
        assert allowed or plots or shared, f"{relative} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_computes_neither_plots_nor_prints_nor_parses_arguments(path):
    relative = path.relative_to(ROOT).as_posix()
    if path.relative_to(ROOT).parts[0] not in SILENT or relative in COMMANDS:
        return
    for name, at_top in imports_of(path):
        loud = name.split(".")[0] in {"matplotlib", "argparse", "tqdm"}
        assert not loud or (relative in PLOTTING and not at_top), f"{relative} imports {name}"
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    called = {call.func.id for call in calls if isinstance(call.func, ast.Name)}
    assert not called & {"print", "open"}, relative


def functions_of(path):
    """Every function and method of a file, those within functions, too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def arguments_of(function):
    every = function.args
    stars = [star for star in (every.vararg, every.kwarg) if star is not None]
    return [*every.posonlyargs, *every.args, *every.kwonlyargs, *stars]


@pytest.mark.parametrize("path", [*FILES, *BESIDES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_stand_at_the_top_or_say_why_not(path):
    relative, text = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    lines, late = text.splitlines(), 0
    for function in functions_of(path):
        for node in ast.walk(function):
            for body in (getattr(node, part, None) for part in ("body", "orelse", "finalbody")):
                after_an_import = False  # a group of imports has its reason at the first
                for statement in body if isinstance(body, list) else ():
                    if isinstance(statement, (ast.Import, ast.ImportFrom)):
                        late += 1
                        here, above = lines[statement.lineno - 1], lines[statement.lineno - 2].strip()
                        said = "  # " in here or above.startswith("# ")
                        assert said or after_an_import, f"{relative}:{statement.lineno} gives no reason"
                        after_an_import = True
                    else:
                        after_an_import = False
    assert (late > 0) == (relative in LATE), f"{relative} has {late} imports within functions"


@pytest.mark.parametrize("path", [*FILES, *BESIDES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_file_is_long(path):
    relative = path.relative_to(ROOT).as_posix()
    if not relative.startswith("patterns/") and relative not in LONG:  # the renderer: one function for each class
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES, relative


@pytest.mark.parametrize("folder", STUDIES, ids=lambda folder: folder.name)
def test_a_study_has_flags_a_study_and_a_page(folder):
    for path in (folder / "flags.py", folder / "study.py", ROOT / "docs" / f"{folder.name}.md"):
        assert path.is_file(), path


@pytest.mark.parametrize(
    "path", sorted((ROOT / "studies").rglob("*.py")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_functions_of_a_study_take_annotated_arguments_by_name_and_no_options(path):
    relative = path.relative_to(ROOT).as_posix()
    for function in functions_of(path):
        for argument in arguments_of(function):
            where = f"{relative}: {function.name}({argument.arg})"
            assert argument.annotation is not None or argument.arg in {"self", "cls"}, f"{where} is not annotated"
            known = argument.arg != "options" or path.name == "flags.py" or relative in COMMAND_LINE
            assert known, f"{where}: only the runner and flags.py see the command line"


def test_a_technique_is_short():
    for path in {*(ROOT / "visualizers").glob("*.py")} - {ROOT / "visualizers" / "catalogue.py"}:  # that is a table
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 130, path.name


def test_requirements_list_what_is_imported_and_nothing_else():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {line.split(">=")[0] for line in lines if line and not line.startswith("#")}
    assert all(">=" in line for line in lines if line and not line.startswith("#"))
    known = {"PIL": "pillow", "cv2": "opencv-python-headless", "skimage": "scikit-image", "sklearn": "scikit-learn"}
    scripts = [*ROOT.glob("*.py"), *(ROOT / "tests").glob("*.py"), *(ROOT / "benchmarks").glob("*.py"), *FILES]
    used = {name.split(".")[0] for path in scripts for name, _ in imports_of(path)}
    local = OURS | {path.stem for folder in ("tests", "courses") for path in (ROOT / folder).rglob("*.py")}
    outside = {known.get(name, name) for name in used - set(sys.stdlib_module_names) - local}
    extras = " ".join(path.read_text(encoding="utf-8") for path in ROOT.glob("requirements-*.txt"))
    optional = {"pytorch_grad_cam": "grad-cam", **{name: name for name in ("gradio", "playwright")}}
    assert listed - {"ruff", "pytest-xdist"} == outside - optional.keys()
    assert all(f"{name}>=" in extras for name in optional.values())
    conda = (ROOT / "environment.yaml").read_text(encoding="utf-8")
    called = {"torch": "pytorch", "matplotlib": "matplotlib-base", "opencv-python-headless": "py-opencv"}
    for name in listed:
        assert called.get(name, name) + ">=" in conda
