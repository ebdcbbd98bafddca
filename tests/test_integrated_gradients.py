"""Integrated gradients: exact where the answer is known, complete, and the same as Captum's."""

import pytest
import torch
from torch import nn

from core.errors import UsageError
from core.gradients import BlankMapWarning
from visualizers.integrated_gradients import completeness_error, integrated_gradients


@pytest.fixture
def linear():
    """Two classes, each a weighted sum of an 8 x 8 picture's values."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2))


def test_a_linear_model_is_exact_with_one_step(linear):
    images = torch.randn(2, 3, 8, 8)
    ours = integrated_gradients(linear, images, [0, 1], nodes=1, baseline=0.5)
    expected = linear[1].weight.view(2, 3, 8, 8) * (images - 0.5)
    torch.testing.assert_close(ours, expected)
    assert completeness_error(linear, images, [0, 1], ours, baseline=0.5).max() < 1e-5


def test_a_cubic_score_is_exact_with_two_nodes():
    class Cube(nn.Module):
        def forward(self, images):
            return images.pow(3).flatten(1).sum(dim=1, keepdim=True)

    images = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(integrated_gradients(Cube(), images, 0, nodes=2), images.pow(3))


def test_from_the_image_itself_nothing_contributes(squeezenet, images):
    with pytest.warns(BlankMapWarning):
        assert not integrated_gradients(squeezenet, images, 1, nodes=2, baseline=images).any()


def test_the_contributions_sum_to_what_the_score_gained(imagenet, photograph_tensor, photograph_labels):
    ours = integrated_gradients(imagenet, photograph_tensor[:2], photograph_labels[:2], nodes=50)
    assert completeness_error(imagenet, photograph_tensor[:2], photograph_labels[:2], ours).max() < 0.01


def test_the_completeness_error_is_the_plain_difference_where_the_score_gained_nothing(linear):
    images = torch.zeros(1, 3, 8, 8)
    assert float(completeness_error(linear, images, 0, torch.full_like(images, 0.01))) == pytest.approx(1.92)


def test_wrong_steps_and_baselines_are_named(squeezenet, images):
    with pytest.raises(UsageError, match="nodes: 0"):
        integrated_gradients(squeezenet, images, 1, nodes=0)
    with pytest.raises(UsageError, match=r"baseline: shape \(2, 2\)"):
        integrated_gradients(squeezenet, images, 1, baseline=torch.zeros(2, 2))
    with pytest.raises(UsageError, match="labels: class 99"):
        integrated_gradients(squeezenet, images, 99)
