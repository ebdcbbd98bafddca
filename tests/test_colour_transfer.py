"""Colour kept from the content: numbers worked by hand, degenerate colours, and what must not change."""

import pytest
import torch
from conftest import noise

from core.errors import UsageError
from core.images import denormalise, normalise
from visualizers.colour_transfer import keep_luminance, match_colours


def pixels(*colours):
    """RGB colours as a picture one pixel high, in the network's units, float64."""
    return normalise(torch.tensor(colours, dtype=torch.float64).T[None, :, None])


def colours_of(picture):
    """(P, 3), RGB."""
    return denormalise(picture)[0].flatten(1).T


def random_picture(height, width, seed):
    mixing = torch.tensor([[0.1, 0.02, 0.0], [0.0, 0.06, 0.03], [0.02, 0.0, 0.04]], dtype=torch.float64)
    values = noise(1, 3, height, width, seed=seed).double()
    return normalise((0.5 + torch.einsum("ij,njhw->nihw", mixing, values)).clamp(0, 1))


def test_luminance_by_hand():
    # Y of the content (0.5, 0.3, 0.4) is 0.1495 + 0.1761 + 0.0456 = 0.3712; the styled grey has Y = 0.6.
    result = keep_luminance(pixels([0.6, 0.6, 0.6]), pixels([0.5, 0.3, 0.4]))
    expected = torch.tensor([[0.6 + 0.1288, 0.6 - 0.0712, 0.6 + 0.0288]], dtype=torch.float64)
    torch.testing.assert_close(colours_of(result), expected, rtol=0, atol=1e-7)


def test_a_colour_that_would_be_too_bright_becomes_paler_and_keeps_its_luminance():
    # Red over Y = 0.9: the channel may rise by 0.1 only, of the 0.701 that red stands above its luminance.
    result = keep_luminance(pixels([0.9, 0.9, 0.9]), pixels([1.0, 0.0, 0.0]))
    paler = 0.1 / 0.701
    expected = torch.tensor([[1.0, 0.9 - 0.299 * paler, 0.9 - 0.299 * paler]], dtype=torch.float64)
    torch.testing.assert_close(colours_of(result), expected, rtol=0, atol=1e-7)
    assert (colours_of(result) @ torch.tensor([0.299, 0.587, 0.114]).double()).item() == pytest.approx(0.9)


def test_a_picture_keeps_its_own_luminance_and_colours():
    picture = random_picture(6, 7, seed=1)
    torch.testing.assert_close(keep_luminance(picture, picture), picture)


def test_of_a_grey_content_only_light_is_left():
    result = colours_of(keep_luminance(random_picture(5, 5, seed=1), pixels([0.5, 0.5, 0.5]).expand(1, 3, 5, 5)))
    torch.testing.assert_close(result, result[:, :1].expand(-1, 3), rtol=0, atol=1e-6)


def test_matched_colours_by_hand_where_the_channels_are_independent():
    # Style: standard deviations 0.1, 0.2, 0.1 about 0.5; content: 0.2, 0.1, 0.05 about 0.4, 0.5, 0.6.
    signs = torch.tensor([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=torch.float64)  # independent
    style = pixels(*(0.5 + signs * torch.tensor([0.1, 0.2, 0.1])).tolist())
    middle, spread = torch.tensor([0.4, 0.5, 0.6]).double(), torch.tensor([0.2, 0.1, 0.05]).double()
    content = pixels(*(middle + signs * spread).tolist())
    torch.testing.assert_close(colours_of(match_colours(style, content)), middle + signs * spread, rtol=0, atol=1e-6)


def test_mean_and_covariance_become_the_contents():
    style, content = random_picture(20, 24, seed=2), random_picture(16, 30, seed=3).flip(1)
    matched, wanted = colours_of(match_colours(style, content)), colours_of(content)
    torch.testing.assert_close(matched.mean(0), wanted.mean(0), rtol=0, atol=1e-6)
    torch.testing.assert_close(matched.T.cov(correction=0), wanted.T.cov(correction=0), rtol=0, atol=1e-6)


def test_no_other_linear_map_with_that_covariance_moves_the_colours_less():
    style, content = random_picture(20, 24, seed=2), random_picture(16, 30, seed=3).flip(1)
    x, matched = colours_of(style), colours_of(match_colours(style, content))
    roots = []
    for picture in (style, content):
        values, vectors = torch.linalg.eigh(colours_of(picture).T.cov(correction=0))
        roots.append((vectors * values.sqrt() @ vectors.T, vectors / values.sqrt() @ vectors.T))
    papers = (x - x.mean(0)) @ (roots[1][0] @ roots[0][1]).T + colours_of(content).mean(0)
    torch.testing.assert_close(papers.T.cov(), matched.T.cov(), rtol=0, atol=1e-6)  # a map of the same kind
    assert (matched - x).square().sum() < (papers - x).square().sum()


def test_a_style_in_the_contents_colours_is_left_as_it_is():
    picture = random_picture(12, 12, seed=4)
    torch.testing.assert_close(match_colours(picture, picture.flip(3)), picture, rtol=0, atol=1e-6)


def test_a_grey_style_does_not_have_its_rounding_blown_up():
    grey = noise(1, 1, 16, 16, seed=5).double().mul(0.2).add(0.5).clamp(0, 1).expand(1, 3, 16, 16)
    rounded = normalise((grey + 0.001 * noise(1, 3, 16, 16, seed=6).double()).clamp(0, 1))
    content = random_picture(16, 16, seed=7)
    result = colours_of(match_colours(rounded, content))
    spread = colours_of(content).diff(dim=1).std(dim=0).max()
    assert result.isfinite().all()
    assert result.diff(dim=1).std(dim=0).max() < spread


def test_one_colour_becomes_the_contents_mean():
    content = random_picture(8, 8, seed=8)
    result = colours_of(match_colours(pixels([0.2, 0.3, 0.9]), content))
    torch.testing.assert_close(result[0], colours_of(content).mean(0), rtol=0, atol=1e-6)


def test_colours_stay_between_black_and_white():
    style, content = (normalise(noise(1, 3, 9, 9, seed=seed).mul(9).sigmoid()) for seed in (1, 2))
    for result in (match_colours(style, content), keep_luminance(style, content)):
        assert result.dtype == style.dtype
        rgb = denormalise(result)
        assert rgb.min() > -1e-6
        assert rgb.max() < 1 + 1e-6


def test_pictures_of_two_shapes_are_refused():
    with pytest.raises(UsageError, match=r"it has shape \(1, 3, 4, 4\), the content \(1, 3, 4, 5\)"):
        keep_luminance(torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 5))
