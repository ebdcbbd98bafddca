"""The scripts as a user meets them: a picture, a sentence when something is wrong, and the right exit code."""

import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import replace_everywhere, run
from PIL import Image

from core.defaults import ROOT
from painting.course_loop import style_objective
from studies.shared.options import defaults_of, find_class
from studies.shared.pictures import load_batch

EXIT_CODES = {"universal_perturbation": 1}  # a random network is not fooled in two steps, and it says so
SCRIPTS = {  # script: (quick settings, the files it writes)
    "class_visualization": (
        ["--labels", "3", "gorilla", "--iterations", "4", "--size", "64"],
        ["class_visualization.png"],
    ),
    "saliency_visualization": (["--size", "64", "--nodes", "2"], ["saliency_visualization.png"]),
    "segmentation_visualization": (["--size", "64"], ["segmentation_visualization.png"]),
    "gradcam_visualization": (["--size", "64"], ["gradcam_visualization.png", "gradcam_visualization_captum.png"]),
    "neuron_visualization": (
        ["--size", "64", "--scenes", "4", "--count", "2", "--iterations", "2"],
        ["neuron_visualization.png"],
    ),
    "facet_visualization": (
        ["--images", "chelsea", "coffee", "rocket", "motorcycle", "china", "--size", "64", "--iterations", "2"],
        ["facet_visualization.png"],
    ),
    "confidence_visualization": (
        ["--weights", "auto", "--size", "64", "--pictures", "6", "--iterations", "2"],
        [f"confidence_visualization.{ending}" for ending in ("png", "md", "csv")],
    ),
    "fooling_visualization": (["--size", "64", "--learning-rate", "0.3"], ["fooling_visualization.png"]),
    "universal_perturbation": (
        ["--size", "64", "--count", "5", "--held", "6", "--iterations", "2", "--bound", "120"],
        ["universal_perturbation.png", "universal_perturbation_v.png"],
    ),
    "deepdream": (
        ["--layer", "features.6", "--size", "64", "--octaves", "2", "--iterations", "2"],
        ["deepdream.png"],
    ),
    "inversion_visualization": (
        ["--size", "64", "--iterations", "2", "--layers", "features.1", "features.9"],
        ["inversion_visualization.png", "inversion_visualization.md", "inversion_visualization.csv"],
    ),
    "embedding_visualization": (
        ["--size", "64", "--scenes", "40"],
        [f"embedding_visualization{ending}.png" for ending in ("", "_tsne", "_map")],
    ),
    "style_transfer": (
        ["--preset", "swirling_night", "--size", "48", "--style-size", "48", "--iterations", "3"],
        ["style_transfer_harbour_town_swirling_night.png"],
    ),
    "style_tradeoffs": (
        ["--size", "36", "--smallest", "36", "--iterations", "1"],
        ["style_tradeoffs_weights.png"],
    ),
    "texture_synthesis": (
        ["--images", "cracks", "--sample-size", "48", "--iterations", "2", "--window", "5"],
        ["texture_synthesis.png"],
    ),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_writes_its_png_with_how_it_was_made(script, weights, tmp_path, capsys):
    settings, names = SCRIPTS[script]
    assert run(script, *settings) == EXIT_CODES.get(script, 0)
    said = capsys.readouterr().out
    assert "weights: random.pth (sha256 " in said
    for name in names:
        assert f"wrote visualization/{name}" in said
        if not name.endswith(".png"):  # a table
            continue
        with Image.open(tmp_path / "visualization" / name) as image:
            assert image.format == "PNG"
            assert np.asarray(image).std() > 10
            assert image.text["Script"] == f"{script}.py"
            assert image.text["Weights"].startswith("random.pth (sha256 ")
            assert "torch " in image.text["Versions"]
            assert json.loads(image.text["Settings"])
    written = (path.name for path in (tmp_path / "visualization").iterdir() if path.name != "embedding_cache")
    assert sorted(written) == sorted(names)


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_same_seed_gives_the_same_png_byte_for_byte(script, weights, tmp_path):
    settings, _ = SCRIPTS[script]
    for name in ("a.png", "b.png"):
        assert run(script, *settings, "--seed", 7, "--output", tmp_path / name) == EXIT_CODES.get(script, 0)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_both_forms_are_drawn_in_named_rows_and_each_is_as_alone(weights, panels, tmp_path, capsys):
    settings, drawn = ["--labels", "3", "gorilla", "--iterations", "4", "--size", "64"], {}
    for form in ("pixels", "fourier", "both"):
        panels.clear()
        assert run("class_visualization", *settings, "--form", form, "--output", tmp_path / f"{form}.png") == 0
        drawn[form] = list(panels)
        said = capsys.readouterr().out
        assert said.count(" in the noise, ") == (4 if form == "both" else 2)
    assert ("pixels: tiger shark" in said, "fourier: gorilla" in said) == (True, True)
    assert len(drawn["both"]) == len(drawn["pixels"]) + len(drawn["fourier"])
    for alone, together in zip(drawn["pixels"] + drawn["fourier"], drawn["both"], strict=True):
        assert alone.title == together.title
        assert np.array_equal(alone.pixels, together.pixels)
    finals = [
        next(panel for panel in drawn[form] if panel.title.startswith("gorilla")) for form in ("pixels", "fourier")
    ]
    assert not np.allclose(finals[0].pixels, finals[1].pixels / 255)
    with Image.open(tmp_path / "fourier.png") as one, Image.open(tmp_path / "both.png") as two:
        assert two.height > 1.7 * one.height
        assert json.loads(one.text["Settings"])["rotation"] > 0


def test_the_same_seed_gives_the_same_png_of_both_forms(weights, tmp_path):
    for name in ("a.png", "b.png"):
        settings = ["--labels", "3", "--iterations", "3", "--size", "64", "--form", "both"]
        assert run("class_visualization", *settings, "--output", tmp_path / name) == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--form", "fourier", "--blur-every", "3"], "blur_every: --form fourier has no such setting; it belongs to"),
        (["--rotation", "3"], "rotation: --form pixels has no such setting; it belongs to --form fourier"),
        (["--form", "both", "--learning-rate", "3"], "learning_rate: it has another unit in each form"),
    ],
)
def test_a_setting_of_the_other_form_is_refused(arguments, words, weights, tmp_path, capsys):
    assert run("class_visualization", *arguments) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "visualization").exists()


