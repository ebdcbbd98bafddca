"""Localisation scores: the mask itself scores 1, its complement 0, and small cases are counted by hand."""

import pytest
import torch

from core.errors import UsageError
from measures.localisation import best_iou, centre_map, localisation, pointing_game, relevance_mass

MASK = torch.zeros(1, 4, 4, dtype=torch.bool)
MASK[0, 1:3, 1:3] = True


@pytest.mark.parametrize("score", [pointing_game, relevance_mass, best_iou])
def test_the_mask_scores_one_and_its_complement_and_a_blank_map_zero(score):
    assert score(MASK.float(), MASK) == 1
    assert score(~MASK * 1.0, MASK) == 0
    assert score(torch.zeros(1, 4, 4), MASK) == 0
    assert score(-MASK.float(), MASK) == 0


def test_pointing_counts_the_largest_value_and_shares_ties():
    values = torch.zeros(1, 4, 4)
    values[0, 1, 1] = 2
    assert pointing_game(values, MASK) == 1
    values[0, 0, 0] = 2
    assert pointing_game(values, MASK) == 0.5
    values[0, 0, 0] = 3
    assert pointing_game(values, MASK) == 0


def test_mass_is_the_share_of_positive_evidence():
    values = torch.zeros(1, 4, 4)
    values[0, 1, 1], values[0, 0, 0], values[0, 3, 3] = 3, 1, -9
    assert relevance_mass(values, MASK) == 0.75


def test_iou_takes_the_best_threshold():
    values = torch.zeros(1, 4, 4)
    values[0, 1, 1], values[0, 1, 2], values[0, 0, 0], values[0, 2, 2] = 4, 3, 2, 1
    # thresholds 4, 3, 2, 1 choose 1, 2, 3, 4 pixels: 1/4, 2/4, 2/5, 3/5
    assert best_iou(values, MASK) == pytest.approx(3 / 5)


def test_iou_equals_trying_every_threshold():
    generator = torch.Generator().manual_seed(0)
    maps = torch.randint(0, 6, (5, 6, 7), generator=generator).float()  # many equal values
    masks = torch.rand(5, 6, 7, generator=generator) < 0.3
    for index in range(5):
        tried = []
        for threshold in maps[index].unique():
            if threshold > 0:
                chosen = maps[index] >= threshold
                tried.append(float((chosen & masks[index]).sum() / (chosen | masks[index]).sum()))
        assert best_iou(maps, masks)[index] == pytest.approx(max(tried))


def test_scores_do_not_depend_on_the_scale_of_a_map_or_on_the_batch():
    generator = torch.Generator().manual_seed(1)
    maps = torch.rand(3, 4, 4, generator=generator)
    masks = MASK.expand(3, 4, 4)
    torch.testing.assert_close(localisation(7 * maps, masks), localisation(maps, masks))
    torch.testing.assert_close(localisation(maps[1:2], MASK), localisation(maps, masks)[1:2])


def test_the_centre_baseline_hits_the_centre_and_is_symmetric():
    hill = centre_map(5, 7)
    assert hill.argmax() == 2 * 7 + 3
    torch.testing.assert_close(hill, hill.flip(0, 1))


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"got \(1, 3, 3\) and \(1, 4, 4\); resize the map"):
        pointing_game(torch.zeros(1, 3, 3), MASK)
    with pytest.raises(UsageError, match="bool is needed"):
        best_iou(torch.zeros(1, 4, 4), MASK.float())
