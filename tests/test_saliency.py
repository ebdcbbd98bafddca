"""The saliency study: what it draws and says, its flags, and what it refuses."""

import re

import numpy as np
import pytest
import torch
from conftest import replace_everywhere, run
from PIL import Image

from studies.shared.techniques import family
from visualizers.evidence import explain

QUICK = {"nodes": 2, "samples": 2, "masks": 3, "stride": 15}
FLAGS = [text for flag, value in QUICK.items() for text in (f"--{flag}", str(value))]


def test_all_draws_every_technique_with_scores_where_masks_are_known(drawn, capsys):
    assert run("saliency", "--weights", "patterns", "--size", "64", "--technique", "all", *FLAGS) == 0
    assert list(drawn) == ["image", *(row.title for row in family("pixels").values())]
    titles = [panel.title for name, row in drawn.items() if name != "image" for panel in row]
    assert all("mass" in title and "IoU" in title for title in titles)
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in (*family("pixels"), "centre (baseline)"))


def test_the_bare_run_prints_agreement_and_completeness(weights, picture, drawn, capsys):
    assert run("saliency", "--images", picture, "--size", "64", "--nodes", "3") == 0
    said = capsys.readouterr().out
    assert "saliency: relative difference to Captum" in said
    assert "integrated gradients: relative difference to Captum" in said
    assert "integrated gradients: completeness error at 3 nodes" in said
    assert list(drawn) == ["image", "saliency", "saliency\n(Captum)", "integrated\ngradients"]


def test_versus_draws_the_difference_in_colours_of_both_signs(weights, picture, drawn):
    flags = ["--images", picture, "--size", "64", "--labels", "1", "--versus", "2", "--technique", "all", *FLAGS]
    assert run("saliency", *flags) == 0
    linear = [row.title for row in family("pixels").values() if row.additive]
    assert list(drawn) == ["image", *linear]
    assert drawn["image"][0].title.count("\n") == 1
    pixels = drawn["RISE"][0].pixels  # red and blue
    assert (pixels[..., 0] > pixels[..., 2] + 0.2).any()
    assert (pixels[..., 2] > pixels[..., 0] + 0.2).any()


def test_the_difference_of_a_class_to_itself_is_blank_and_said_to_be(weights, picture, drawn):
    run("saliency", "--images", picture, "--size", "64", "--labels", "3", "--versus", "3")
    assert drawn["gradient\n(saliency)"][0].note.startswith("blank: the two classes are the same")


def test_a_blank_map_says_in_the_figure_what_its_technique_says(random_weights, picture, tmp_path, drawn):
    state = torch.load(random_weights, weights_only=True)
    state["classifier.1.weight"][5], state["classifier.1.bias"][5] = 0, 1  # the same score for every picture
    torch.save(state, tmp_path / "constant.pth")
    flags = ["--images", picture, "--size", "64", "--weights", tmp_path / "constant.pth", "--labels", "5"]
    assert run("saliency", *flags, "--samples", "2", "--masks", "3", "--technique", "vargrad", "rise") == 0
    assert drawn["VarGrad"][0].note.startswith("blank: its gradient does not vary")
    assert drawn["RISE"][0].note.startswith("blank: hiding parts of it changes nothing")


def test_a_shared_scale_draws_weak_maps_weakly(weights, picture, tmp_path, drawn):
    faint = tmp_path / "faint.png"
    mean_colour = np.array([124, 116, 104], np.uint8)  # nothing, in the network's units
    Image.fromarray(mean_colour + np.eye(70, dtype=np.uint8)[..., None]).save(faint)
    strengths = {}
    for flag in ([], ["--shared-scale"]):
        flags = ["--images", picture, faint, "--size", "64", "--technique", "gradient-x-input", *flag]
        assert run("saliency", *flags) == 0
        strengths[bool(flag)] = [panel.pixels.std() for panel in drawn["gradient x input"]]
    assert strengths[True][1] < 0.2 * strengths[False][1]
    assert strengths[True][0] == pytest.approx(strengths[False][0], rel=0.3)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--technique", "smothgrad"],
            "'smothgrad' is unknown; did you mean 'smoothgrad'? allowed are all, gradient, ",
        ),
        (["--technique", "xyz"], "'xyz' is unknown; allowed are all, gradient, gradient-x-input, "),
        (["--technique", "vargrad", "--versus", "3"], "vargrad is not linear in the score"),
        (["--versus", "9999"], "class 9999 is out of range"),
        (["--technique", "occlusion", "--patch", "65"], "patch: 65 is out of range"),
        (["--technique", "occlusion", "--fill", "pink"], "fill: 'pink' is unknown"),
        (["--technique", "all", "--stride", "16"], "stride: 16 is out of range; allowed are 1 to 15"),
        (["--technique", "all", "--grid", "65"], "grid: 65 cells do not fit"),
        (["--technique", "rise", "--probability", "1"], "probability: 1.0 hides all or nothing"),
        (["--technique", "vargrad", "--samples", "1"], "let nothing vary"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments, words, weights, picture, refusal):
    assert words in refusal(run, "saliency", "--images", picture, "--size", "64", *arguments)


def test_a_wrong_setting_is_refused_before_any_technique_has_worked(weights, picture, monkeypatch):
    def never(*_arguments, **_settings):
        raise AssertionError("worked before it looked")

    replace_everywhere(monkeypatch, explain, never)
    for wrong in (["--fill", "pink"], ["--patch", "65"], ["--grid", "65"], ["--samples", "1"], ["--probability", "0"]):
        assert run("saliency", "--images", picture, "--size", "64", "--technique", "all", *wrong) == 2


def test_each_technique_that_captum_has_is_compared_with_it(weights, picture, capsys):
    arguments = ["--size", "64", "--nodes", "5", "--technique", "gradient-x-input", "deconvnet", "vargrad"]
    assert run("saliency", "--images", picture, *arguments, "integrated-gradients") == 0
    said = capsys.readouterr().out
    for name in ("gradient x input", "deconvnet", "integrated gradients"):
        largest = float(re.search(f"{name}: relative difference to Captum, largest (.*?),", said)[1])
        assert largest < 1e-3
    assert said.count("relative difference to Captum") == 3  # its VarGrad draws other noise
    assert "completeness error at 5 nodes" in said


def interrupting(at):
    """`explain`, with Ctrl-C at one of its calls."""
    calls = []

    def call(*arguments, **settings):
        calls.append(None)
        if len(calls) == at:
            raise KeyboardInterrupt
        return explain(*arguments, **settings)

    return call


def test_ctrl_c_keeps_the_techniques_that_are_finished(weights, picture, drawn, monkeypatch, capsys):
    replace_everywhere(monkeypatch, explain, interrupting(at=4))
    names = ["gradient", "deconvnet", "guided-backprop"]
    assert run("saliency", "--images", picture, picture, "--size", "64", "--technique", *names) == 130
    assert list(drawn) == ["image", "gradient\n(saliency)"]
    said = capsys.readouterr()
    assert "wrote visualization/saliency_visualization.png" in said.out
    assert "interrupted" in said.err


def test_ctrl_c_before_anything_is_finished_writes_nothing(weights, picture, tmp_path, monkeypatch):
    replace_everywhere(monkeypatch, explain, interrupting(at=1))
    assert run("saliency", "--images", picture, "--size", "64") == 130
    assert not (tmp_path / "visualization").exists()