def test_another_seed_gives_another_class_visualization(weights, tmp_path):
    settings, _ = SCRIPTS["class_visualization"]
    pixels = []
    for seed in (1, 2):
        run("class_visualization", *settings, "--seed", seed, "--output", tmp_path / "x.png")
        with Image.open(tmp_path / "x.png") as image:
            pixels.append(np.asarray(image))
    assert not np.array_equal(*pixels)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_answers_without_importing_torch(script):
    code = f"import sys, {script} as s; s.parser().format_help(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--nonsense"], "--nonsense"),
        (["--size", "8"], "8 is not a whole number"),
        (["--size", "tall"], "'tall' is not a whole number"),
        (["--seed", "-1"], "-1 is not a whole number"),
        (["--device", "gpu"], "invalid choice: 'gpu'"),
        (["--weights", "nowhere.pth"], "'nowhere.pth' is not there"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(script, arguments, words, refusal):
    assert words in refusal(run, script, *arguments)


@pytest.mark.parametrize(
    "script", ["saliency_visualization", "segmentation_visualization", "gradcam_visualization", "fooling_visualization"]
)
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--labels", "1000"], "class 1000 is out of range; allowed are 0 to 999"),
        (["--labels", "gorila"], "did you mean gorilla"),
        (["--labels", "1", "2", "3"], "got 3 for 5 images"),
        (["--images", "nowhere.jpg"], "'nowhere.jpg' is not there"),
    ],
)
def test_wrong_images_and_labels_are_named(script, arguments, words, weights, capsys):
    assert run(script, "--size", "64", *arguments) == 2
    assert words in capsys.readouterr().err


def test_an_unknown_layer_lists_the_valid_ones(weights, capsys):
    assert run("gradcam_visualization", "--layer", "features.77") == 2
    assert "features.12.expand3x3" in capsys.readouterr().err


