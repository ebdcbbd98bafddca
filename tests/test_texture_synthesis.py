"""Textures from Gram matrices, and the study that shows them beside sampled ones."""

import json

import numpy as np
import pytest
import torch
from conftest import noise, random_squeezenet, replace_everywhere, run
from PIL import Image

from core.borders import replicated_borders
from core.errors import UsageError
from core.images import valid_range
from core.priors import clamp_to_valid
from courses.style import extract_features
from studies.shared.pictures import Picture
from studies.textures.figure import rounded
from studies.textures.flags import NAMES, PHOTOGRAPHED
from studies.textures.samples import read_sample
from studies.textures.study import make_row
from style_modules import StyleLoss
from visualizers.texture_synthesis import LAYERS, colour_noise, gram_distance, synthesize_texture

QUICK = ["--images", "scales", "brick", "--sample-size", "48", "--iterations", "2", "--window", "5"]


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def stripes(side: int = 64) -> torch.Tensor:
    """Diagonal stripes (1, 3, S, S) of two valid colours."""
    rows, columns = torch.arange(side)[:, None], torch.arange(side)
    return ((rows + columns) % 10 < 4).float().expand(1, 3, side, side) * torch.tensor([1.0, 0.5, -1]).view(1, 3, 1, 1)


def test_the_distance_is_the_mean_over_layers_by_its_definition(squeezenet):
    exact, shares = random_squeezenet().double(), []  # the same weights
    texture, sample = clamp_to_valid(noise(1, 3, 61, 51)), clamp_to_valid(noise(1, 3, 49, 53, seed=1))
    with replicated_borders(), torch.no_grad():
        features = [extract_features(picture.double(), exact) for picture in (texture, sample)]
        for layer in LAYERS:
            ours, wanted = (StyleLoss().gram_matrix(each[layer]) for each in features)
            shares.append(float((ours - wanted).square().sum() / wanted.square().sum()))
    assert gram_distance(squeezenet, texture, sample) == pytest.approx(sum(shares) / 4, rel=1e-3)
    assert gram_distance(squeezenet, texture, sample, layers=(4,)) == pytest.approx(shares[1], rel=1e-3)
    assert gram_distance(squeezenet, sample, sample) == pytest.approx(0, abs=1e-10)


def test_the_texture_comes_near_to_the_sample_in_the_layers_asked_for(squeezenet):
    sample = stripes()
    for layers in ((1,), LAYERS):
        before = gram_distance(squeezenet, colour_noise(sample, (70, 66), generator=chance()), sample, layers=layers)
        settings = {"layers": layers, "iterations": 25, "scales": 2, "generator": chance()}
        texture = synthesize_texture(squeezenet, sample, (70, 66), **settings)
        assert texture.shape == (1, 3, 70, 66)
        assert gram_distance(squeezenet, texture, sample, layers=layers) < 0.1 * before


def test_the_colours_are_valid_and_chance_is_the_generators(squeezenet):
    first, again, other = (
        synthesize_texture(squeezenet, stripes(), (48, 48), iterations=3, generator=chance(seed)) for seed in (0, 0, 1)
    )
    black, white = valid_range(first)
    assert ((first >= black) & (first <= white)).all()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_start_is_made_of_the_samples_pixels_everywhere_alike():
    sample = noise(1, 3, 6, 7)
    start = colour_noise(sample, (80, 90), generator=chance())
    colours, counts = start[0].flatten(1).T.unique(dim=0, return_counts=True)
    assert {tuple(c.tolist()) for c in colours} == {tuple(c.tolist()) for c in sample[0].flatten(1).T}
    assert counts.max() < 1.5 * 80 * 90 / 42


@pytest.mark.parametrize(("scales", "smallest"), [(1, 97), (2, 69), (3, 48), (9, 34)])
def test_it_grows_over_as_many_scales_as_asked_for_unless_they_get_too_small(squeezenet, scales, smallest):
    seen = []
    settings = {"layers": (1,), "iterations": 1, "callback": seen.append}
    texture = synthesize_texture(squeezenet, stripes(96), (96, 96), scales=scales, **settings)
    assert texture.shape == (1, 3, 96, 96)  # one pixel more was painted each way, and is cut off
    assert seen[0].image.shape[2] == smallest
    assert len(seen) == seen[-1].scale == min(scales, 4)


def test_the_callback_can_end_it(squeezenet):
    steps = []
    synthesize_texture(squeezenet, stripes(), (64, 64), scales=1, callback=lambda s: steps.append(s) or len(steps) == 2)
    assert len(steps) == 2


@pytest.mark.parametrize(
    ("sample", "settings", "words"),
    [
        (noise(1, 3, 32, 40), {}, "sample: 40 x 32 pixels; at least 33"),
        (noise(2, 3, 40, 40), {}, "sample: a tensor of shape"),
        (noise(1, 3, 40, 40), {"size": (40, 20)}, "size: 20 x 40 pixels; at least 33"),
        (noise(1, 3, 40, 40), {"layers": (1, 13)}, r"layers: got \[1, 13\]; give one or more numbers from 0 to 12"),
        (noise(1, 3, 40, 40), {"layers": ()}, "layers: got"),
        (noise(1, 3, 40, 40), {"scales": 0}, "scales: 0 is too few"),
    ],
)
def test_wrong_use_is_named(sample, settings, words):
    size = settings.pop("size", (40, 40))
    with pytest.raises(UsageError, match=words):
        synthesize_texture(random_squeezenet(), sample, size, **settings)


