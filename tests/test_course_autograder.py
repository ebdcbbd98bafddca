"""The autograder as Gradescope runs it, its folders laid out in a temporary place; and the checks as tests."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.defaults import ROOT
from core.errors import UsageError
from course.autograder import grade
from course.gradescope import read_points
from course.pack import main as pack_main
from course.pack import pack

POINTS = "# secret\nshow_output = true\n[parts]\ncontent_loss = 2\ngram_matrix = 3\ntv_loss = 4\nsaliency = 5\n"

GRAM = """
import torch


class StyleLoss(torch.nn.Module):
    def gram_matrix(self, features, normalize=True):
        N, C, H, W = features.shape
        flat = features.reshape(N, C, H * W)
        gram = flat @ flat.transpose(1, 2)
        return gram / (C * H * W) if normalize else gram
"""
TV = """
import torch


class TotalVariationLoss(torch.nn.Module):
    def forward(self, img, tv_weight):
        across = (img[..., 1:] - img[..., :-1]) ** 2
        down = (img[..., 1:, :] - img[..., :-1, :]) ** 2
        return tv_weight * (across.sum() + down.sum())
"""
SNOOPING = """
import glob, os, torch


class ContentLoss(torch.nn.Module):
    def forward(self, *given):
        said = []
        for path in glob.glob("ROOT/**", recursive=True):
            try:
                said.append(open(path, errors="replace").read())
            except OSError:
                pass
        for path in ("ROOT/results/results.json", "ROOT/source/points.toml"):
            try:
                open(path, "w").write("{}")
            except OSError:
                pass
        raise ValueError(f"{len(said)} files, the points {'-'.join('SEEN' * ('se' + 'cret' in str(said)))}")