def test_one_broken_file_is_named_and_the_others_are_done(weights, picture, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture.rename(folder / "good.png")
    (folder / "bad.png").write_text("nothing")
    assert run("saliency_visualization", "--images", folder, "--size", "64", "--nodes", "2") == 1
    assert "skipped: image: " in capsys.readouterr().err
    assert (tmp_path / "visualization" / "saliency_visualization.png").exists()


def test_more_pictures_than_fit_in_a_row_go_on_below(weights, picture):
    run("saliency_visualization", "--images", picture, "--size", "64", "--nodes", "2", "--output", "one.png")
    many = [picture] * 7
    run("saliency_visualization", "--images", *many, "--size", "64", "--nodes", "2", "--output", "seven.png")
    with Image.open("one.png") as first, Image.open("seven.png") as second:
        one, seven = first.size, second.size
    assert seven[0] < 6 * one[0]
    assert seven[1] > 1.8 * one[1]


def test_offline_without_weights_is_exit_code_1_and_one_sentence(monkeypatch, tmp_path, capsys):
    import torch

    from core import squeezenet

    monkeypatch.delenv("SQUEEZENET_WEIGHTS", raising=False)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(squeezenet, "EMBEDDED_WEIGHTS", tmp_path / "none")
    assert run("saliency_visualization") == 1
    said = capsys.readouterr().err
    assert "cannot be reached" in said
    assert said.count("\n") == 1


def test_a_picture_that_cannot_be_written_is_exit_code_1_and_leaves_nothing(weights, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run("saliency_visualization", "--size", "64", "--nodes", "1", "--output", tmp_path / "file" / "x.png") == 1
    assert "cannot be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name != "file"] == []


def test_images_that_are_not_fooled_are_exit_code_1(weights, capsys):
    settings = ["--iterations", "1", "--learning-rate", "1e-6", "--labels", "3"]
    assert run("fooling_visualization", "--size", "64", *settings) == 1
    captured = capsys.readouterr()
    assert "5 of 5 images were not fooled" in captured.err
    assert "not fooled in 1 steps" in captured.out


def test_an_unexpected_error_is_one_sentence_that_says_how_to_see_more(weights, monkeypatch, capsys):
    def fail(*_):
        raise ZeroDivisionError("by accident")

    monkeypatch.delenv("DEBUG", raising=False)
    replace_everywhere(monkeypatch, load_batch, fail)
    assert run("saliency_visualization") == 1
    assert "unexpected ZeroDivisionError: by accident; set DEBUG=1" in capsys.readouterr().err


def test_an_interrupt_is_no_stack_trace(weights, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    replace_everywhere(monkeypatch, load_batch, interrupt)
    assert run("saliency_visualization") == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_preset_whose_picture_is_absent_says_which_file_to_put_where(weights, monkeypatch, capsys):
    monkeypatch.setattr("studies.shared.named_pictures.FOLDERS", ())
    assert run("style_transfer", "--preset", "starry_night") == 2
    assert "put it at images/content/tubingen.jpg, or pass --content FILE" in capsys.readouterr().err


def test_when_no_preset_can_be_made_nothing_is_claimed(weights, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("studies.shared.named_pictures.FOLDERS", ())
    assert run("style_transfer") == 1
    assert "nothing can be made" in capsys.readouterr().err
    assert run("style_transfer", "--content", "") == 2
    assert "the name is empty" in capsys.readouterr().err


def test_two_presets_never_write_one_file(weights, picture, capsys):
    arguments = ["--preset", "swirling_night", "blood_sunset", "--content", picture, "--style", picture]
    assert run("style_transfer", *arguments) == 2
    assert "several pictures would be written to" in capsys.readouterr().err


def test_any_two_files_can_be_styled(weights, picture, tmp_path):
    settings = ["--size", "40", "--smallest", "40", "--iterations", "2", "--start", "noise"]
    assert run("style_transfer", "--content", picture, "--style", picture, *settings) == 0
    with Image.open(tmp_path / "visualization" / "style_transfer_some picture_some picture.png") as image:
        assert image.size == (50, 40)


def test_several_pictures_do_not_fit_in_one_file(weights, tmp_path, capsys):
    presets = ["--preset", "swirling_night", "blood_sunset"]
    assert run("style_transfer", *presets, "--output", tmp_path / "one.png") == 2
    assert "several pictures would be written to" in capsys.readouterr().err


def test_labels_belong_to_the_pictures_as_they_were_named(weights, picture, tmp_path, panels):
    (tmp_path / "broken.png").write_text("nothing")
    images = ["--images", picture, tmp_path / "broken.png", picture]
    run("saliency_visualization", *images, "--labels", "1", "2", "3", "--size", "64", "--nodes", "2")
    shown = [panel.title for panel in panels if panel.title]
    assert len(shown) == 2
    assert shown[0].startswith("goldfish ")
    assert shown[1].startswith("tiger shark ")


def test_the_last_column_shows_ten_times_the_difference(weights, picture, panels):
    settings = ["--labels", "3", "--iterations", "5", "--learning-rate", "2"]
    run("fooling_visualization", "--images", picture, "--size", "64", *settings)
    image, fooled, difference, tenfold = (panel.pixels for panel in panels)
    change = fooled.astype(float) / 255 - image / 255.0
    assert np.abs(change).max() > 0.01
    np.testing.assert_allclose(difference - 0.5, change, atol=0.5 / 255 + 1e-6)
    inside = np.abs(tenfold - 0.5) < 0.499
    np.testing.assert_allclose((tenfold - 0.5)[inside], 10 * (difference - 0.5)[inside], atol=1e-5)


def test_every_layer_of_the_strip_is_its_own(weights, picture, panels):
    run("gradcam_visualization", "--images", picture, "--size", "64", "--layers", "features.4", "features.12")
    strip = {panel.title: panel.pixels for panel in panels if panel.title.startswith("features.")}
    assert list(strip) == ["features.4, 15 x 15", "features.12, 3 x 3"]
    assert not np.allclose(*strip.values())


def test_the_flags_of_a_preset_reach_the_courses_objective(weights, picture, monkeypatch):
    seen = {}
    replace_everywhere(monkeypatch, style_objective, lambda *a, **k: seen.update(k) or style_objective(*a, **k))
    flags = ["--content-weight", "2", "--style-weights", "4", "3", "2", "1", "--tv-weight", "0.5"]
    sizes = ["--size", "40", "--style-size", "40", "--iterations", "1"]
    pictures = ["--preset", "swirling_night", "--content", picture, "--style", picture]
    assert run("style_transfer", *pictures, *flags, *sizes) == 0
    assert (seen["content_weight"], seen["style_weights"], seen["tv_weight"]) == (2, (4, 3, 2, 1), 0.5)


def test_scores_that_are_not_finite_are_refused(random_weights, tmp_path, capsys):
    import torch

    state = torch.load(random_weights, weights_only=True)
    state = {name: value * 1e8 for name, value in state.items()}
    torch.save(state, tmp_path / "huge.pth")
    assert run("saliency_visualization", "--size", "64", "--weights", tmp_path / "huge.pth") == 1
    assert "scores that are not finite" in capsys.readouterr().err


def test_what_is_wrong_with_the_output_is_said_before_the_work(weights, tmp_path, capsys):
    (tmp_path / "folder.png").mkdir()
    assert run("saliency_visualization", "--output", tmp_path / "folder.png") == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_name_with_mathematics_in_it_is_drawn_as_it_is(weights, picture):
    odd = picture.rename(picture.with_name("cost$\\foo$5.png"))
    assert run("saliency_visualization", "--images", odd, "--size", "64", "--nodes", "2") == 0


def test_defaults_are_read_from_the_signature_without_an_import():
    import inspect

    from visualizers.class_visualization import climb_pixels

    expected = {
        name: parameter.default
        for name, parameter in inspect.signature(climb_pixels).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert defaults_of("visualizers.class_visualization", "climb_pixels") == expected


def test_classes_are_found_by_number_and_by_name():
    names = ("tabby cat", "Egyptian cat", "crane", "crane", "car")
    assert [find_class(text, names) for text in ("1", "egyptian CAT", "tabby", "car")] == [1, 1, 0, 4]
    for text, words in {"cat": "fits 2 classes", "crane": "2 crane, 3 crane", "9": "0 to 4", "cra": "fits 2"}.items():
        with pytest.raises(ValueError, match=words):
            find_class(text, names)