# --- The study ----------------------------------------------------------------------------------


def test_each_row_holds_the_sample_four_sets_of_layers_and_the_sampled_pixels(weights, panels, capsys):
    assert run("textures", *QUICK) == 0
    assert len(panels) == 2 * 6
    assert [panel.title.split("\n")[:2] for panel in panels[1:6]] == [
        ["layer 1", "conv1"],
        ["layers 1, 4", "conv1, fire3"],
        ["layers 1, 4, 6", "conv1, fire3, fire4"],
        ["layers 1, 4, 6, 7", "conv1, fire3, fire4, fire5"],
        ["sampled pixels", "(Efros and Leung)"],
    ]
    told = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    shown = [panel.title.rpartition("distance ")[2] for panel in panels if "distance" in panel.title]
    printed = [float(words[-3]) for words in told if words[-1] == "s"]  # the distance, before the seconds
    assert [float(text) for text in shown] == pytest.approx(printed, rel=0.06, abs=1e-5)
    colours = {tuple(colour) for colour in panels[0].pixels.reshape(-1, 3)}
    assert {tuple(colour) for colour in panels[5].pixels.reshape(-1, 3)} <= colours


def test_a_larger_size_continues_the_sample_which_is_shown_at_its_own_scale(weights, panels):
    assert run("textures", *QUICK, "--images", "weave", "--size", "70") == 0
    sample, neural, sampled = (panel.pixels for panel in panels)
    assert neural.shape == sampled.shape == sample.shape == (70, 70, 3)
    assert (sample[:11] == 255).all()
    assert sample[11:-11, 11:-11].std() > 5


def test_results_smaller_than_the_sample_are_drawn_at_its_scale(weights, panels):
    assert run("textures", *QUICK, "--images", "weave", "--size", "36") == 0
    assert {panel.pixels.shape for panel in panels} == {(48, 48, 3)}
    for panel in panels[1:]:
        assert (panel.pixels[:6] == 255).all()
        assert panel.pixels[6:-6, 6:-6].std() > 5


def test_a_file_too_small_for_the_network_is_refused_not_enlarged(weights, tmp_path, refusal):
    Image.new("RGB", (50, 20), "red").save(tmp_path / "small.png")
    words = refusal(run, "textures", *QUICK, "--images", tmp_path / "small.png")
    assert "50 x 20 pixels; at least 33 are needed each way" in words


def test_files_and_folders_are_read_and_a_broken_one_is_named(weights, picture, panels, tmp_path, capsys):
    (tmp_path / "broken.png").write_text("nothing")
    images = ["--images", picture, tmp_path / "broken.png"]
    assert run("textures", *QUICK, *images) == 1
    assert "skipped: image: " in capsys.readouterr().err
    assert len(panels) == 6


def test_scikit_images_textures_come_without_a_network_and_every_name_is_a_texture():
    for name in NAMES:
        pixels = np.asarray(read_sample(Picture(name, name), 48))
        assert pixels.shape == (48, 48, 3)
        assert pixels.std() > 10
    for name in PHOTOGRAPHED:
        assert np.ptp(np.asarray(read_sample(Picture(name, name), 48)), axis=2).max() == 0  # grey


def test_a_texture_that_cannot_be_had_is_told_and_the_others_are_made(weights, panels, monkeypatch, capsys):
    def absent():
        raise OSError("no network")

    monkeypatch.setattr("skimage.data.brick", absent)
    assert run("textures", *QUICK) == 0
    assert "left out: texture: 'brick'" in capsys.readouterr().out
    assert len(panels) == 6
    assert run("textures", *QUICK, "--images", "brick") == 1
    assert "none of the textures can be had" in capsys.readouterr().err


def test_an_interrupt_keeps_the_rows_that_are_finished(weights, panels, monkeypatch, tmp_path, capsys):
    def interrupted(model, sample, *rest):
        if sample.name == "brick":
            raise KeyboardInterrupt
        return make_row(model, sample, *rest)

    replace_everywhere(monkeypatch, make_row, interrupted)
    assert run("textures", *QUICK) == 130
    assert "stopped before brick was finished" in capsys.readouterr().err
    assert len(panels) == 6
    with Image.open(tmp_path / "visualization" / "texture_synthesis.png") as image:
        assert "seconds" not in json.dumps(image.text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--window", "6"], "window: 6 pixels; allowed are odd numbers"),
        (["--images", "nowhere.png"], "'nowhere.png' is not there"),
    ],
)
def test_wrong_use_of_the_script_is_one_sentence(arguments, words, weights, refusal):
    assert words in refusal(run, "textures", *QUICK[3:], *arguments)


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.12345, "0.12"), (1.5, "1.50"), (0.00062, "0.00062"), (0.0042, "0.0042")]
)
def test_distances_are_written_with_two_digits_that_count(value, text):
    assert rounded(value) == text
