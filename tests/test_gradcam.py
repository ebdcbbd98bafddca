"""The gradcam study: what it draws, its flags, and what it refuses."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import SQUEEZENETS, replace_everywhere, run
from PIL import Image

from studies.gradcam.figure import in_lines
from studies.gradcam.flags import techniques
from studies.shared.maps import compute_maps
from studies.shared.pictures import score_title
from visualizers import score_cam
from visualizers.gradcam import grad_cam

STUDY = "gradcam"
SMALL = ("--size", "64")
QUICK = (*SMALL, "--channels", "3")  # of Score-CAM
SUITED = [name for name in techniques() if name in SQUEEZENETS]


def test_all_draws_every_technique_that_the_network_has_under_every_image(weights, picture, panels, tmp_path, capsys):
    assert run(STUDY, "--technique", "all", "--images", picture, picture, *QUICK) == 0
    assert len(panels) == 2 * (1 + len(SUITED))
    said = capsys.readouterr().out
    why = "SqueezeNet runs no self-attention that can be seen, so there is none to show"
    assert f"left out: attention-rollout, attention-relevance ({why})\n" in said
    assert said.count("left out") == 1
    for title in ("Grad-CAM", "guided backprop", "guided Grad-CAM"):
        assert f"{title}: relative difference to Captum, largest 0.0e+00" in said
    assert [path.name for path in (tmp_path / "visualization").iterdir()] == ["gradcam_visualization.png"]


def test_techniques_are_drawn_in_the_order_named(weights, picture, drawn):
    run(STUDY, "--technique", "layer-cam", "grad-cam++", "layer-cam", "--images", picture, *SMALL)
    assert list(drawn) == ["image", "Layer-CAM", "Grad-CAM++"]
    assert not np.allclose(drawn["Layer-CAM"][0].pixels, drawn["Grad-CAM++"][0].pixels)


def test_layer_and_channels_reach_the_technique(weights, picture, monkeypatch):
    seen, original = {}, score_cam.score_cam
    monkeypatch.setattr(score_cam, "score_cam", lambda *a, **k: seen.update(k) or original(*a, **k))
    run(STUDY, "--technique", "score-cam", "--images", picture, *QUICK, "--layer", "features.7")
    assert seen == {"layer": "features.7", "channels": 3}


def test_on_scenes_each_map_is_titled_with_its_scores(panels, capsys):
    assert run(STUDY, "--technique", "class-map", "--weights", "patterns", "--size", "96") == 0
    maps = panels[5:]
    assert len(maps) == 5
    for panel in maps:
        verdict, mass, iou = panel.title.split(", ")
        assert verdict in {"hit", "miss"}
        assert 0 < float(mass.removeprefix("mass ")) <= 1
        assert 0 < float(iou.removeprefix("IoU ")) <= 1
    assert "class map (last layer)" in capsys.readouterr().out


def test_the_scores_in_a_title_are_those_of_the_map():
    mask = np.array([[True, True], [False, False]])
    assert score_title(torch.tensor([[3.0, 0.0], [1.0, 0.0]]), mask) == "hit, mass 0.75, IoU 0.50"
    assert score_title(torch.tensor([[1.0, 0.0], [3.0, 0.0]]), mask) == "miss, mass 0.25, IoU 0.33"
    assert score_title(torch.ones(2, 2), None) == ""


@pytest.fixture
def computed(monkeypatch):
    """The network, the batch, and {technique: maps} that a run computes."""
    seen = SimpleNamespace(maps={})

    def record(model, batch, names, **settings):
        seen.model, seen.batch = model, batch
        for name, row in compute_maps(model, batch, names, **settings):
            seen.maps[name] = row.maps
            yield name, row

    replace_everywhere(monkeypatch, compute_maps, record)
    return seen


def test_versus_draws_the_difference_of_two_classes(weights, picture, computed, panels):
    assert run(STUDY, "--labels", "3", "--versus", "1", "--images", picture, *SMALL) == 0
    assert list(computed.maps) == ["grad-cam"]
    first, second = (grad_cam(computed.model, computed.batch.images, label, relu=False) for label in (3, 1))
    torch.testing.assert_close(computed.maps["grad-cam"][0], (first - second)[0])
    assert [line.split(" ")[0] for line in panels[0].title.split("\n")] == ["tiger", "goldfish"]


def test_with_versus_all_are_those_whose_maps_may_be_subtracted(weights, picture, computed):
    run(STUDY, "--technique", "all", "--labels", "3", "--versus", "1", "--images", picture, *SMALL)
    assert list(computed.maps) == [name for name, row in techniques().items() if row.additive]


def test_versus_the_class_itself_says_why_there_is_nothing_to_see(weights, picture, panels):
    assert run(STUDY, "--labels", "3", "--versus", "3", "--images", picture, *SMALL) == 0
    assert panels[1].note == "blank: the two classes are the same"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--technique", "layercam"], "'layercam' is unknown; did you mean 'layer-cam'? allowed are all, class-map"),
        (["--technique", "Grad-CAM"], "did you mean 'grad-cam'?"),
        (["--technique", "xyz"], "'xyz' is unknown; allowed are all, class-map"),
        (["--technique", "grad-cam", "score-cam", "--versus", "1"], "score-cam is not linear in the score"),
        (["--technique", "all", "layercam"], "'layercam' is unknown"),
        (["--technique", "grad-cam", "attention-rollout"], "SqueezeNet runs no self-attention"),
        (["--versus", "1000"], "class 1000 is out of range"),
        (["--channels", "0"], "0 is not a whole number of at least 1"),
        (["--technique", "grad-cam", "--layer", "features.77"], "'features.77' is not in the network"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments, words, weights, refusal):
    assert words in refusal(run, STUDY, "--size", "64", *arguments)


def test_a_bare_run_has_a_strip_of_layers(weights, picture, panels):
    run(STUDY, "--images", picture, "--size", "64")
    assert len([panel for panel in panels if panel.title.startswith("features.")]) == 5


def test_the_same_command_gives_the_same_grid_byte_for_byte(weights, picture, tmp_path):
    for name in ("a.png", "b.png"):
        run(STUDY, "--technique", "all", "--images", picture, *QUICK, "--output", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert json.loads(image.text["Settings"])["techniques"] == SUITED


def test_a_shared_scale_keeps_the_weaker_of_two_maps_weak(weights, picture, panels):
    arguments = ["--technique", "class-map", "--labels", "3", "1", "--images", picture, picture, *SMALL]
    assert run(STUDY, *arguments) == 0
    alone = [panel.pixels for panel in panels[-2:]]
    assert run(STUDY, *arguments, "--shared-scale") == 0
    together = [panel.pixels for panel in panels[-2:]]
    changed = [not np.allclose(one, other) for one, other in zip(alone, together, strict=True)]
    assert sorted(changed) == [False, True]  # the stronger one is as it was


def test_with_versus_a_bare_run_is_grad_cam_alone(weights, picture, drawn):
    run(STUDY, "--images", picture, "--size", "64", "--labels", "3", "--versus", "1")
    assert list(drawn) == ["image", "Grad-CAM"]


def test_on_a_transformer_all_draws_its_attention_and_leaves_out_what_goes_through_relus(picture, drawn, capsys):
    arguments = ["--model", "conftest:tiny_transformer", "--images", picture]
    assert run(STUDY, *arguments, "--technique", "all", "--channels", "3") == 0
    left_out = {"class map\n(last layer)", "guided backprop", "guided Grad-CAM"}
    assert {row.title for row in techniques().values()} - {*drawn} == left_out
    said = capsys.readouterr().out
    assert "left out: class-map (VisionTransformer does not end in convolution" in said
    assert (
        "left out: guided-backprop, guided-grad-cam (guided backpropagation changes the way back through ReLUs" in said
    )
    drawn.clear()
    assert run(STUDY, *arguments) == 0
    assert "Grad-CAM" in drawn
    assert "guided backprop" not in drawn


def test_a_transformer_has_no_map_through_relus_where_one_is_named(refusal):
    words = refusal(run, STUDY, "--model", "conftest:tiny_transformer", "--technique", "grad-cam", "guided-grad-cam")
    assert "the network runs none; use the saliency map or SmoothGrad" in words


def test_the_name_of_a_layer_takes_two_lines_where_it_is_long():
    assert in_lines("features.12, 13 x 13") == "features.12, 13 x 13"
    assert in_lines("encoder.layers.encoder_layer_11.ln_1, 7 x 7") == "encoder.layers.\nencoder_layer_11.ln_1, 7 x 7"
    assert in_lines("a_layer_without_a_dot_in_its_long_name, 7 x 7") == "a_layer_without_a_dot_in_its_long_name, 7 x 7"
