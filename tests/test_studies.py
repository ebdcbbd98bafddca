"""Every study as a user meets it: a picture, a sentence when something is wrong, and the right exit code."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import replace_everywhere, run
from PIL import Image

from core.defaults import ROOT
from painting.course_loop import style_objective
from studies.shared.options import find_class
from studies.shared.pictures import load_batch
from studies.shared.runner import flags_of, study_names
from visualizers.catalogue import defaults_of

FAILS = {"universal": 1}  # a random network is not fooled in two steps, and it says so
EMBEDDED = {
    "bias",
    "robustness",
    "scenes",
    "generator",
    "fast_style",
    "explain",
    "trust",
    "networks",
    "gallery",
}  # tests of their own run them
QUICK = {  # study: (quick flags, the files it writes)
    "classes": (["--labels", "3", "gorilla", "--iterations", "4", "--size", "64"], ["class_visualization.png"]),
    "saliency": (["--size", "64", "--nodes", "2"], ["saliency_visualization.png"]),
    "segmentation": (["--size", "64"], ["segmentation_visualization.png"]),
    "gradcam": (["--size", "64"], ["gradcam_visualization.png", "gradcam_visualization_captum.png"]),
    "neurons": (
        ["--size", "64", "--scenes", "4", "--count", "2", "--iterations", "2"],
        ["neuron_visualization.png"],
    ),
    "facets": (
        ["--images", "chelsea", "coffee", "rocket", "motorcycle", "china", "--size", "64", "--iterations", "2"],
        ["facet_visualization.png"],
    ),
    "confidence": (
        ["--weights", "auto", "--size", "64", "--pictures", "6", "--iterations", "2"],
        [f"confidence_visualization.{ending}" for ending in ("png", "md", "csv")],
    ),
    "fooling": (["--size", "64", "--technique", "deepfool"], ["fooling_visualization.png"]),
    "universal": (
        ["--size", "64", "--count", "5", "--held", "6", "--iterations", "2", "--bound", "120"],
        ["universal_perturbation.png", "universal_perturbation_v.png"],
    ),
    "deepdream": (["--layer", "features.6", "--size", "64", "--octaves", "2", "--iterations", "2"], ["deepdream.png"]),
    "inversion": (
        ["--size", "64", "--iterations", "2", "--layers", "features.1", "features.9"],
        ["inversion_visualization.png", "inversion_visualization.md", "inversion_visualization.csv"],
    ),
    "embedding": (
        ["--size", "64", "--scenes", "40"],
        [f"embedding_visualization{ending}.png" for ending in ("", "_tsne", "_map")],
    ),
    "style": (
        ["--preset", "swirling_night", "--size", "48", "--style-size", "48", "--iterations", "3"],
        ["style_transfer_harbour_town_swirling_night.png"],
    ),
    "tradeoffs": (["--size", "36", "--smallest", "36", "--iterations", "1"], ["style_tradeoffs_weights.png"]),
    "textures": (
        ["--images", "cracks", "--sample-size", "48", "--iterations", "2", "--window", "5"],
        ["texture_synthesis.png"],
    ),
}
ROOT_SCRIPTS = {
    "class_visualization": "ClassVisualization",
    "fooling_visualization": "FoolingImage",
    "gradcam_visualization": "GradCAM",
    "saliency_visualization": "SaliencyMap",
    "style_transfer": None,
}


def test_every_study_is_run_here_or_by_tests_of_its_own():
    assert {*QUICK, *EMBEDDED} == set(study_names())


def test_the_list_names_every_study_with_its_question():
    command = [sys.executable, "-m", "studies"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    lines = dict(line.split(maxsplit=1) for line in said.splitlines() if line.startswith("  "))
    assert lines == {name: flags_of(name).QUESTION for name in study_names()}


def test_an_unknown_study_is_answered_with_the_nearest():
    command = [sys.executable, "-m", "studies", "salience"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "did you mean 'saliency'?" in result.stderr


def test_flags_and_catalogue_import_nothing_heavy():
    code = (
        "import sys; from studies.shared.runner import flags_of, study_names\n"
        "for name in study_names(): flags_of(name).parser().format_help()\n"
        "heavy = {'torch', 'torchvision', 'numpy', 'PIL', 'matplotlib', 'scipy', 'skimage', 'tqdm'}\n"
        "heavy &= set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_a_python_without_packages_lists_the_studies_and_says_in_a_sentence_what_is_missing(tmp_path):
    bare = [sys.executable, "-S", "-m", "studies"]  # no site-packages
    listing = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True, check=False)
    assert listing.returncode == 0, listing.stderr
    assert "Which pixels matter for a class?" in listing.stdout
    command = [*bare, "saliency", "--output", tmp_path / "out.png"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert re.fullmatch(
        r"python -m studies saliency: the package '\w+' is missing; .*requirements.txt\n", result.stderr
    )


@pytest.mark.parametrize("script", ROOT_SCRIPTS)
def test_the_courses_scripts_are_thin_start_their_study_and_import_nothing_heavy(script):
    assert len((ROOT / f"{script}.py").read_text(encoding="utf-8").splitlines()) <= 30
    command = [sys.executable, "-X", "importtime", f"{script}.py", "--help"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert f"usage: {script}.py" in result.stdout
    assert " torch\n" not in result.stderr
    name = ROOT_SCRIPTS[script]
    assert name is None or isinstance(getattr(__import__(script), name), type)


@pytest.mark.parametrize("study", QUICK)
def test_every_study_writes_its_files_with_how_they_were_made(study, weights, tmp_path, capsys):
    settings, names = QUICK[study]
    assert run(study, *settings) == FAILS.get(study, 0)
    said = capsys.readouterr().out
    assert "weights: random.pth (sha256 " in said
    for name in names:
        assert f"wrote visualization/{name}" in said
        if not name.endswith(".png"):  # a table
            continue
        with Image.open(tmp_path / "visualization" / name) as image:
            assert image.format == "PNG"
            assert np.asarray(image).std() > 10
            assert image.text["Script"] == study
            assert image.text["Weights"].startswith("random.pth (sha256 ")
            assert "torch " in image.text["Versions"]
            assert json.loads(image.text["Settings"])
    written = (path.name for path in (tmp_path / "visualization").iterdir() if path.name != "embedding_cache")
    assert sorted(written) == sorted(names)


@pytest.mark.parametrize("study", QUICK)
def test_the_same_seed_gives_the_same_png_byte_for_byte(study, weights, tmp_path):
    settings, _ = QUICK[study]
    for name in ("a.png", "b.png"):
        assert run(study, *settings, "--seed", 7, "--output", tmp_path / name) == FAILS.get(study, 0)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


@pytest.mark.parametrize("study", QUICK)
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
def test_wrong_use_is_one_sentence_and_exit_code_2(study, arguments, words, refusal):
    assert words in refusal(run, study, *arguments)


@pytest.mark.parametrize("study", ["saliency", "segmentation", "gradcam", "fooling"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--labels", "1000"], "class 1000 is out of range; allowed are 0 to 999"),
        (["--labels", "gorila"], "did you mean gorilla"),
        (["--labels", "1", "2", "3"], "got 3 for 5 images"),
        (["--images", "nowhere.jpg"], "'nowhere.jpg' is not there"),
    ],
)
def test_wrong_images_and_labels_are_named(study, arguments, words, weights, capsys):
    assert run(study, "--size", "64", *arguments) == 2
    assert words in capsys.readouterr().err


def test_both_forms_are_drawn_in_named_rows_and_each_is_as_alone(weights, panels, tmp_path, capsys):
    settings, drawn = ["--labels", "3", "gorilla", "--iterations", "4", "--size", "64"], {}
    for form in ("pixels", "fourier", "both"):
        panels.clear()
        assert run("classes", *settings, "--form", form, "--output", tmp_path / f"{form}.png") == 0
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--form", "fourier", "--blur-every", "3"], "blur_every: --form fourier has no such setting; it belongs to"),
        (["--rotation", "3"], "rotation: --form pixels has no such setting; it belongs to --form fourier"),
        (["--form", "both", "--learning-rate", "3"], "learning_rate: it has another unit in each form"),
    ],
)
def test_a_setting_of_the_other_form_is_refused(arguments, words, weights, tmp_path, capsys):
    assert run("classes", *arguments) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "visualization").exists()


def test_another_seed_gives_another_class_visualization(weights, tmp_path):
    settings, _ = QUICK["classes"]
    pixels = []
    for seed in (1, 2):
        run("classes", *settings, "--seed", seed, "--output", tmp_path / "x.png")
        with Image.open(tmp_path / "x.png") as image:
            pixels.append(np.asarray(image))
    assert not np.array_equal(*pixels)


def test_an_unknown_layer_lists_the_valid_ones(weights, capsys):
    assert run("gradcam", "--layer", "features.77") == 2
    assert "features.12.expand3x3" in capsys.readouterr().err


def test_one_broken_file_is_named_and_the_others_are_done(weights, picture, tmp_path, capsys):
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture.rename(folder / "good.png")
    (folder / "bad.png").write_text("nothing")
    assert run("saliency", "--images", folder, "--size", "64", "--nodes", "2") == 1
    assert "skipped: image: " in capsys.readouterr().err
    assert (tmp_path / "visualization" / "saliency_visualization.png").exists()


def test_more_pictures_than_fit_in_a_row_go_on_below(weights, picture):
    run("saliency", "--images", picture, "--size", "64", "--nodes", "2", "--output", "one.png")
    many = [picture] * 7
    run("saliency", "--images", *many, "--size", "64", "--nodes", "2", "--output", "seven.png")
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
    assert run("saliency") == 1
    said = capsys.readouterr().err
    assert "cannot be reached" in said
    assert said.count("\n") == 1


def test_a_picture_that_cannot_be_written_is_exit_code_1_and_leaves_nothing(weights, tmp_path, capsys):
    (tmp_path / "file").touch()
    assert run("saliency", "--size", "64", "--nodes", "1", "--output", tmp_path / "file" / "x.png") == 1
    assert "cannot be written" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir() if path.name != "file"] == []


def test_images_that_are_not_fooled_are_exit_code_1(weights, capsys):
    settings = ["--iterations", "1", "--learning-rate", "1e-6", "--labels", "3"]
    assert run("fooling", "--size", "64", *settings) == 1
    captured = capsys.readouterr()
    assert "5 of 5 images were not fooled" in captured.err
    assert "not fooled in 1 steps" in captured.out


def test_an_unexpected_error_is_one_sentence_that_says_how_to_see_more(weights, monkeypatch, capsys):
    def fail(*_):
        raise ZeroDivisionError("by accident")

    monkeypatch.delenv("DEBUG", raising=False)
    replace_everywhere(monkeypatch, load_batch, fail)
    assert run("saliency") == 1
    assert "unexpected ZeroDivisionError: by accident; set DEBUG=1" in capsys.readouterr().err


def test_an_interrupt_is_no_stack_trace(weights, monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    replace_everywhere(monkeypatch, load_batch, interrupt)
    assert run("saliency") == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_preset_whose_picture_is_absent_says_which_file_to_put_where(weights, monkeypatch, capsys):
    monkeypatch.setattr("studies.shared.named_pictures.FOLDERS", ())
    assert run("style", "--preset", "starry_night") == 2
    assert "put it at images/content/tubingen.jpg, or pass --content FILE" in capsys.readouterr().err


def test_when_no_preset_can_be_made_nothing_is_claimed(weights, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("studies.shared.named_pictures.FOLDERS", ())
    assert run("style") == 1
    assert "nothing can be made" in capsys.readouterr().err
    assert run("style", "--content", "") == 2
    assert "the name is empty" in capsys.readouterr().err


def test_two_presets_never_write_one_file(weights, picture, capsys):
    arguments = ["--preset", "swirling_night", "blood_sunset", "--content", picture, "--style", picture]
    assert run("style", *arguments) == 2
    assert "several pictures would be written to" in capsys.readouterr().err


def test_any_two_files_can_be_styled(weights, picture, tmp_path):
    settings = ["--size", "40", "--smallest", "40", "--iterations", "2", "--start", "noise"]
    assert run("style", "--content", picture, "--style", picture, *settings) == 0
    with Image.open(tmp_path / "visualization" / "style_transfer_some picture_some picture.png") as image:
        assert image.size == (50, 40)


def test_several_pictures_do_not_fit_in_one_file(weights, tmp_path, capsys):
    presets = ["--preset", "swirling_night", "blood_sunset"]
    assert run("style", *presets, "--output", tmp_path / "one.png") == 2
    assert "several pictures would be written to" in capsys.readouterr().err


def test_labels_belong_to_the_pictures_as_they_were_named(weights, picture, tmp_path, panels):
    (tmp_path / "broken.png").write_text("nothing")
    images = ["--images", picture, tmp_path / "broken.png", picture]
    run("saliency", *images, "--labels", "1", "2", "3", "--size", "64", "--nodes", "2")
    shown = [panel.title for panel in panels if panel.title]
    assert len(shown) == 2
    assert shown[0].startswith("goldfish ")
    assert shown[1].startswith("tiger shark ")


def test_the_last_column_shows_ten_times_the_difference(weights, picture, panels):
    settings = ["--labels", "3", "--iterations", "5", "--learning-rate", "2"]
    run("fooling", "--images", picture, "--size", "64", *settings)
    image, fooled, difference, tenfold = (panel.pixels for panel in panels)
    change = fooled.astype(float) / 255 - image / 255.0
    assert np.abs(change).max() > 0.01
    np.testing.assert_allclose(difference - 0.5, change, atol=0.5 / 255 + 1e-6)
    inside = np.abs(tenfold - 0.5) < 0.499
    np.testing.assert_allclose((tenfold - 0.5)[inside], 10 * (difference - 0.5)[inside], atol=1e-5)


def test_every_layer_of_the_strip_is_its_own(weights, picture, panels):
    run("gradcam", "--images", picture, "--size", "64", "--layers", "features.4", "features.12")
    strip = {panel.title: panel.pixels for panel in panels if panel.title.startswith("features.")}
    assert list(strip) == ["features.4, 15 x 15", "features.12, 3 x 3"]
    assert not np.allclose(*strip.values())


def test_the_flags_of_a_preset_reach_the_courses_objective(weights, picture, monkeypatch):
    seen = {}
    replace_everywhere(monkeypatch, style_objective, lambda *a, **k: seen.update(k) or style_objective(*a, **k))
    flags = ["--content-weight", "2", "--style-weights", "4", "3", "2", "1", "--tv-weight", "0.5"]
    sizes = ["--size", "40", "--style-size", "40", "--iterations", "1"]
    pictures = ["--preset", "swirling_night", "--content", picture, "--style", picture]
    assert run("style", *pictures, *flags, *sizes) == 0
    assert (seen["content_weight"], seen["style_weights"], seen["tv_weight"]) == (2, (4, 3, 2, 1), 0.5)


def test_scores_that_are_not_finite_are_refused(random_weights, tmp_path, capsys):
    import torch

    state = torch.load(random_weights, weights_only=True)
    state = {name: value * 1e8 for name, value in state.items()}
    torch.save(state, tmp_path / "huge.pth")
    assert run("saliency", "--size", "64", "--weights", tmp_path / "huge.pth") == 1
    assert "scores that are not finite" in capsys.readouterr().err


def test_what_is_wrong_with_the_output_is_said_before_the_work(weights, tmp_path, capsys):
    (tmp_path / "folder.png").mkdir()
    assert run("saliency", "--output", tmp_path / "folder.png") == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_name_with_mathematics_in_it_is_drawn_as_it_is(weights, picture):
    odd = picture.rename(picture.with_name("cost$\\foo$5.png"))
    assert run("saliency", "--images", odd, "--size", "64", "--nodes", "2") == 0


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
