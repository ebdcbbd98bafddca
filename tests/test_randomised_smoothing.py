"""The certified radius: by hand, against the binomial law itself, and where the exact radius is known."""

from statistics import NormalDist

import pytest
import torch
from conftest import noise
from scipy.stats import binom
from torch import nn

from core.errors import UsageError
from core.images import IMAGENET_STD
from visualizers.randomised_smoothing import ABSTAINS, Certificate, certified_accuracy, certified_radius, certify


class Linear(nn.Module):
    """Two classes, one on each side of a plane: the smoothed network's radius is the distance from the plane."""

    def __init__(self, weight, bias=0.0):
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight), bias

    def forward(self, images):
        height = (images * self.weight).sum(dim=(1, 2, 3)) + self.bias
        return torch.stack([height, -height], dim=1)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def test_all_of_a_hundred_draws_give_the_radius_by_hand():
    share = 0.001 ** (1 / 100)  # p^100 = alpha
    expected = 0.25 * NormalDist().inv_cdf(share)
    assert certified_radius(100, 100, sigma=0.25, alpha=0.001) == pytest.approx(expected, rel=1e-9)
    assert expected == pytest.approx(0.3751, abs=1e-4)


@pytest.mark.parametrize(("hits", "draws"), [(60, 80), (99, 100), (400, 500)])
def test_the_lower_end_is_the_share_for_which_so_many_hits_are_just_that_rare(hits, draws):
    radius = certified_radius(hits, draws, sigma=1.0, alpha=0.01)
    assert radius > 0
    share = NormalDist().cdf(radius)
    assert binom.sf(hits - 1, draws, share) == pytest.approx(0.01, rel=1e-6)


def test_half_of_the_draws_or_none_prove_nothing():
    assert certified_radius(50, 100, sigma=1.0, alpha=0.001) == 0
    assert certified_radius(60, 100, sigma=1.0, alpha=0.001) == 0  # the lower end is below a half
    assert certified_radius(0, 100, sigma=1.0, alpha=0.001) == 0


def test_on_a_linear_network_the_radius_comes_near_the_exact_one_and_never_passes_it():
    weight = noise(3, 8, 8)
    length = (weight / torch.tensor(IMAGENET_STD).view(3, 1, 1)).norm()  # per unit of RGB
    images, sigma = 0.1 * noise(12, 3, 8, 8, seed=1), 0.02
    heights = (images * weight).sum(dim=(1, 2, 3)) / length
    exact = torch.linspace(0.4, 1.8, 12) * sigma
    images = images * (exact / heights.abs()).view(-1, 1, 1, 1)
    found = certify(Linear(weight), images, sigma=sigma, n0=200, n=10_000, generator=chance())
    assert found.labels.tolist() == (heights < 0).long().tolist()
    assert (found.radii <= exact).all()
    assert (found.radii >= 0.85 * exact - 0.01 * sigma).all()


def test_on_the_plane_itself_it_abstains():
    found = certify(Linear(noise(3, 8, 8)), torch.zeros(1, 3, 8, 8), n0=20, n=200, generator=chance())
    assert (found.labels.tolist(), found.radii.tolist()) == ([ABSTAINS], [0])


def test_a_network_that_ignores_the_picture_gets_the_largest_radius_there_is():
    found = certify(Linear(torch.zeros(3, 8, 8), 1.0), noise(2, 3, 8, 8), n0=5, n=300, alpha=0.01, sigma=0.5)
    assert found.labels.tolist() == [0, 0]
    assert found.radii.tolist() == pytest.approx([0.5 * NormalDist().inv_cdf(0.01 ** (1 / 300))] * 2)


def test_a_batch_gives_what_its_images_give_one_by_one(squeezenet, images):
    settings = {"sigma": 0.3, "n0": 4, "n": 30, "alpha": 0.1}
    together, one = certify(squeezenet, images, **settings, generator=chance()), chance()
    alone = [certify(squeezenet, image, **settings, generator=one) for image in images.split(1)]
    assert together.labels.tolist() == [int(each.labels) for each in alone]
    assert together.radii.tolist() == [float(each.radii) for each in alone]


def test_certified_accuracy_by_hand():
    radii = torch.tensor([0.25, 0.125, 0.0, 0.5], dtype=torch.float64)
    certificate = Certificate(torch.tensor([2, 2, ABSTAINS, 1]), radii)
    shares = certified_accuracy(certificate, torch.tensor([2, 2, 0, 0]), torch.tensor([0.0, 0.125, 0.2, 0.4]))
    assert shares.tolist() == [0.5, 0.5, 0.25, 0]  # the last picture is certain, and wrong


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"sigma": 0}, "sigma: 0"), ({"n0": 0}, "n0 and n: 0 and 500"), ({"alpha": 1}, "alpha: 1")],
)
def test_settings_out_of_range_are_refused(squeezenet, images, settings, words):
    with pytest.raises(UsageError, match=words):
        certify(squeezenet, images, **settings)
