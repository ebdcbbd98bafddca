"""saliency_visualization.py and segmentation_visualization.py: the table, the flags, and what they refuse."""

import inspect
import re
from importlib import import_module

import numpy as np
import pytest
import torch
from conftest import run
from PIL import Image

import saliency_visualization as script

QUICK = {"nodes": 2, "samples": 2, "masks": 3, "stride": 15}
FLAGS = [text for flag, value in QUICK.items() for text in (f"--{flag}", str(value))]


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (70, 70, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def weights(random_weights, monkeypatch):
    monkeypatch.setenv("SQUEEZENET_WEIGHTS", str(random_weights))
    return random_weights


@pytest.mark.parametrize("name", script.TECHNIQUES)
def test_the_table_tells_the_truth_about_every_technique(name):
    technique = script.TECHNIQUES[name]
    for path in filter(None, (technique.function, technique.linear)):
        module, _, function = path.rpartition(".")
        parameters = inspect.signature(getattr(import_module(module), function)).parameters
        taken = set(technique.settings) | ({"generator"} if technique.seeded else set())
        if path == script.SIGNED_GRADIENT:
            assert not taken
        assert taken <= set(parameters)
        assert ("generator" in parameters) == technique.seeded
        for flag in technique.settings:
            assert script.parser().get_default(flag) == parameters[flag].default


@pytest.mark.parametrize("name", [name for name, technique in script.TECHNIQUES.items() if technique.linear])
def test_what_is_called_linear_is(name, images):
    """The map of score_1 - score_4, computed by a network that has this as a class of its own."""
    from conftest import random_squeezenet

    class Difference(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.class_names = random_squeezenet().double(), range(11)

        def forward(self, x):
            scores = self.inner(x)
            return torch.cat([scores, scores[:, 1:2] - scores[:, 4:5]], dim=1)

    model, options = Difference(), script.parser().parse_args(["--size", "64", *FLAGS])
    image = images[:1].double()
    if name == "occlusion":
        model = model.inner  # it walks through SqueezeNet's own layers
    one, other = (script.one_map(model, image, torch.tensor(label), name, options, signed=True) for label in (1, 4))
    if name == "occlusion":
        from visualizers.occlusion import spread

        covered = image.clone()
        covered[..., 0:15, 15:30] = 0
        drop = [float(model(image)[0, label] - model(covered)[0, label]) for label in (1, 4)]
        drops = torch.zeros(1, 5, 5).double()
        drops[0, 0, 1] = drop[0] - drop[1]
        assert float((one - other)[5, 20]) == pytest.approx(float(spread(drops, (64, 64), 15, 15)[0, 5, 20]))
        return
    expected = script.one_map(model, image, torch.tensor(10), name, options, signed=True)
    torch.testing.assert_close(one - other, expected, rtol=1e-6, atol=1e-9)


def test_all_draws_every_technique_with_scores_where_masks_are_known(drawn, capsys):
    assert run("saliency_visualization", "--weights", "patterns", "--size", "64", "--technique", "all", *FLAGS) == 0
    assert list(drawn) == ["image", *(technique.title for technique in script.TECHNIQUES.values())]
    titles = [panel.title for name, row in drawn.items() if name != "image" for panel in row]
    assert all("mass" in title and "IoU" in title for title in titles)
    said = capsys.readouterr().out
    assert all(f"  {name} " in said for name in (*script.TECHNIQUES, "centre (baseline)"))


def test_the_bare_run_prints_agreement_and_completeness(weights, picture, drawn, capsys):
    assert run("saliency_visualization", "--images", picture, "--size", "64", "--nodes", "3") == 0
    said = capsys.readouterr().out
    assert "saliency: relative difference to Captum" in said
    assert "integrated gradients: relative difference to Captum" in said
    assert "integrated gradients: completeness error at 3 nodes" in said
    assert list(drawn) == ["image", "saliency", "saliency\n(Captum)", "integrated\ngradients"]


def test_versus_draws_the_difference_in_colours_of_both_signs(weights, picture, drawn):
    flags = ["--images", picture, "--size", "64", "--labels", "1", "--versus", "2", "--technique", "all", *FLAGS]
    assert run("saliency_visualization", *flags) == 0
    linear = [technique.title for technique in script.TECHNIQUES.values() if technique.linear]
    assert list(drawn) == ["image", *linear]
    assert drawn["image"][0].title.count("\n") == 1
    pixels = drawn["RISE"][0].pixels  # red and blue
    assert (pixels[..., 0] > pixels[..., 2] + 0.2).any()
    assert (pixels[..., 2] > pixels[..., 0] + 0.2).any()


def test_the_difference_of_a_class_to_itself_is_blank_and_said_to_be(weights, picture, drawn):
    run("saliency_visualization", "--images", picture, "--size", "64", "--labels", "3", "--versus", "3")
    assert drawn["gradient\n(saliency)"][0].note.startswith("blank: the two classes are the same")


def test_a_blank_map_says_in_the_figure_what_its_technique_says(random_weights, picture, tmp_path, drawn):
    state = torch.load(random_weights, weights_only=True)
    state["classifier.1.weight"][5], state["classifier.1.bias"][5] = 0, 1  # the same score for every picture
    torch.save(state, tmp_path / "constant.pth")
    flags = ["--images", picture, "--size", "64", "--weights", tmp_path / "constant.pth", "--labels", "5", *FLAGS]
    assert run("saliency_visualization", *flags, "--technique", "vargrad", "rise") == 0
    assert drawn["VarGrad"][0].note.startswith("blank: its gradient does not vary")
    assert drawn["RISE"][0].note.startswith("blank: hiding parts of it changes nothing")


def test_a_shared_scale_draws_weak_maps_weakly(weights, picture, tmp_path, drawn):
    faint = tmp_path / "faint.png"
    mean_colour = np.array([124, 116, 104], np.uint8)  # nothing, in the network's units
    Image.fromarray(mean_colour + np.eye(70, dtype=np.uint8)[..., None]).save(faint)
    strengths = {}
    for flag in ([], ["--shared-scale"]):
        flags = ["--images", picture, faint, "--size", "64", "--technique", "gradient-x-input", *flag]
        assert run("saliency_visualization", *flags) == 0
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
    assert words in refusal(run, "saliency_visualization", "--images", picture, "--size", "64", *arguments)


def test_a_wrong_setting_is_refused_before_any_technique_has_worked(weights, picture, monkeypatch):
    def never(*_arguments, **_settings):
        raise AssertionError("worked before it looked")

    monkeypatch.setattr(script, "one_map", never)
    for wrong in (["--fill", "pink"], ["--patch", "65"], ["--grid", "65"], ["--samples", "1"], ["--probability", "0"]):
        assert run("saliency_visualization", "--images", picture, "--size", "64", "--technique", "all", *wrong) == 2


def test_each_technique_that_captum_has_is_compared_with_it(weights, picture, capsys):
    arguments = ["--size", "64", "--nodes", "5", "--technique", "gradient-x-input", "deconvnet", "vargrad"]
    assert run("saliency_visualization", "--images", picture, *arguments, "integrated-gradients") == 0
    said = capsys.readouterr().out
    for name in ("gradient x input", "deconvnet", "integrated gradients"):
        largest = float(re.search(f"{name}: relative difference to Captum, largest (.*?),", said)[1])
        assert largest < 1e-3
    assert said.count("relative difference to Captum") == 3  # its VarGrad draws other noise
    assert "completeness error at 5 nodes" in said


def test_segmentation_draws_seeds_mask_and_cut_out_and_prints_the_overlap(drawn, tmp_path, capsys):
    assert run("segmentation_visualization", "--weights", "patterns", "--size", "96", "--technique", "grad-cam") == 0
    assert [name.split(":")[0] for name in drawn] == ["image", "Grad-CAM", "seeds", "mask", "cut-out"]
    assert all(panel.title.startswith("IoU ") for panel in drawn["mask"])
    assert "IoU with the true masks: median" in capsys.readouterr().out
    assert (tmp_path / "visualization" / "segmentation_visualization.png").exists()


def test_an_image_that_cannot_be_segmented_says_why_and_the_others_are_done(weights, picture, tmp_path, drawn, capsys):
    plain = tmp_path / "plain.png"
    Image.fromarray(np.full((70, 70, 3), 90, np.uint8)).save(plain)
    assert run("segmentation_visualization", "--images", plain, picture, "--size", "64") == 1
    assert "plain: not segmented: " in capsys.readouterr().err
    assert [bool(panel.note) for panel in next(row for name, row in drawn.items() if "seeds" in name)] == [True, False]


def test_an_unknown_seed_map_is_answered_with_the_nearest(weights, capsys):
    assert run("segmentation_visualization", "--technique", "gradcam") == 2
    assert "did you mean 'grad-cam'? allowed are grad-cam, " in capsys.readouterr().err
