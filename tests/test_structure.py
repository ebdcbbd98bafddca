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
}
AT_THE_ROOT = {path.stem for path in ROOT.glob("*.py")}  # scripts, and modules that pass on what the courses call
OURS = {*BELOW, *AT_THE_ROOT, "helpers", "benchmarks", "tests"}
SILENT = ("core", "style_modules", "painting", "visualizers", "measures", "patterns")  # they neither draw nor print
COMMANDS = {f"patterns/{name}.py" for name in ("contact_sheet", "paintings/__main__")}
PLOTTING = {  # the course's own methods, which write files; they import matplotlib within the method
    "visualizers/saliency_map.py",
    "visualizers/class_visualization.py",
}
FILES = sorted(path for package in BELOW for path in (ROOT / package).rglob("*.py"))


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
    assert not called & {"print", "open"} or relative == "measures/captum_reference.py", relative


def test_a_technique_is_short():
    for path in {*(ROOT / "visualizers").glob("*.py")} - {ROOT / "visualizers" / "catalogue.py"}:  # that is a table
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 125, path.name


def test_requirements_list_what_is_imported_and_nothing_else():
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    listed = {line.split(">=")[0] for line in lines if line and not line.startswith("#")}
    assert all(">=" in line for line in lines if line and not line.startswith("#"))
    known = {"PIL": "pillow", "cv2": "opencv-python-headless", "skimage": "scikit-image", "sklearn": "scikit-learn"}
    scripts = [*ROOT.glob("*.py"), *(ROOT / "tests").glob("*.py"), *(ROOT / "benchmarks").glob("*.py"), *FILES]
    used = {name.split(".")[0] for path in scripts for name, _ in imports_of(path)}
    local = OURS | {path.stem for folder in ("tests", "courses") for path in (ROOT / folder).rglob("*.py")}
    outside = {known.get(name, name) for name in used - set(sys.stdlib_module_names) - local}
    assert listed - {"ruff", "pytest-xdist"} == outside - {"pytorch_grad_cam"}  # an optional peer of the benchmarks:
    assert "grad-cam>=" in (ROOT / "requirements-bench.txt").read_text(encoding="utf-8")
    conda = (ROOT / "environment.yaml").read_text(encoding="utf-8")
    called = {"torch": "pytorch", "matplotlib": "matplotlib-base", "opencv-python-headless": "py-opencv"}
    for name in listed:
        assert called.get(name, name) + ">=" in conda
