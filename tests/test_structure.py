"""The import rule, and that the hand-in and the repository hold what they should."""

import ast
import subprocess
import sys
import zipfile

import pytest

from collect_submission import Missing, find_files, pack
from core.options import ROOT

ALLOWED = {  # package: what of ours it may import
    "core": {"core"},
    "style_modules": {"core", "style_modules"},
    "visualizers": {"core", "style_modules", "visualizers"},
    "patterns": {"core", "patterns"},
}
OURS = {*ALLOWED, "style_utils", "benchmarks", "tests"}
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
    if relative in COMMANDS:
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
    local = OURS | {path.stem for path in ROOT.glob("*.py")} | {"conftest"}
    outside = {known.get(name, name) for name in used - set(sys.stdlib_module_names) - local}
    assert listed - {"ruff"} == outside - {"pytorch_grad_cam"}  # an optional peer of the benchmarks:
    assert "grad-cam>=" in (ROOT / "requirements-bench.txt").read_text(encoding="utf-8")
    conda = (ROOT / "environment.yaml").read_text(encoding="utf-8")
    called = {"torch": "pytorch", "matplotlib": "matplotlib-base", "opencv-python-headless": "py-opencv"}
    for name in listed:
        assert called.get(name, name) + ">=" in conda


def test_the_hand_in_holds_what_the_course_asks_for_and_no_caches(tmp_path):
    names = pack(ROOT, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == names
        assert archive.testzip() is None
    for name in (
        "visualizers/gradcam.py",
        "style_modules/style_loss.py",
        "style_utils.py",
        "saliency_visualization.py",
    ):
        assert name in names
    assert not [name for name in names if "__pycache__" in name or name.startswith(("tests/", "."))]


def test_the_same_content_gives_the_same_hand_in(tmp_path):
    import os

    pack(ROOT, tmp_path / "a.zip")
    copy = tmp_path / "copy"
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(copy)
    os.utime(copy / "style_utils.py", (0, 0))
    pack(copy, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


@pytest.fixture
def unpacked(tmp_path):
    pack(ROOT, tmp_path / "a.zip")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "copy")
    (tmp_path / "copy" / "collect_submission.py").write_bytes((ROOT / "collect_submission.py").read_bytes())
    return tmp_path / "copy"


def collect(folder):
    command = [sys.executable, "collect_submission.py"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_what_is_missing_is_named_and_nothing_is_written(unpacked):
    (unpacked / "style_utils.py").unlink()
    (unpacked / "visualizers" / "gradcam.py").unlink()
    with pytest.raises(Missing, match=r"style_utils.py, visualizers/gradcam.py"):
        find_files(unpacked)
    result = collect(unpacked)
    assert result.returncode == 1
    assert "missing: style_utils.py, visualizers/gradcam.py" in result.stderr
    assert not list(unpacked.glob("*.zip"))


def test_a_module_that_is_imported_but_not_there_is_named(unpacked):
    (unpacked / "core" / "ascent.py").unlink()
    result = collect(unpacked)
    assert result.returncode == 1
    assert "missing: core/ascent.py, which core/objectives.py imports" in result.stderr


def test_a_file_that_does_not_compile_stops_the_packing(unpacked):
    (unpacked / "style_utils.py").write_text("def broken(:\n")
    result = collect(unpacked)
    assert result.returncode == 1
    assert "style_utils.py line 1" in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(unpacked.glob("*.zip"))


def test_what_is_packed_runs_alone_elsewhere(unpacked, random_weights):
    code = (
        "import torch; from core.squeezenet import load_squeezenet; from visualizers import GradCam, SaliencyMap;"
        f"model = load_squeezenet({str(random_weights)!r}, 'cpu'); x = torch.randn(1, 3, 64, 64);"
        "print(SaliencyMap().compute_saliency_maps(x, [1], model).shape, GradCam().grad_cam(x, [2], model).shape);"
        "import style_utils, style_transfer; style_transfer.open_picture('swirling_night', 'styles')"
    )
    command = [sys.executable, "-W", "ignore", "-c", code]
    result = subprocess.run(command, cwd=unpacked, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "torch.Size([1, 64, 64]) (1, 64, 64)" in result.stdout
