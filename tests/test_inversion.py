"""Feature inversion: the layer's features come back, the picture as far as the layer holds it."""

import csv
import math

import numpy as np
import pytest
import torch
from conftest import random_squeezenet, replace_everywhere, run, state_of
from PIL import Image
from torch import nn

from core.errors import UsageError, WorkError
from core.images import normalise, valid_range
from core.parametrisations import decode_unbounded, encode_unbounded
from measures.reconstruction import layer_error, pattern_error, picture_error, ssim
from visualizers.inversion import invert_features

FREE = {"tv_weight": 0, "alpha_weight": 0}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth_pictures(count: int = 2, size: int = 32) -> torch.Tensor:
    """Valid pictures of soft patches, (N, 3, size, size), in the network's units."""
    coarse = torch.rand(count, 3, 5, 5, generator=seeded(3))
    return normalise(nn.functional.interpolate(coarse, size, mode="bicubic", align_corners=True).clamp(0.05, 0.95))


def invertible_network() -> nn.Sequential:
    """A convolution that mixes three channels into three others; nothing of the picture is lost."""
    layer = nn.Conv2d(3, 3, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1, 0.5, 0], [0, 1, 0], [0.5, 0, -1]])[:, :, None, None])
        layer.bias.copy_(torch.tensor([1.0, -2, 0.5]))
    return nn.Sequential(layer).requires_grad_(False)


