"""Gradient x input, deconvnet, SmoothGrad and its kin, RISE: hand-worked numbers, closed forms, Captum, bad input."""

import itertools
import warnings
from copy import deepcopy
from functools import partial

import pytest
import torch
from captum import attr
from torch import nn

from core.errors import UsageError
from core.gradients import BlankMapWarning
from core.relu_rules import deconvnet_relus
from measures.agreement import relative_difference
from visualizers.deconvnet import deconvnet
from visualizers.gradient_times_input import gradient_times_input
from visualizers.guided_backprop import guided_backprop
from visualizers.rise import random_masks, rise
from visualizers.saliency_map import saliency_map
from visualizers.smoothgrad import NOISE, noisy_gradients, smoothgrad, smoothgrad_squared, vargrad

SMOOTH = {"smoothgrad": smoothgrad, "smoothgrad_sq": smoothgrad_squared, "vargrad": vargrad}  # by Captum's names


class Linear(nn.Module):
    """score_y = sum over all pixels of w_y * x + b_y."""

    def __init__(self, weights, bias=0.0):
        super().__init__()
        self.weights, self.bias = nn.Parameter(weights), bias  # (K, 3, H, W)

    def forward(self, x):
        return torch.einsum("nchw,kchw->nk", x, self.weights) + self.bias


@pytest.fixture
def linear():
    return Linear(torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(2)).double(), bias=7.0)


@pytest.fixture
def small():
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(3)).double()


# --- Known numbers --------------------------------------------------------------------------------


def test_gradient_times_input_of_a_linear_model_sums_to_the_score_without_its_bias(linear, small):
    contributions = gradient_times_input(linear, small, [1, 3])
    torch.testing.assert_close(contributions, small * linear.weights.detach()[[1, 3]])
    scores = linear(small).detach()[[0, 1], [1, 3]]
    torch.testing.assert_close(contributions.sum(dim=(1, 2, 3)), scores - 7.0)


def test_deconvnet_by_hand_ignores_the_sign_on_the_way_in():
    # score = relu(a) + relu(b) - relu(c) with a > 0, b < 0, c > 0: b passes although it was off, c does not
    model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(3, 1, bias=False)).double()
    with torch.no_grad():
        model[2].weight.copy_(torch.tensor([[1.0, 1.0, -1.0]]))
    image = torch.tensor([2.0, -1.0, 3.0], dtype=torch.float64).view(1, 3, 1, 1)
    assert deconvnet(model, image, 0).flatten().tolist() == [1.0, 1.0, 0.0]
    assert guided_backprop(model, image, 0).flatten().tolist() == [1.0, 0.0, 0.0]


def test_the_deconvnet_rule_leaves_the_scores_as_they_are(squeezenet, images):
    expected = squeezenet(images)
    with deconvnet_relus(squeezenet):
        assert torch.equal(squeezenet(images.requires_grad_(True)), expected)
        with torch.no_grad():
            assert torch.equal(squeezenet(images), expected)


def test_a_class_with_score_zero_still_has_a_deconvnet_picture(images):
    from conftest import random_squeezenet

    model = random_squeezenet()
    with torch.no_grad():
        model.classifier[1].bias[7] = -1e3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert deconvnet(model, images, 7).flatten(1).any(dim=1).all()


def test_smoothgrad_without_noise_is_saliency_and_its_square(squeezenet, images):
    saliency = saliency_map(squeezenet, images, [1, 4, 8])
    torch.testing.assert_close(smoothgrad(squeezenet, images, [1, 4, 8], noise=0), saliency, rtol=1e-4, atol=1e-7)
    squared = smoothgrad_squared(squeezenet, images, [1, 4, 8], samples=3, noise=0)
    torch.testing.assert_close(squared, saliency.square(), rtol=1e-4, atol=1e-9)


class Squares(nn.Module):
    """score = sum of x^3 / 6, so the gradient is x^2 / 2: its moments under Gaussian noise are known."""

    def forward(self, x):
        return (x**3 / 6).flatten(1).sum(dim=1, keepdim=True)


def test_the_moments_of_a_known_gradient_come_out():
    values = torch.linspace(-1, 1, 3 * 16).view(1, 3, 4, 4).double()
    settings = {"samples": 40_000, "noise": 0.1, "generator": torch.Generator().manual_seed(0)}
    mean, square = noisy_gradients(Squares(), values, 0, **settings)
    variance = 0.2**2  # a tenth of the range, which is 2
    torch.testing.assert_close(mean, (values**2 + variance) / 2, rtol=0, atol=0.005)
    # E[x^4] / 4 = (v^4 + 6 v^2 s^2 + 3 s^4) / 4
    expected = (values**4 + 6 * values**2 * variance + 3 * variance**2) / 4
    torch.testing.assert_close(square, expected, rtol=0, atol=0.01)
    generator = torch.Generator().manual_seed(0)
    maps = vargrad(Squares(), values, 0, samples=40_000, noise=0.1, generator=generator)
    torch.testing.assert_close(maps, (square - mean**2).amax(dim=1))


