"""Relative weights: 1 for a picture that gives nothing, whatever the size or the network."""

import pytest
import torch

from core.errors import UsageError
from painting.balance import absolute_weights
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss


def test_absolute_weights_by_hand():
    content = torch.tensor([[[[3.0, 4.0]]]])  # ||P||^2 = 25
    styles = [torch.tensor([[[2.0]]]), torch.tensor([[[1.0, 1.0], [1.0, 1.0]]])]  # 4 and 4
    weights = absolute_weights(content, styles, 30, content_weight=5, style_weight=16, tv_weight=3)
    assert weights == (0.2, (2.0, 2.0), 0.1)


@pytest.mark.parametrize("scale", [1e-3, 1.0, 50.0])
def test_a_picture_that_gives_nothing_loses_its_weight(scale):
    """Whatever the network's features are scaled by."""
    content, style = (scale * torch.rand(1, 5, 6, 7, dtype=torch.float64) for _ in range(2))
    target = StyleLoss().gram_matrix(style)
    weights = absolute_weights(content, [target], 3 * 40, content_weight=2, style_weight=3)
    nothing = torch.zeros_like(content)
    assert float(ContentLoss()(weights.content, nothing, content)) == pytest.approx(2)
    assert float(StyleLoss()([nothing], [0], [target], weights.style)) == pytest.approx(3)


def test_total_variation_is_of_one_value_on_average():
    image = torch.zeros(1, 3, 20, 20)
    image[..., ::2] = 1  # every step from column to column is 1: 19 of 20 values
    weights = absolute_weights(None, [], image.numel(), tv_weight=1)
    assert float(TotalVariationLoss()(image, weights.total_variation)) == pytest.approx(19 / 20)


def test_a_target_that_is_nothing_is_refused():
    with pytest.raises(UsageError, match="style: a layer gives 0 everywhere"):
        absolute_weights(None, [torch.zeros(1, 2, 2)], 30, style_weight=1)
