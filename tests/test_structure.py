"""The import rule, and that the repository holds what it should."""

import ast
import sys

import pytest

from core.options import ROOT

ALLOWED = {  # package: what of ours it may import
    "core": {"core"},
    "style_modules": {"core", "style_modules"},
    "visualizers": {"core", "style_modules", "visualizers"},
    "patterns": {"core", "patterns"},
    "courses": {"core", "style_modules", "visualizers", "courses"},
}
AT_THE_ROOT = {path.stem for path in ROOT.glob("*.py")}  # scripts, and modules that pass on what the courses call
OURS = {*ALLOWED, *AT_THE_ROOT, "helpers", "benchmarks", "tests"}
FOR_SCRIPTS = {
    f"core.{name}" for name in ("feature_cache", "figures", "inputs", "memory", "options", "reference", "tables")
}
MAY_PLOT = {  # the course's own methods, which write files; they import matplotlib within the method
    "visualizers/saliency_map.py",
    "visualizers/class_visualization.py",
}
COMMANDS = {
    f"patterns/{name}.py"
    for name in ("contact_sheet", "evaluate", "paintings/__main__", "train", "train_generator", "train_robust")
}  # as scripts
FILES = sorted(path for package in ALLOWED for path in (ROOT / package).rglob("*.py"))


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
    for name, _ in imports_of(path):
        top = name.split(".")[0]
        assert top not in OURS or top in ALLOWED[package], f"{path.name} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_below_the_scripts_nothing_plots_prints_or_parses_arguments(path):
    relative = path.relative_to(ROOT).as_posix()
    if relative.startswith("core/") and relative[:-3].replace("/", ".") in FOR_SCRIPTS:
        return
    if relative in COMMANDS or relative.startswith("courses/"):  # the courses' calls write files and print
        return
    for name, at_top in imports_of(path):
        scripts_only = name in FOR_SCRIPTS or name.split(".")[0] in {"matplotlib", "argparse", "tqdm"}
        assert not scripts_only or (relative in MAY_PLOT and not at_top), f"{relative} imports {name}"
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    assert not [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in {"print", "open"}]


def test_a_technique_is_short():
    for path in (ROOT / "visualizers").glob("*.py"):
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
    assert listed - {"ruff"} == outside - {"pytorch_grad_cam"}  # an optional peer of the benchmarks:
    assert "grad-cam>=" in (ROOT / "requirements-bench.txt").read_text(encoding="utf-8")
    conda = (ROOT / "environment.yaml").read_text(encoding="utf-8")
    called = {"torch": "pytorch", "matplotlib": "matplotlib-base", "opencv-python-headless": "py-opencv"}
    for name in listed:
        assert called.get(name, name) + ">=" in conda