@pytest.fixture(scope="module")
def deepening() -> nn.Module:
    """Three stages, each of which gives fewer numbers than the one before: nearly 6, 0.5 and 0.02 for each it gets."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        net = nn.Sequential(
            nn.Conv2d(3, 24, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(24, 16, 5, stride=3),
            nn.ReLU(inplace=True),
            nn.Conv2d(16, 8, 3, stride=4),
            nn.ReLU(inplace=True),
        )
    return net.requires_grad_(False).eval()


def test_without_regularisation_an_invertible_layer_gives_the_picture_back():
    images = smooth_pictures(1, 16).double()
    back = invert_features(invertible_network().double(), images, "0", iterations=500, generator=seeded(), **FREE)
    assert picture_error(back, images).max() < 1e-3


def test_the_picture_itself_is_where_it_stays(squeezenet):
    images = smooth_pictures(size=64)
    back = invert_features(squeezenet, images, "features.6", iterations=20, start=images, **FREE)
    torch.testing.assert_close(back, images, atol=1e-4, rtol=0)
    assert layer_error(squeezenet, back, images, "features.6").max() < 1e-4


def test_the_error_of_the_picture_rises_with_depth(deepening):
    images = smooth_pictures()
    errors, likeness = [], []
    for layer in ("1", "3", "5"):
        back = invert_features(deepening, images, layer, iterations=40, generator=seeded())
        errors.append(picture_error(back, images).tolist())
        likeness.append(ssim(back, images).tolist())
    assert all(a < b < c for a, b, c in zip(*errors, strict=True))
    assert all(a > b > c for a, b, c in zip(*likeness, strict=True))
    assert max(errors[0]) < 0.4  # 0.17 to 0.19 over roundings; without the features' pull it stays above 1


def test_more_steps_bring_the_features_nearer(squeezenet):
    images = smooth_pictures(1, 64)
    few, many = (
        invert_features(squeezenet, images, "features.4", iterations=n, generator=seeded(), **FREE) for n in (2, 80)
    )
    errors = [layer_error(squeezenet, back, images, "features.4") for back in (few, many)]
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("side", [8, 9])
def test_a_picture_is_its_spectrum_written_otherwise(side):
    images = torch.randn(2, 3, side, side, generator=seeded(), dtype=torch.double)
    torch.testing.assert_close(decode_unbounded(encode_unbounded(images)), images)


def first_objective(model, images, layer, start, **settings) -> float:
    values = []
    watch = {"callback": lambda step: values.append(float(step.value))}
    invert_features(model, images, layer, iterations=1, start=start, **watch, **settings)
    return values[0]


def test_the_objective_is_the_papers_on_numbers_worked_by_hand():
    # One pixel differs from black: the features are the colours themselves.
    model = nn.Sequential(nn.Identity(), nn.Conv2d(3, 3, 1)).requires_grad_(False).double()
    black, white = (value.double().expand(1, 3, 2, 2) for value in valid_range(torch.zeros(1, dtype=torch.double)))
    start = black.clone()
    start[..., 0, 0] = white[..., 0, 0]
    misfit = (start - black).square().sum() / black.square().sum()
    assert first_objective(model, black, "0", start, **FREE) == pytest.approx(float(misfit))
    # |2 v - 1| is 1 for black and for white.
    only = FREE | {"alpha_weight": 7.0}
    assert first_objective(model, black, "0", start, **only) == pytest.approx(float(misfit) + 7)
    # The corner: a step right and a step down, in three channels, so (1 + 1) * 3 at one of four pixels.
    for beta, expected in ((2, 6 / 4), (1, math.sqrt(6) / 4), (4, 36 / 4)):
        only = FREE | {"tv_weight": 5.0, "beta": beta}
        assert first_objective(model, black, "0", start, **only) == pytest.approx(
            float(misfit) + 5 * expected, abs=1e-4
        )


def test_alpha_is_the_exponent_of_the_colours():
    model = nn.Sequential(nn.Identity(), nn.Conv2d(3, 3, 1)).requires_grad_(False).double()
    start = normalise(torch.full((1, 3, 4, 4), 0.75, dtype=torch.double))  # |2 v - 1| is a half
    for alpha in (2, 6):
        settings = {"tv_weight": 0, "alpha_weight": 1.0, "alpha": alpha}
        assert first_objective(model, start, "0", start, **settings) == pytest.approx(0.5**alpha)


def test_the_gradient_is_that_of_finite_differences(monkeypatch):
    slopes = []

    class Probe:
        """An optimiser that goes nowhere: it compares the gradient that it is given with two values beside."""

        def __init__(self, parameters, **_settings):
            (self.coefficients,) = parameters

        def step(self, closure):
            closure()
            gradient, start = self.coefficients.grad.clone(), self.coefficients.detach().clone()
            direction = torch.randn(start.shape, generator=seeded(6), dtype=torch.double)
            values = []
            for step in (1e-6, -1e-6):
                self.coefficients.data.copy_(start + step * direction)
                values.append(float(closure()))
            slopes.append((float((gradient * direction).sum()), (values[0] - values[1]) / 2e-6))

    monkeypatch.setattr(torch.optim, "LBFGS", Probe)
    model, images = random_squeezenet().double(), smooth_pictures(1, 64).double()
    start = 0.5 * torch.randn(images.shape, generator=seeded(5), dtype=torch.double)
    for settings in ({"tv_weight": 0.3, "beta": 1.5, "alpha_weight": 0.2}, FREE):
        invert_features(model, images, "features.6", start=start, **settings)
    for gradient, difference in slopes:
        assert gradient == pytest.approx(difference, rel=1e-5)


def test_a_batch_is_inverted_as_its_images_one_by_one(squeezenet):
    images = smooth_pictures(size=64)
    settings = {"iterations": 6, "start": 0.1 * torch.randn(images.shape, generator=seeded())}
    together = invert_features(squeezenet, images, "features.4", **settings)
    for index in range(2):
        alone = settings | {"start": settings["start"][index : index + 1]}
        torch.testing.assert_close(
            invert_features(squeezenet, images[index : index + 1], "features.4", **alone)[0], together[index]
        )


def test_the_same_seed_gives_the_same_picture_and_another_another(squeezenet):
    images = smooth_pictures(1, 64)
    first, same, other = (
        invert_features(squeezenet, images, "features.9", iterations=3, generator=seeded(n)) for n in (1, 1, 2)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_the_colours_are_valid_and_the_side_may_be_odd(squeezenet):
    images = smooth_pictures(1, 64)[..., :61, :61]
    back = invert_features(squeezenet, images, "features.1", iterations=5, generator=seeded())
    black, white = valid_range(back)
    assert back.shape == images.shape
    assert (back >= black - 1e-5).all()
    assert (back <= white + 1e-5).all()


def test_the_forward_pass_stops_at_the_layer(images):
    model, calls = random_squeezenet(), []
    handle = model.features[5].register_forward_hook(lambda *_: calls.append(1))
    invert_features(model, images[:1], "features.4", iterations=5)
    handle.remove()
    assert len(calls) == 1  # the first pass counts how often the layer is used


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize("frozen", [False, True], ids=["trainable", "frozen"])
def test_any_layer_of_any_network_can_be_inverted(training, frozen, images):
    model = random_squeezenet().requires_grad_(not frozen).train(training)
    before = state_of(model, images)
    for layer in ("features.0", "features.3.squeeze", "classifier.1", "classifier"):
        assert invert_features(model, images[:1], layer, iterations=2).isfinite().all()
    assert state_of(model, images) == before


def test_what_is_wrong_is_named(squeezenet, images):
    with pytest.raises(UsageError, match=r"layer: 'features.77' is not in the network"):
        invert_features(squeezenet, images, "features.77")
    with pytest.raises(UsageError, match=r"start: .* give one of their shape each"):
        invert_features(squeezenet, images, "features.1", start=images[:1])
    with pytest.raises(UsageError, match=r"\(N, 3, H, W\)"):
        invert_features(squeezenet, images[0], "features.1")
    with pytest.raises(UsageError, match="64 x 47 pixels; square ones are needed"):
        invert_features(squeezenet, images[..., :47, :], "features.1")
    dead = nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())
    nn.init.constant_(dead[0].bias, -1e6)
    with pytest.raises(UsageError, match="'1' gives 0 everywhere for image 0"):
        invert_features(dead, images, "1")
    with pytest.raises(WorkError, match="no longer finite"):
        invert_features(squeezenet, images, "features.1", alpha_weight=math.inf)


def test_errors_of_pictures_by_hand():
    images = smooth_pictures()
    mean = images.mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(picture_error(images, images), torch.zeros(2).double())
    torch.testing.assert_close(picture_error(mean.expand_as(images), images), torch.ones(2).double())
    torch.testing.assert_close(picture_error(mean + 0.7 * (images - mean), images), torch.full((2,), 0.3).double())
    assert picture_error(images, mean.expand_as(images)).isnan().all()
    faint = mean + 0.2 * (images - mean) + 0.5  # the pattern of it, in other colours
    torch.testing.assert_close(pattern_error(faint, images), torch.zeros(2).double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(pattern_error(2 * mean - images, images), torch.full((2,), 2.0).double())
    assert pattern_error(mean.expand_as(images), images).isnan().all()
    torch.testing.assert_close(ssim(images, images), torch.ones(2).double())
    with pytest.raises(UsageError, match="both must be equal"):
        picture_error(images[:1], images)


def test_the_error_of_a_layer_by_hand(images):
    double = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False))
    torch.testing.assert_close(layer_error(double, 1.5 * images, images, "0"), torch.full((3,), 0.5))
    torch.testing.assert_close(layer_error(double, 0 * images, images, "0"), torch.ones(3))


QUICK = ["--size", "64", "--iterations", "3", "--layers", "features.1", "features.9"]


def test_the_study_writes_the_picture_and_both_tables(weights, picture, tmp_path, panels, capsys):
    assert run("inversion", *QUICK, "--images", picture, picture) == 0
    folder = tmp_path / "visualization"
    with Image.open(folder / "inversion_visualization.png") as image:
        assert np.asarray(image).std() > 10
    assert len(panels) == 2 * 3
    with (folder / "inversion_visualization.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == ["features.1"] * 2 + ["features.9"] * 2
    assert {row["class"] for row in rows} == {panels[0].title.replace("\n", " ").rpartition(" %")[0].rpartition(" ")[0]}
    assert f"SSIM {float(rows[2]['ssim']):.2f}" in panels[2].title
    table = (folder / "inversion_visualization.md").read_text(encoding="utf-8")
    assert "| features.9, fire6 | 384 x 3 x 3 |" in table
    said = capsys.readouterr().out
    assert table.partition("\n<!--")[0] in said
    assert "the mean error of the picture" in said


def test_a_picture_of_one_colour_has_no_error_and_takes_none_from_the_others(
    weights, picture, tmp_path, panels, capsys
):
    Image.new("RGB", (80, 80), (90, 120, 150)).save(tmp_path / "blank.png")
    assert run("inversion", *QUICK, "--images", picture, "blank.png") == 0
    with (tmp_path / "visualization" / "inversion_visualization.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    table = (tmp_path / "visualization" / "inversion_visualization.md").read_text(encoding="utf-8")
    assert rows[1]["picture_error"] == "nan"
    assert f"| {float(rows[0]['picture_error']):.3f} |" in table
    assert "nan" not in table
    assert "error – (" in panels[3].title
    capsys.readouterr()
    assert run("inversion", *QUICK, "--images", "blank.png") == 0
    assert "the error of the picture is unknown" in capsys.readouterr().out


def test_one_layer_alone_is_said_neither_to_rise_nor_to_fall(weights, picture, capsys):
    assert run("inversion", *QUICK[:-2], "features.1", "--images", picture) == 0
    assert "rises" not in capsys.readouterr().out


def test_each_layer_starts_from_the_picture_of_the_next_deeper_one_whose_features_come_from_its_own(
    weights, picture, monkeypatch, panels
):
    whole, seen = invert_features, []

    def watched(model, images, layer, *, start, **settings):
        seen.append((layer, start, whole(model, images, layer, start=start, **settings)))
        return seen[-1][2]

    replace_everywhere(monkeypatch, invert_features, watched)
    layers = ["features.4", "features.1", "features.4.expand1x1", "features.9"]
    assert run("inversion", *QUICK[:-2], *layers, "--images", picture) == 0
    assert [layer for layer, *_ in seen] == ["features.9", "features.4", "features.4.expand1x1", "features.1"]
    (deepest, first), (middle, second), (branch, _), (shallow, _) = (each[1:] for each in seen)
    assert deepest is None
    assert middle is first
    assert branch is None  # what features.4 holds came from the other branch, too
    assert shallow is second
    titles = [panel.title.partition("\n")[0] for panel in panels[1:]]
    assert titles == ["features.1", "features.4.expand1x1", "features.4", "features.9"]


def test_an_interrupt_draws_the_layers_that_are_finished(weights, picture, tmp_path, monkeypatch, panels, capsys):
    whole = invert_features

    def stops(model, images, layer, **settings):
        if layer == "features.1":
            raise KeyboardInterrupt
        return whole(model, images, layer, **settings)

    replace_everywhere(monkeypatch, invert_features, stops)
    assert run("inversion", *QUICK, "--images", picture) == 130
    assert len(panels) == 2
    assert (tmp_path / "visualization" / "inversion_visualization.png").exists()
    captured = capsys.readouterr()
    assert "stopped before features.1" in captured.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--layers", "features.77"], "'features.77' is not in the network"),
        (["--iterations", "0"], "0 is not a whole number"),
        (["--tv-weight", "-1"], "-1 is not a number"),
    ],
)
def test_wrong_use_is_refused_in_one_sentence(arguments, words, weights, refusal):
    assert words in refusal(run, "inversion", *arguments)
