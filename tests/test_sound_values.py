"""Values that are odd, and yet mean something: tiny numbers, names that no file can have, layers that are not there."""

import pytest
import torch
from conftest import noise, run
from PIL import Image

from core.errors import UsageError
from core.paths import as_path
from core.priors import blur
from core.squeezenet import load_squeezenet
from studies.shared.bounds import number, whole_number
from style_modules.guided_style_loss import guided_style_loss
from style_modules.style_loss import StyleLoss, gram_matrix, style_loss
from style_modules.tv_loss import tv_loss
from visualizers.rise import random_masks

CLASSES = ["classes", "--weights", "patterns", "--size", "64", "--iterations", "2", "--labels", "star"]
DREAM = ["deepdream", "--weights", "patterns", "--size", "64", "--iterations", "1", "--octaves", "1"]
DREAM += ["--layer", "features.4"]


@pytest.mark.parametrize("sigma", [5e-324, 1e-300, 1e-160, 1e-8, 0.1])
def test_a_blur_narrower_than_a_pixel_leaves_the_picture(sigma):
    images = noise(1, 3, 8, 8)
    assert torch.equal(blur(images, sigma), images)


@pytest.mark.parametrize("flags", [[*CLASSES, "--blur-sigma"], [*DREAM, "--smoothing"]], ids=["classes", "deepdream"])
def test_the_narrowest_blur_is_none(flags, tmp_path):
    written = []
    for place, sigma in enumerate(("0", "-0.0", "1e-300", "5e-324")):
        assert run(*flags, sigma, "--output", f"{place}.png") == 0
        with Image.open(f"{place}.png") as image:
            written.append(image.tobytes())
    assert len(set(written)) == 1


def test_one_neighbour_is_drawn_beside_its_query(tmp_path):
    flags = ["--weights", "patterns", "--size", "64", "--scenes", "12", "--technique", "neighbours"]
    assert run("embedding", *flags, "--neighbours", "1") == 0
    with Image.open(tmp_path / "visualization" / "embedding_visualization.png") as image:
        assert image.height > 500  # seven queries under each other, in both halves


def test_too_small_a_bound_for_a_perturbation_is_said(capsys):
    flags = ["--weights", "patterns", "--size", "64", "--count", "1", "--held", "6", "--iterations", "1"]
    assert run("universal", *flags, "--l2", "0.01") == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "is no whole grey level; allow a larger --bound or --l2" in said


def test_if_no_picture_can_be_explained_the_first_error_is_the_sentence(tmp_path, capsys):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_text("no picture")
    assert run("explain", "--weights", "patterns", "--size", "64", "--images", "a.png", "b.png") == 2
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "'a.png'" in said.err
    assert "wrote" not in said.out


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the name is empty"),
        ("a\0.png", "holds a NUL byte"),
        ("~nobody-is-called-so/a.png", "begins with a home folder that is not there"),
        ("x" * 300, "is too long for a name"),
    ],
)
def test_what_no_file_can_be_called_is_a_sentence(text, words):
    with pytest.raises(UsageError, match=f"^image: .*{words}"):
        as_path(text, "image")
    with pytest.raises(UsageError, match=f"^weights: .*{words}"):
        load_squeezenet(text)


def test_a_link_that_leads_to_itself_is_a_sentence(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(UsageError, match="leads back to itself"):
        as_path(tmp_path / "loop", "images")


def test_a_nul_byte_among_the_flags_is_refused(refusal):
    assert "'a\\x00.png' holds a NUL byte" in refusal(run, "saliency", "--images", "a\0.png")


def test_numbers_of_flags_are_what_they_say_and_a_long_one_is_cut_off_in_the_sentence():
    assert str(number(0, 1)("-0.0")) == "0.0"
    assert whole_number(0, 5)("-0") == 0
    for kind, text in (
        (whole_number(0), "9" * 5000),
        (number(0, 1), "7" * 300),
        (number(0), "nan"),
        (number(0), "inf"),
    ):
        with pytest.raises(Exception, match="is not a") as refused:
            kind(text)
        assert len(str(refused.value)) < 120


@pytest.mark.parametrize("layer", [2, -3, "features.1", 0.5, None])
def test_a_style_layer_that_is_not_there_is_a_sentence(layer):
    feats = [noise(1, 4, 5, 5), noise(1, 4, 5, 5)]
    targets = [gram_matrix(feats[0])]
    for loss in (style_loss, StyleLoss()):
        with pytest.raises(UsageError, match=r"style_layers: .* is none of the features; allowed are 0 to 1"):
            loss(feats, [layer], targets, [1.0])
    masks = [torch.ones(1, 1, 5, 5)] * 2
    with pytest.raises(UsageError, match=r"style_layers: .* is none of the features"):
        guided_style_loss([each[:, None] for each in feats], [layer], [targets[0][:, None]], [1.0], masks)


def test_style_layers_may_count_from_the_end_as_in_any_list():
    feats = [noise(1, 4, 5, 5), noise(1, 4, 5, 5, seed=1)]
    assert style_loss(feats, [-1], [gram_matrix(feats[0])], [1.0]) == style_loss(
        feats, [torch.tensor(1)], [gram_matrix(feats[0])], [1.0]
    )


@pytest.mark.parametrize("shape", [(5, 5), (3, 5, 5), (1, 1, 3, 5, 5)])
def test_total_variation_of_no_batch_of_pictures_is_a_sentence(shape):
    with pytest.raises(UsageError, match=r"img: shape \(N, 3, H, W\) is needed, got"):
        tv_loss(noise(*shape), 1.0)


@pytest.mark.parametrize("probability", [0.0, 1e-300, 1e-8, 1 - 1e-16, 1.0, float("nan")])
def test_masks_that_would_hide_or_show_all_are_refused(probability):
    with pytest.raises(UsageError, match=r"probability: .* hides all or nothing"):
        random_masks(1, (8, 8), probability=probability)
