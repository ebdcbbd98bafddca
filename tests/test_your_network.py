"""The page about a network of one's own: its commands run as they stand there, on a checkpoint that a trainer saved."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import run
from PIL import Image

from core.defaults import ROOT
from core.torchvision_models import build_torchvision

PAGE = (ROOT / "docs" / "your_network.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^python -m studies (.*my_resnet\.pth.*)$", PAGE, re.MULTILINE)]


@pytest.fixture(autouse=True)
def _as_the_page_has_it():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = build_torchvision("resnet18", 2).state_dict()
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": value for name, value in state.items()}}, "my_resnet.pth")
    Path("my_classes.txt").write_text("ant\nbee\n", encoding="utf-8")
    Path("my_pictures").mkdir()
    for name in ("one", "two"):
        pixels = np.random.default_rng(len(name)).integers(0, 256, (80, 90, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(Path("my_pictures", f"{name}.png"))


def test_the_page_asks_three_questions_of_the_checkpoint():
    assert [command[0] for command in COMMANDS] == ["explain", "trust", "networks"]


def test_a_checkpoint_of_two_classes_is_explained_on_a_folder_as_the_page_says(capsys):
    assert run(*COMMANDS[0]) == 0
    said = capsys.readouterr().out
    assert "my_resnet.pth (sha256 " in said
    assert "2 classes" in said
    assert sorted(path.name for path in Path("visualization", "explained").glob("*.png")) == ["one.png", "two.png"]


@pytest.mark.slow
def test_it_is_checked_whether_to_believe_its_maps(capsys):
    flags = ["--technique", "gradient", "grad-cam", "--draws", "1", "--size", "64", "--stages", "4"]
    assert run(*COMMANDS[1], *flags) == 0
    assert "follows the weights: " in capsys.readouterr().out


def test_its_classes_are_those_of_the_file(panels):
    command = [word if word != "auto" else "random" for word in COMMANDS[2]]  # the other network's need a download
    assert run(*command, "--size", "64") == 0
    titles = [panel.title for panel in panels]
    assert any(title.startswith("resnet18\nlayer4\nmy_resnet.pth\n\nclass ") for title in titles)
    assert any(title.startswith("resnet18\nlayer4\nrandom (seed 0)\n\n") for title in titles)


def test_without_a_target_a_picture_is_never_fooled_into_the_class_that_it_has(capsys):
    Path("my_classes.txt").write_text("1\n1\n", encoding="utf-8")  # names that are numbers, and one of them twice
    flags = ["--model", "resnet18", "--weights", "my_resnet.pth", "--classes", "my_classes.txt", "--size", "64"]
    assert run("fooling", *flags, "--images", "my_pictures") in (0, 1)  # whether it takes more steps is not asked
    said = capsys.readouterr().out
    assert "one: 1 " in said
    assert "named so as it is" not in said
