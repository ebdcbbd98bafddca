"""Where several networks look: a column each, named with its layer and weights, and how alike they are to the first."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import run
from PIL import Image
from torch import nn

from core.networks import load_network
from core.torchvision_models import build_torchvision
from studies.networks import study
from studies.networks.flags import MODELS, parser, settings
from studies.shared.network import short_name

OUT = "networks.png"

OWN = """
import torch
from torch import nn

def two():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(3, 4, 5, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    model.class_names, model.input_size = ("left", "right"), 64
    return model

def smooth():
    model = two()
    model[1] = nn.GELU()
    return model

def of_32_pixels():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 15 * 15, 2))
    model.input_size = 32
    return model
"""


@pytest.fixture(autouse=True)
def _own(weights):
    Path("networks_of_a_test.py").write_text(OWN, encoding="utf-8")


@pytest.fixture
def pictures(tmp_path):
    paths = []
    for seed in range(2):
        pixels = np.random.default_rng(seed).integers(0, 256, (70, 80, 3), dtype=np.uint8)
        paths.append(tmp_path / f"picture {seed}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


def test_each_network_has_a_column_with_its_name_its_layer_its_weights_and_its_classes(pictures, panels, capsys):
    flags = ["--model", "squeezenet1_1", "networks_of_a_test:two", "--images", *pictures, "--size", 64]
    assert run("networks", *flags, "--output", OUT) == 0
    titles = [panel.title for panel in panels]
    assert any(title.startswith("SqueezeNet 1.1\nfeatures.12\nrandom.pth\n\n") for title in titles)
    own = [title for title in titles if title.startswith("networks_of_a_test:two\n1\nas built\n\n")]
    assert own
    assert own[0].splitlines()[-1].split()[0] in {"left", "right"}
    said = capsys.readouterr().out
    assert "networks_of_a_test:two: rank correlation with the maps of SqueezeNet 1.1, of the same picture " in said
    with Image.open(OUT) as image:
        assert image.height > image.width * 0.5


def test_the_map_of_a_column_is_that_of_the_network_alone_and_alike_by_itself(pictures, panels):
    two = "networks_of_a_test:two"
    assert run("networks", "--model", two, two, "--images", *pictures, "--output", OUT) == 0
    captions = [panel.caption for panel in panels if panel.caption]
    assert captions
    assert set(captions) == {"1.00"}


def test_random_weights_are_named_so(pictures, panels, capsys):
    flags = ["--model", "shufflenet_v2_x0_5", "--weights", "random", "--images", pictures[0], "--size", 64]
    assert run("networks", *flags, "--output", OUT) == 0
    assert any("random (seed 0)" in panel.title for panel in panels)
    assert "never trained" in capsys.readouterr().out


def test_a_bare_run_takes_random_weights_where_the_cache_has_none_and_says_so(pictures, panels, capsys, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "nothing")
    small = load_network("networks_of_a_test:two")
    asked = []

    def load(name, weights, *_others):
        asked.append((name, weights))
        return small

    monkeypatch.setattr(study, "load_network", load)
    assert run("networks", "--images", pictures[0], "--output", OUT) == 0
    assert asked == [(MODELS[0], "auto"), *((name, "random") for name in MODELS[1:])]
    words = f"{' and '.join(MODELS[1:])}: their weights are not in torchvision's cache, so they are random here"
    assert words in capsys.readouterr().out


def test_a_network_that_a_technique_does_not_suit_is_left_out_and_said(pictures, panels, capsys):
    flags = ["--technique", "guided-backprop", "--images", pictures[0], "--output", OUT]
    assert run("networks", "--model", "networks_of_a_test:two", "networks_of_a_test:smooth", *flags) == 1
    assert "left out: networks_of_a_test:smooth: model: " in capsys.readouterr().err
    assert any(panel.title.startswith("networks_of_a_test:two\nas built") for panel in panels)
    assert run("networks", "--model", "networks_of_a_test:smooth", *flags) == 2


def test_a_network_of_one_size_gets_that_and_it_is_said(pictures, capsys):
    flags = ["--model", "networks_of_a_test:two", "networks_of_a_test:of_32_pixels", "--size", 96, "--layer", "1"]
    assert run("networks", *flags, "--images", pictures[0], "--output", OUT) == 0
    assert "size: networks_of_a_test:of_32_pixels takes pictures of 32 pixels alone" in capsys.readouterr().out


def test_a_broken_picture_is_named_once_and_the_labels_of_the_others_stay_theirs(pictures, panels, capsys):
    Path("broken.png").write_bytes(b"no picture")
    flags = ["--images", pictures[0], "broken.png", pictures[1], "--labels", "left", "left", "right"]
    assert run("networks", "--model", *["networks_of_a_test:two"] * 2, *flags, "--output", OUT) == 1
    assert capsys.readouterr().err.count("skipped: ") == 1
    assert [panel.title.splitlines()[-1].split()[0] for panel in panels if panel.caption][-2:] == ["left", "right"]


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--model", "a", "b", "--weights", "x", "y", "z"], "weights: got 3 for 2 networks; give one, or one for each"),
        (["--layer", "1", "2"], "layer: got 2 for 3 networks"),
        (["--technique", "gradient", "--layer", "1"], "layer: gradient looks at no layer"),
        (["--technique", "gradcam"], "technique: 'gradcam' is unknown; did you mean 'grad-cam'?"),
    ],
)
def test_wrong_use_is_told_before_a_network_is_loaded(flags, words, refusal):
    assert words in refusal(run, "networks", *flags)


def test_settings_are_those_of_the_flags():
    asked = settings(parser().parse_args(["--model", "resnet18", "timm:some", "--weights", "random", "auto"]))
    assert asked.model == ("resnet18", "timm:some")
    assert asked.weights == ("random", "auto")
    assert settings(parser().parse_args([])).model == ()


def test_of_a_long_name_the_end_is_shown():
    assert short_name("layer4", 16) == "layer4"
    assert short_name("encoder.layers.encoder_layer_11", 16) == "encoder_layer_11"
    assert short_name("x" * 50, 30) == "…" + "x" * 29


def test_the_networks_of_a_bare_run_are_torchvisions():
    assert all(isinstance(build_torchvision(name, 3), nn.Module) for name in MODELS[:2])
