"""The flags of gradcam_visualization.py that choose techniques, and what its grid shows."""

import inspect
import subprocess
import sys
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import run
from PIL import Image

from core.defaults import ROOT
from drawing import grid
from gradcam_visualization import NAMESAKE, TECHNIQUES

SCRIPT = "gradcam_visualization"
QUICK = ("--size", "64", "--channels", "3")


def test_every_row_of_the_table_is_there_and_obeys_its_flags():
    from measures import captum_reference as reference

    for technique in TECHNIQUES.values():
        module, _, name = technique.function.rpartition(".")
        function = getattr(import_module(module), name)
        settings = inspect.signature(function).parameters
        assert {*technique.settings, *(technique.additive or {})} <= set(settings)
        assert technique.captum is None or callable(getattr(reference, technique.captum))


def test_all_draws_every_technique_under_every_image(weights, picture, panels, tmp_path, capsys):
    assert run(SCRIPT, "--technique", "all", "--images", picture, picture, *QUICK) == 0
    assert len(panels) == 2 * (1 + len(TECHNIQUES))
    said = capsys.readouterr().out
    for title in ("Grad-CAM", "guided backprop", "guided Grad-CAM"):
        assert f"{title}: relative difference to Captum, largest 0.0e+00" in said
    assert [path.name for path in (tmp_path / "visualization").iterdir()] == ["gradcam_visualization.png"]


def test_techniques_are_drawn_in_the_order_named(weights, picture, panels, monkeypatch):

    seen, original = [], grid.draw_grid
    monkeypatch.setattr("drawing.grid.draw_grid", lambda *a, **k: seen.append(k["row_names"]) or original(*a, **k))
    run(SCRIPT, "--technique", "layer-cam", "grad-cam++", "layer-cam", "--images", picture, *QUICK)
    assert seen == [("image", "Layer-CAM", "Grad-CAM++")]
    assert not np.allclose(panels[1].pixels, panels[2].pixels)


def test_layer_and_channels_reach_the_technique(weights, picture, monkeypatch):
    from visualizers import score_cam

    seen, original = {}, score_cam.score_cam
    monkeypatch.setattr(score_cam, "score_cam", lambda *a, **k: seen.update(k) or original(*a, **k))
    run(SCRIPT, "--technique", "score-cam", "--images", picture, *QUICK, "--layer", "features.7")
    assert seen == {"layer": "features.7", "channels": 3}


def test_on_scenes_each_map_is_titled_with_its_scores(panels, capsys):
    assert run(SCRIPT, "--technique", "class-map", "--weights", "patterns", "--size", "96") == 0
    maps = panels[5:]
    assert len(maps) == 5
    for panel in maps:
        verdict, mass, iou = panel.title.split(", ")
        assert verdict in {"hit", "miss"}
        assert 0 < float(mass.removeprefix("mass ")) <= 1
        assert 0 < float(iou.removeprefix("IoU ")) <= 1
    assert "class map (last layer)" in capsys.readouterr().out


def test_the_scores_in_a_title_are_those_of_the_map():
    from studies.shared.inputs import score_title

    mask = np.array([[True, True], [False, False]])
    assert score_title(torch.tensor([[3.0, 0.0], [1.0, 0.0]]), mask) == "hit, mass 0.75, IoU 0.50"
    assert score_title(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), mask) == "miss, mass 0.25, IoU 0.33"
    assert score_title(torch.ones(2, 2), None) == ""


@pytest.fixture
def compared(monkeypatch):
    """What the grid is drawn from: the network, the batch, and {technique: maps}."""
    import gradcam_visualization as script

    seen, original = SimpleNamespace(), script.draw_grid_of_techniques

    def record(model, batch, maps, *rest):
        seen.model, seen.batch, seen.maps = model, batch, maps
        return original(model, batch, maps, *rest)

    monkeypatch.setattr(script, "draw_grid_of_techniques", record)
    return seen


def test_versus_draws_the_difference_of_two_classes(weights, picture, compared, panels):
    from visualizers.gradcam import grad_cam

    assert run(SCRIPT, "--labels", "3", "--versus", "1", "--images", picture, *QUICK) == 0
    assert list(compared.maps) == ["grad-cam"]
    first, second = (grad_cam(compared.model, compared.batch.images, label, relu=False) for label in (3, 1))
    torch.testing.assert_close(compared.maps["grad-cam"][0], (first - second)[0])
    assert [line.split(" ")[0] for line in panels[0].title.split("\n")] == ["tiger", "goldfish"]


def test_the_class_maps_difference_averages_to_the_difference_of_the_scores(weights, picture, compared):
    run(SCRIPT, "--technique", "all", "--labels", "3", "--versus", "1", "--images", picture, *QUICK)
    assert list(compared.maps) == ["class-map", "grad-cam", "xgrad-cam", "hires-cam"]
    with torch.no_grad():
        scores = compared.model(compared.batch.images)[0]
    torch.testing.assert_close(compared.maps["class-map"][0].mean(), scores[3] - scores[1], rtol=1e-3, atol=1e-5)


def test_versus_the_class_itself_says_why_there_is_nothing_to_see(weights, picture, panels):
    assert run(SCRIPT, "--labels", "3", "--versus", "3", "--images", picture, *QUICK) == 0
    assert panels[1].note == "blank: the two classes are the same"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--technique", "layercam"], "'layercam' is unknown; did you mean 'layer-cam'? allowed are all, class-map"),
        (["--technique", "Grad-CAM"], "did you mean 'grad-cam'?"),
        (["--technique", "xyz"], "'xyz' is unknown; allowed are all, class-map"),
        (["--technique", "grad-cam", "score-cam", "--versus", "1"], "score-cam is not linear in the score"),
        (["--technique", "all", "layercam"], "'layercam' is unknown"),
        (["--versus", "1000"], "class 1000 is out of range"),
        (["--channels", "0"], "0 is not a whole number of at least 1"),
        (["--technique", "class-map", "--layer", "features.77"], "'features.77' is not in the network"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments, words, weights, refusal):
    assert words in refusal(run, SCRIPT, "--size", "64", *arguments)


def test_a_bare_run_is_the_namesake_with_its_strip_of_layers(weights, picture, panels):
    assert NAMESAKE == ("grad-cam", "guided-backprop", "guided-grad-cam")
    run(SCRIPT, "--images", picture, "--size", "64")
    assert len([panel for panel in panels if panel.title.startswith("features.")]) == 5


def test_the_same_command_gives_the_same_grid_byte_for_byte(weights, picture, tmp_path):
    for name in ("a.png", "b.png"):
        run(SCRIPT, "--technique", "all", "--images", picture, *QUICK, "--output", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert '"technique": ["all"]' in image.text["Settings"]


def test_help_names_every_technique_without_importing_torch():
    code = "import sys, gradcam_visualization as s; print(s.parser().format_help()); sys.exit('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    for name in TECHNIQUES:
        assert name in " ".join(result.stdout.split()).replace("- ", "-")


def test_a_shared_scale_keeps_the_weaker_of_two_maps_weak(weights, picture, panels):
    arguments = ["--technique", "class-map", "--labels", "3", "1", "--images", picture, picture, *QUICK]
    assert run(SCRIPT, *arguments) == 0
    alone = [panel.pixels for panel in panels[-2:]]
    assert run(SCRIPT, *arguments, "--shared-scale") == 0
    together = [panel.pixels for panel in panels[-2:]]
    changed = [not np.allclose(one, other) for one, other in zip(alone, together, strict=True)]
    assert sorted(changed) == [False, True]  # the stronger one is as it was
