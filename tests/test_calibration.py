"""Confidence against how often it is right: hand-worked numbers, edges, and an independent count."""

import math

import numpy as np
import pytest
import torch

from core.errors import UsageError
from measures.calibration import entropy, fit_temperature, reliability


def test_the_error_of_four_pictures_by_hand():
    found = reliability(torch.tensor([0.95, 0.93, 0.55, 0.53]), torch.tensor([True, False, True, True]), bins=10)
    assert found.counts.tolist() == [0, 0, 0, 0, 0, 2, 0, 0, 0, 2]
    assert found.confidence[5] == pytest.approx(0.54)
    assert found.accuracy[[5, 9]].tolist() == [1, 0.5]
    assert found.gaps[9] == pytest.approx(0.44)  # too sure of itself
    assert found.gaps[5] == pytest.approx(-0.46)
    assert found.error == pytest.approx((2 * 0.44 + 2 * 0.46) / 4)


def test_a_value_on_an_edge_is_in_the_bin_below_it_and_nothing_falls_out():
    confidence = torch.tensor([0.0, 0.5, 0.500001, 1.0], dtype=torch.float64)
    assert reliability(confidence, torch.ones(4, dtype=torch.bool), bins=2).counts.tolist() == [2, 2]


@pytest.mark.parametrize("bins", [1, 7, 15])
def test_it_agrees_with_an_independent_count(bins):
    chance = np.random.default_rng(0)
    confidence = chance.uniform(0.1, 1, 500)
    correct = chance.uniform(size=500) < confidence**2
    expected = 0.0
    for b in range(bins):
        inside = [i for i in range(500) if b / bins < confidence[i] <= (b + 1) / bins]
        if inside:
            expected += abs(sum(correct[i] for i in inside) - sum(confidence[i] for i in inside)) / 500
    found = reliability(torch.from_numpy(confidence), torch.from_numpy(correct), bins=bins)
    assert found.error == pytest.approx(expected, abs=1e-12)
    assert found.counts.sum() == 500


def test_a_network_as_sure_as_it_is_right_has_no_error_and_one_always_sure_has_its_error_rate():
    chance = torch.Generator().manual_seed(0)
    confidence = torch.rand(40_000, generator=chance)
    correct = torch.rand(40_000, generator=chance) < confidence
    assert reliability(confidence, correct).error < 0.02
    assert reliability(torch.ones(10), torch.arange(10) < 7).error == pytest.approx(0.3)
    assert reliability(torch.full((8,), 0.25), torch.arange(8) < 2).error == 0  # a guess that knows it is one


@pytest.mark.parametrize(
    ("confidence", "correct", "words"),
    [
        (torch.zeros(0), torch.zeros(0, dtype=torch.bool), "at least 1"),
        (torch.rand(2), torch.ones(3, dtype=torch.bool), r"\(2,\) and \(3,\)"),
        (torch.tensor([0.5, 1.2]), torch.ones(2, dtype=torch.bool), "0.5 to 1.2; allowed are 0 to 1"),
        (torch.tensor([float("nan")]), torch.ones(1, dtype=torch.bool), "nan"),
    ],
)
def test_what_cannot_be_sorted_is_refused(confidence, correct, words):
    with pytest.raises(UsageError, match=words):
        reliability(confidence, correct)


def test_entropy_is_0_for_certainty_1_for_a_guess_and_a_half_for_two_of_four():
    rows = torch.tensor([[1.0, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0], [0.5, 0.25, 0.25, 0]])
    expected = [0, 1, 0.5, 1.5 * math.log(2) / math.log(4)]
    assert entropy(rows).tolist() == pytest.approx(expected)
    with pytest.raises(UsageError, match="at least 2"):
        entropy(torch.ones(3, 1))


def test_the_temperature_of_two_classes_by_hand():
    """Three of four right at a margin of 2: p = 3/4 needs sigmoid(2 / T) = 3/4, so T = 2 / log 3."""
    scores = torch.tensor([[2.0, 0.0]]).repeat(4, 1)
    assert fit_temperature(scores, torch.tensor([0, 0, 0, 1])) == pytest.approx(2 / math.log(3), rel=1e-5)


def test_scores_made_three_times_as_large_are_cooled_by_three():
    chance = torch.Generator().manual_seed(0)
    scores = 2 * torch.randn(20_000, 5, generator=chance)
    labels = torch.multinomial(scores.softmax(dim=1), 1, generator=chance).flatten()
    assert fit_temperature(scores, labels) == pytest.approx(1, abs=0.03)
    assert fit_temperature(3 * scores, labels) == pytest.approx(3 * fit_temperature(scores, labels), rel=1e-4)
    cooled = (3 * scores / fit_temperature(3 * scores, labels)).softmax(dim=1).max(dim=1)
    assert reliability(cooled.values, cooled.indices == labels).error < 0.02
    raw = (3 * scores).softmax(dim=1).max(dim=1)
    assert reliability(raw.values, raw.indices == labels).error > 0.1