def test_the_noise_is_a_share_of_each_images_own_range(linear, small):
    wide = torch.cat([small[:1], 100 * small[:1]])
    mean, _ = noisy_gradients(Squares(), wide, 0, samples=4, noise=NOISE, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(mean[1], 100**2 * mean[0])


def test_masks_are_shares_and_their_mean_is_the_probability():
    masks = random_masks(4000, (20, 30), grid=4, probability=0.3, generator=torch.Generator().manual_seed(0))
    assert masks.shape == (4000, 20, 30)
    assert 0 <= masks.min() <= masks.max() <= 1 + 1e-6
    error = (masks.mean(dim=0) - 0.3).abs()  # its standard deviation is at most sqrt(0.3 * 0.7 / 4000) = 0.007
    assert error.max() < 0.03
    assert masks.mean() == pytest.approx(0.3, abs=0.003)


def test_masks_are_smooth_and_as_coarse_as_the_grid():
    masks = random_masks(50, (40, 40), grid=4, generator=torch.Generator().manual_seed(0))
    steps = torch.cat([masks.diff(dim=1).flatten(), masks.diff(dim=2).flatten()]).abs()
    assert steps.max() <= 1 / 10 * 5 / 4 + 1e-6  # from 0 to 1 takes a cell: 10 pixels, 5/4 of that at 5 cells for 4


def test_rise_of_a_linear_model_has_the_expectation_that_its_masks_have():
    """E[map at j] = sum over k of w_k x_k Cov(M_k, M_j) / p, with the covariance of the masks summed cell by cell."""
    size, grid, p = 6, 2, 0.4
    weights = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(4)).double()
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(5)).double()
    cell, covariance = 3, torch.zeros(size * size, size * size).double()
    for number in range(grid * grid):
        one = torch.zeros(grid * grid).double()
        one[number] = 1
        large = nn.functional.interpolate(one.view(1, 1, grid, grid), (9, 9), mode="bilinear")[0, 0]
        for top, left in itertools.product(range(cell), range(cell)):
            share = large[top : top + size, left : left + size].flatten()
            covariance += p * (1 - p) * torch.outer(share, share) / cell**2
    pixels = (weights * image).sum(dim=1).flatten()  # what each pixel adds to the score
    expected = (covariance @ pixels / p).view(1, size, size)
    settings = {"masks": 60_000, "grid": grid, "probability": p, "generator": torch.Generator().manual_seed(6)}
    maps = rise(Linear(weights, bias=50.0), image, 0, **settings)
    torch.testing.assert_close(maps, expected, rtol=0, atol=0.03 * float(expected.abs().max()))


def test_rise_is_the_papers_sum_less_the_mean_score(linear, small):
    masks = random_masks(30, (8, 8), generator=torch.Generator().manual_seed(1)).double()
    scores = torch.stack([linear(small[0] * mask[None, None])[0, 2] for mask in masks]).detach()
    paper = torch.einsum("b,bhw->hw", scores, masks) / (0.5 * 30)
    ours = rise(linear, small[:1], 2, masks=30, generator=torch.Generator().manual_seed(1))[0]
    torch.testing.assert_close(ours, paper - scores.mean() * masks.sum(dim=0) / (0.5 * 30))


def test_rise_of_a_constant_score_is_exactly_zero_and_said_to_be(squeezenet, images):
    model = deepcopy(squeezenet)
    with torch.no_grad():
        model.classifier[1].weight[1] = 0
    with pytest.warns(BlankMapWarning, match="image 0 for class 1 is blank: hiding parts"):
        assert not rise(model, images[:1], 1, masks=20).any()


# --- The same numbers as Captum --------------------------------------------------------------------


@pytest.mark.parametrize("kind", SMOOTH)
@pytest.mark.filterwarnings("ignore:Input Tensor")
def test_smoothgrad_agrees_with_captums_noise_tunnel(kind, imagenet, photograph_tensor, photograph_labels, monkeypatch):
    model, image, label = deepcopy(imagenet).double(), photograph_tensor[:1].double(), photograph_labels[:1]
    drawn = torch.randn(4, *image.shape[1:], generator=torch.Generator().manual_seed(9)).double()
    monkeypatch.setattr(torch, "normal", lambda _mean, deviation: drawn * deviation)  # our noise, for both
    tunnel = attr.NoiseTunnel(attr.Saliency(model))
    deviation = 0.15 * float(image.max() - image.min())
    settings = {"nt_type": kind, "nt_samples": 4, "stdevs": deviation, "abs": False}
    theirs = tunnel.attribute(image.clone(), target=label, **settings)
    ours = SMOOTH[kind](model, image, label, samples=4, generator=torch.Generator().manual_seed(9))
    assert relative_difference(ours, theirs.abs().amax(dim=1)).max() < 1e-6


# --- What they refuse -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (partial(smoothgrad, samples=0), "samples: 0 is too few"),
        (partial(smoothgrad, noise=-0.1), "noise: -0.1 is not a share"),
        (partial(smoothgrad_squared, noise=float("nan")), "noise: nan is not a share"),
        (partial(vargrad, samples=1), "let nothing vary"),
        (partial(vargrad, noise=0), "let nothing vary"),
        (partial(rise, masks=1), "masks: 1 is too few"),
        (partial(rise, grid=65), "grid: 65 cells do not fit; allowed are 1 to 64"),
        (partial(rise, probability=0), "probability: 0 hides all or nothing"),
        (partial(rise, probability=1.0), "probability: 1.0 hides all or nothing"),
    ],
)
def test_wrong_settings_are_named(call, words, squeezenet, images):
    with pytest.raises(UsageError, match=words):
        call(squeezenet, images, 1)


def test_an_image_of_one_value_gives_no_vargrad_and_says_why(squeezenet, images):
    images[1] = 0.3
    with pytest.warns(BlankMapWarning, match="image 1 for class 1 is blank: the image has one colour"):
        maps = vargrad(squeezenet, images, 1, samples=2)
    assert not maps[1].any()
    assert maps[[0, 2]].flatten(1).any(dim=1).all()


def test_a_network_without_relus_is_refused_by_the_deconvnet(linear, small):
    with pytest.raises(UsageError, match="the network runs none"):
        deconvnet(linear, small, 0)
