"""Textures grown pixel by pixel out of a sample."""

import pytest
import torch
from conftest import noise
from torch.nn.functional import pad

from core.errors import UsageError
from visualizers.texture_sampling import _comparison, sample_texture


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def colours_of(picture: torch.Tensor) -> set[tuple]:
    """Of (3, ...) values."""
    return {tuple(colour.tolist()) for colour in picture.flatten(1).T}


def tiles(height: int, width: int) -> torch.Tensor:
    """Two colours in squares of 3 pixels, with a third on the diagonal: the same again after 6 pixels each way."""
    rows, columns = torch.arange(height)[:, None] % 6, torch.arange(width) % 6
    planes = ((rows < 3) ^ (columns < 3), rows == columns, rows + columns == 99)
    return torch.stack([plane.float() for plane in planes])[None]


def stripes(height: int, width: int) -> torch.Tensor:
    return (torch.arange(width) % 5 < 2).float().expand(1, 3, height, width)


@pytest.mark.parametrize("size", [(20, 20), (13, 30), (7, 6)])
def test_a_constant_sample_gives_that_constant(size):
    colour = torch.tensor([0.3, -1.2, 2.0]).view(1, 3, 1, 1)
    result = sample_texture(colour.expand(1, 3, 12, 14), size, window=5, generator=chance())
    assert torch.equal(result, colour.expand(1, 3, *size))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("pattern", "period"), [(tiles, 6), (stripes, 5)])
def test_a_pattern_that_repeats_within_the_window_is_continued_exactly(pattern, period, seed):
    result = sample_texture(pattern(24, 26), (40, 37), window=13, generator=chance(seed))
    whole = pattern(40 + period, 37 + period)
    places = [(down, right) for down in range(period) for right in range(period)]
    assert any(torch.equal(result, whole[:, :, down : down + 40, right : right + 37]) for down, right in places)


def test_every_pixel_is_one_of_the_sample():
    sample = noise(1, 3, 16, 19)
    result = sample_texture(sample, (25, 22), window=7, generator=chance())
    assert result.shape == (1, 3, 25, 22)
    assert colours_of(result[0]) <= colours_of(sample[0])


def test_a_seed_stays_as_it_is_in_the_middle_and_all_around_is_of_the_sample():
    seed = noise(1, 3, 9, 6, seed=3)  # of no colour that the sample has
    sample, outside = noise(1, 3, 20, 20), torch.ones(31, 26, dtype=torch.bool)
    result = sample_texture(sample, (31, 26), window=5, seed=seed, generator=chance())
    assert torch.equal(result[:, :, 11:20, 10:16], seed)
    outside[11:20, 10:16] = False
    # A pixel comes from the middle of a window that lies inside the sample whole.
    assert colours_of(result[0][:, outside]) <= colours_of(sample[0, :, 2:-2, 2:-2])


def test_a_result_that_the_seed_fills_is_the_seed():
    seed = noise(1, 3, 8, 8)
    assert torch.equal(sample_texture(noise(1, 3, 9, 9, seed=1), (8, 8), window=3, seed=seed), seed)


def test_the_distance_is_the_weighted_mean_over_what_is_known_by_its_definition():
    sample, window = noise(1, 3, 9, 10), 5
    colours, known = noise(3, 4, window, window, seed=1), (noise(4, window, window, seed=2) > 0).float()
    distances = _comparison(sample, window)[0](colours, known)  # (4, 30)
    offsets = torch.arange(-2, 3).double()
    bell = (-(offsets[:, None] ** 2 + offsets**2) / (2 * (window / 6.4) ** 2)).exp()
    for index in range(4):
        weight = bell * known[index].double()
        for place in range(5 * 6):
            row, column = divmod(place, 6)
            there = sample[0, :, row : row + 5, column : column + 5].double()
            expected = ((there - colours[:, index].double()).square().sum(dim=0) * weight).sum() / weight.sum()
            assert float(distances[index, place]) == pytest.approx(float(expected), rel=1e-4, abs=1e-5)


def test_without_tolerance_the_missing_pixel_is_that_of_the_window_that_fits_best():
    sample = noise(1, 3, 14, 15)
    # 5 x 4 known pixels, cut from the sample and made noisy: the fifth column is grown at its right.
    seed = sample[:, :, 4:9, 6:10] + 0.1 * noise(1, 3, 5, 4, seed=1)
    result = sample_texture(sample, (5, 5), window=5, tolerance=0.0, seed=pad(seed, (0, 1, 0, 0))[..., :4])
    assert torch.equal(result[..., 4], sample[:, :, 4:9, 10])


def test_the_choice_is_among_all_that_fit_and_the_seed_of_chance_decides():
    # Known is one colour; in the sample it is followed by one of two others, as often.
    sample = torch.zeros(1, 3, 3, 30)
    sample[..., 2::6], sample[..., 5::6] = 1.0, 2.0
    seen = set()
    for number in range(12):
        seed = torch.zeros(1, 3, 3, 2)
        grown = sample_texture(sample, (3, 3), window=3, seed=seed, generator=chance(number))
        assert torch.equal(grown, sample_texture(sample, (3, 3), window=3, seed=seed, generator=chance(number)))
        seen |= set(grown[0, 0, :, 2].tolist()) | set(grown[0, 0, :, 0].tolist())
    assert {1.0, 2.0} <= seen


def test_the_callback_counts_every_grown_pixel_and_the_sample_is_left_alone():
    sample, counts = noise(1, 3, 12, 12).requires_grad_(True), []
    before = sample.detach().clone()
    sample_texture(sample, (14, 11), window=5, generator=chance(), callback=counts.append)
    assert sum(counts) == 14 * 11 - 25
    assert torch.equal(sample.detach(), before)
    assert sample.grad is None


def test_few_pixels_are_compared_at_a_time_where_the_sample_has_many_windows(monkeypatch):
    sample, counts = tiles(24, 26), []
    monkeypatch.setattr("visualizers.texture_sampling.AT_A_TIME", 2 * 20 * 22)
    result = sample_texture(sample, (60, 60), window=5, generator=chance(), callback=counts.append)
    assert max(counts) == 2
    assert sum(counts) == 60 * 60 - 25
    assert colours_of(result[0]) <= colours_of(sample[0])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"window": 4}, "window: 4 pixels; allowed are odd numbers from 3 to 10"),
        ({"window": 11}, "window: 11 pixels"),
        ({"window": 5, "seed": torch.zeros(1, 3, 30, 3)}, "size: 20 x 20 pixels with a seed of 3 x 30"),
    ],
)
def test_wrong_use_is_named(settings, words):
    with pytest.raises(UsageError, match=words):
        sample_texture(noise(1, 3, 10, 12), (20, 20), **settings)
    with pytest.raises(UsageError, match="sample: a tensor of shape"):
        sample_texture(noise(2, 3, 10, 12), (20, 20))
