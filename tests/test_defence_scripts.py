"""The figures of the robust networks and of confidence: what they count, and what they refuse."""

import csv
import itertools

import numpy as np
import pytest
import torch
from conftest import replace_everywhere, run
from PIL import Image

from core.defaults import ROOT
from core.images import preprocess
from core.squeezenet import load_squeezenet
from patterns.scenes import render_indexed
from studies.confidence.study import photograph_crops
from studies.confidence.table import area_under_curve
from studies.shared.crops import random_crops
from visualizers.pgd import pgd
from visualizers.randomised_smoothing import certify

ROBUST = ROOT / "weights" / "robust.safetensors"
SMALL = ["--weights", ROBUST, "--size", "64", "--scenes", "12", "--iterations", "2", "--certified", "2", "--draws", "4"]
QUICK = [*SMALL, "--class-iterations", "1"]


def table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_robustness_figure_has_one_row_a_network_and_counts_rightly(tmp_path, capsys):
    assert run("robustness", *QUICK, "--alpha", "0.4", "--output", tmp_path / "a.png") == 0
    said = capsys.readouterr().out
    robust, centre = table(tmp_path / "a.csv")
    assert (robust["network"], centre["network"]) == ("robust", "centre (baseline)")
    images = preprocess([render_indexed(n, seed=0, index=n, size=64).image for n in range(12)])
    with torch.no_grad():
        right = (load_squeezenet(ROBUST, "cpu")(images).argmax(dim=1) == torch.arange(12)).double().mean()
    assert robust["clean"] == f"{100 * float(right):.1f} %"
    rates = [float(value.split()[0]) for name, value in robust.items() if name == "clean" or name.startswith("L-inf")]
    assert rates == sorted(rates, reverse=True)
    assert len(rates) == 5
    for name in ("a", "a_certified", "a_maps", "a_classes"):  # a picture for each question
        assert f"wrote {tmp_path / name}.png" in said
        with Image.open(tmp_path / f"{name}.png") as picture:
            assert picture.text["Weights"].startswith("robust.safetensors (sha256 ")
            assert np.asarray(picture).std() > 10


def test_the_same_seed_gives_the_same_robustness_figure(tmp_path):
    for name in ("a.png", "b.png"):
        assert run("robustness", *QUICK, "--seed", "3", "--output", tmp_path / name) == 0
    for question in ("", "_certified", "_maps", "_classes"):
        first, second = (tmp_path / f"{name}{question}.png" for name in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_a_network_that_does_not_know_the_scenes_cannot_be_judged_on_them(weights, refusal):
    words = refusal(run, "robustness", "--weights", weights)
    assert "does not know the scenes' classes; use --weights patterns" in words


@pytest.mark.parametrize(
    ("script", "technique", "quick"),
    [
        ("robustness", certify, QUICK),
        ("confidence", pgd, ["--size", "64", "--pictures", "4", "--scenes", "4", "--iterations", "1"]),
    ],
)
def test_ctrl_c_keeps_the_networks_that_are_finished(script, technique, quick, tmp_path, monkeypatch, capsys):
    networks = []

    def interrupted(model, *arguments, **settings):
        networks.append(model.weights_name)
        if len(networks) == 2:
            raise KeyboardInterrupt
        return technique(model, *arguments, **settings)

    replace_everywhere(monkeypatch, technique, interrupted)
    output = ["--weights", ROBUST, ROBUST.with_stem("plain"), "--output", tmp_path / "a.png"]
    assert run(script, *quick, *output) == 130
    finished = [row["network"] for row in table(tmp_path / "a.csv")]
    assert finished[0] == "robust"
    assert "plain" not in finished
    assert (tmp_path / "a.png").exists()
    assert "stopped" in capsys.readouterr().err


@pytest.mark.parametrize("script", ["robustness", "confidence"])
def test_a_file_that_is_not_there_is_named(script, refusal):
    assert "'nowhere.safetensors' is not there" in refusal(run, script, "--weights", "nowhere.safetensors")


def test_confidence_in_scenes_has_a_calibration_error_and_in_photographs_none(tmp_path, weights):
    quick = ["--size", "64", "--pictures", "4", "--scenes", "36", "--iterations", "1", "--output", tmp_path / "a.png"]
    assert run("confidence", "--weights", ROBUST, weights, *quick) == 0
    robust, other = table(tmp_path / "a.csv")
    images = preprocess([render_indexed(n % 36, seed=0, index=n, size=64).image for n in range(40, 76)])
    with torch.no_grad():
        confidence, named = load_squeezenet(ROBUST, "cpu")(images).softmax(dim=1).max(dim=1)
    hits = [int(named[n]) == (n + 40) % 36 for n in range(36)]
    assert robust["named rightly"] == f"{100 * sum(hits) / 36:.1f} %"
    gaps = [0.0] * 15
    for sure, hit in zip(confidence.double().tolist(), hits, strict=True):
        gaps[min(14, int(sure * 15))] += sure - hit
    assert float(robust["ECE"]) == pytest.approx(sum(map(abs, gaps)) / 36, abs=6e-4)
    assert {other[name] for name in ("named rightly", "ECE", "temperature")} == {"-"}


def test_pictures_named_rightly_are_never_shown_as_mistakes(tmp_path, panels):
    quick = ["--size", "96", "--pictures", "4", "--scenes", "4", "--iterations", "1", "--output", tmp_path / "a.png"]
    assert run("confidence", "--weights", ROBUST, *quick) == 0
    images = preprocess([render_indexed(n, seed=0, index=n, size=96).image for n in range(4)])
    with torch.no_grad():
        wrong = int((load_squeezenet(ROBUST, "cpu")(images).argmax(dim=1) != torch.arange(4)).sum())
    shown = [panel.title for panel in panels if panel.title.startswith("own world, wrong")]
    assert [title.endswith("none") for title in shown] == [place >= wrong for place in range(2)]


def test_two_networks_of_one_name_are_refused(refusal):
    words = refusal(run, "confidence", "--weights", ROBUST, ROBUST)
    assert "two networks are called robust" in words


def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order():
    inside, outside = (torch.rand(7, 5, generator=torch.Generator().manual_seed(n)).softmax(dim=1) for n in (0, 1))
    pairs = list(itertools.product(inside.amax(dim=1).tolist(), outside.amax(dim=1).tolist()))
    expected = sum((a > b) + 0.5 * (a == b) for a, b in pairs) / len(pairs)
    assert area_under_curve(inside, outside) == pytest.approx(expected)
    assert area_under_curve(inside, inside) == 0.5


def test_crops_come_from_each_photograph_in_turn_and_are_square():
    photographs = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue")]
    for cut in (photograph_crops, random_crops):
        crops = cut(photographs, 5, 16, generator=torch.Generator().manual_seed(0))
        assert crops.shape == (5, 3, 16, 16)
        assert torch.equal(crops[0], crops[2])
        assert torch.equal(crops[1], crops[3])
        assert not torch.equal(crops[0], crops[1])
    tiny = random_crops([Image.new("RGB", (1, 9))], 2, 16, generator=torch.Generator().manual_seed(0))
    assert tiny.shape == (2, 3, 16, 16)