"""


def toml(folder, text):
    path = folder / "points.toml"
    path.write_text(text, encoding="utf-8")
    return path


def hand_in_with(folder, **modules):
    (folder / "style_modules").mkdir(parents=True)
    (folder / "gradcam.py").write_text("")
    for name, text in modules.items():
        (folder / "style_modules" / f"{name}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def laid_out(tmp_path_factory):
    """What Gradescope makes of the archive: source/ and a copy of run_autograder."""
    root, packed = tmp_path_factory.mktemp("autograder"), tmp_path_factory.mktemp("packed")
    pack(packed / "packed.zip", points=toml(packed, POINTS))
    subprocess.run([sys.executable, "-m", "zipfile", "-e", packed / "packed.zip", root / "source"], check=True)
    shutil.copy(root / "source" / "run_autograder", root / "run_autograder")
    root.chmod(0o755)
    for parent in (root.parent, root.parent.parent):
        parent.chmod(0o755)
    return root


def graded_by(root, hand_in):
    """Run it as Gradescope does; the results."""
    shutil.copytree(hand_in, root / "submission")
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_PYTHON": sys.executable}
    done = subprocess.run(["bash", root / "run_autograder"], cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (root / "results" / "results.json").read_text()
    assert str(ROOT) not in text + done.stdout
    return json.loads(text)


def test_the_autograder_gives_points_for_what_is_right(laid_out, tmp_path):
    bad_gram = GRAM.replace("(C * H * W)", "(H * W)")
    snooping = SNOOPING.replace("ROOT", str(laid_out))
    document = graded_by(
        laid_out, hand_in_with(tmp_path / "mine", content_loss=snooping, style_loss=bad_gram, tv_loss=TV)
    )
    tests = {test["tags"][0]: test for test in document["tests"]}
    assert {part: test["score"] for part, test in tests.items()} == {
        "content_loss": 0,
        "gram_matrix": 0,
        "tv_loss": 4,
        "saliency": 0,
    }
    assert document["score"] == 4
    assert document["extra_data"]["max_score"] == 14
    verdicts = {part: row["status"] for part, row in document["extra_data"]["parts"].items()}
    assert verdicts == {"content_loss": "crashed", "gram_matrix": "wrong", "tv_loss": "right", "saliency": "missing"}
    assert document["extra_data"]["parts"]["gram_matrix"]["mistakes"]
    assert "ValueError" in tests["content_loss"]["output"]
    if os.getuid() == 0:  # as on Gradescope
        assert "S-E-E-N" not in tests["content_loss"]["output"]


def test_a_hand_in_that_cannot_be_checked_gets_no_points_and_the_reason(tmp_path, monkeypatch):
    def refuse(path, **settings):
        raise UsageError(f"'{path}' holds no hand-in")

    monkeypatch.setattr(grade, "check_submission", refuse)
    grade.grade(tmp_path, read_points(toml(tmp_path, POINTS)))
    document = json.loads((tmp_path / "results" / "results.json").read_text())
    assert document["score"] == 0
    assert "could not be checked: " in document["output"]
    assert "submission' holds no hand-in" in document["output"]
    assert [test["score"] for test in document["tests"]] == [0, 0, 0, 0]


def test_a_fault_of_the_autograder_leaves_no_results_and_so_no_points_of_0(tmp_path, monkeypatch):
    monkeypatch.setattr(grade, "SOURCE", tmp_path)
    (tmp_path / "weights_of_the_course.safetensors").write_bytes(b"broken")
    with pytest.raises(UsageError, match="weights"):
        grade.grade(tmp_path, read_points())
    assert not (tmp_path / "results").exists()


def test_the_archive_has_what_runs_and_no_solution_and_the_same_bytes_each_time(tmp_path, monkeypatch, capsys):
    assert pack_main(["--output", str(tmp_path / "a.zip")]) == 0
    assert "wrote " in capsys.readouterr().out
    monkeypatch.chdir(tmp_path)
    pack(Path("b.zip"))
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert (tmp_path / "a.zip").stat().st_size < 10_000_000
    pack(Path("b.zip"))  # one of ours is replaced
    with zipfile.ZipFile("a.zip") as archive:
        modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
        contents = [archive.read(name) for name in modes]
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert {"requirements.txt", "course/points.toml", "weights/squeezenet1_1.safetensors"} <= modes.keys()
    assert not [name for name in modes if name.startswith(("visualizers/", "style_modules/", "painting/", "tests/"))]
    assert not [content for content in contents if str(ROOT).encode() in content]
    Path("mine.zip").write_bytes(b"mine")
    with pytest.raises(UsageError, match="is no autograder"):
        pack(Path("mine.zip"))


def test_the_archive_takes_other_weights_and_refuses_what_cannot_be_used(tmp_path):
    weights = ROOT / "weights" / "plain.safetensors"
    pack(tmp_path / "a.zip", weights=weights)
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.read("weights_of_the_course.safetensors") == weights.read_bytes()
        assert "weights/squeezenet1_1.safetensors" not in archive.namelist()
    with pytest.raises(UsageError, match="points: part 'gram'"):
        pack(tmp_path / "a.zip", points=toml(tmp_path, "[parts]\ngram = 1"))
    with pytest.raises(UsageError, match="weights"):
        pack(tmp_path / "a.zip", weights=tmp_path / "points.toml")


def test_setup_installs_the_packages_into_a_place_of_its_own(laid_out, tmp_path):
    log = tmp_path / "log"
    fake = tmp_path / "python3"
    fake.write_text(
        f'#!/bin/bash\necho "$@" >>"{log}"\nif [ "$2" = venv ]; then mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; fi\n'
    )
    fake.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "AUTOGRADER_ROOT": str(tmp_path)}
    subprocess.run(["bash", laid_out / "source" / "setup.sh"], env=environment, check=True, capture_output=True)
    assert (
        f"pip install --no-cache-dir --disable-pip-version-check -r {tmp_path}/source/requirements.txt"
        in log.read_text()
    )
    wanted = (laid_out / "source" / "requirements.txt").read_text().split()
    assert {"torch>=2.6", "six", "future"} <= set(wanted)
    assert not [line for line in wanted if line.startswith(("pytest", "ruff", "hypothesis"))]


# As tests


def test_pytest_runs_the_checks_one_test_a_part(tmp_path):
    folder = hand_in_with(tmp_path / "mine", style_loss=GRAM.replace("(C * H * W)", "(H * W)"), tv_loss=TV)
    chosen = "gram_matrix or tv_loss or guided_style_loss"
    command = [sys.executable, "-m", "pytest", "course", "-v", "-k", chosen, "--submission", folder]
    done = subprocess.run([*command, "-p", "no:cacheprovider"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "test_part[gram_matrix: expected error 0.0] FAILED" in done.stdout
    assert "test_part[tv_loss: expected error 0.0] PASSED" in done.stdout
    assert "2 skipped" in done.stdout  # of Michigan alone
    assert "Gram matrix              wrong (error" in done.stdout
