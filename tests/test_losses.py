"""The losses against numbers worked out independently in float64, as the course checks them: error 0.000."""

import numpy as np
import pytest
import torch

from core.errors import UsageError
from courses.style import rel_error
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss

RNG = np.random.default_rng(0)


def expected_error_zero(correct, output) -> bool:
    return f"{rel_error(correct, output):.3f}" == "0.000"


def gram_in_float64(features: np.ndarray) -> np.ndarray:
    """(N, C, H, W) -> (N, C, C), by its definition: one sum for each pair of channels."""
    count, channels, height, width = features.shape
    result = np.zeros((count, channels, channels))
    for n in range(count):
        for k in range(channels):
            for m in range(channels):
                result[n, k, m] = np.sum(features[n, k].astype(np.float64) * features[n, m].astype(np.float64))
    return result / (channels * height * width)


@pytest.mark.parametrize("shape", [(1, 4, 7, 5), (2, 3, 1, 1), (1, 128, 13, 13)])
def test_content_loss_has_expected_error_zero(shape):
    current, original = RNG.normal(size=shape).astype(np.float32), RNG.normal(size=shape).astype(np.float32)
    correct = 6e-2 * np.sum((current.astype(np.float64) - original.astype(np.float64)) ** 2)
    output = ContentLoss()(6e-2, torch.from_numpy(current), torch.from_numpy(original)).data.numpy()
    assert expected_error_zero(correct, output)


@pytest.mark.parametrize("shape", [(1, 4, 7, 5), (2, 3, 1, 1), (3, 16, 6, 9)])
def test_gram_matrix_has_expected_error_zero(shape):
    features = RNG.normal(size=shape).astype(np.float32)
    output = StyleLoss().gram_matrix(torch.from_numpy(features)).data.numpy()
    assert expected_error_zero(gram_in_float64(features), output)


def test_style_loss_has_expected_error_zero():
    features = [RNG.normal(size=(1, c, 8, 6)).astype(np.float32) for c in (4, 6, 8)]
    styles = [RNG.normal(size=(1, c, 5, 7)).astype(np.float32) for c in (4, 8)]
    layers, weights = (0, 2), (300.0, 15.0)
    pairs = zip(layers, weights, styles, strict=True)
    correct = sum(w * np.sum((gram_in_float64(features[i]) - gram_in_float64(s)) ** 2) for i, w, s in pairs)
    loss = StyleLoss()
    targets = [loss.gram_matrix(torch.from_numpy(style)) for style in styles]
    output = loss([torch.from_numpy(f) for f in features], layers, targets, weights).data.numpy()
    assert expected_error_zero(correct, output)


def test_total_variation_loss_has_expected_error_zero():
    image = RNG.normal(size=(1, 3, 9, 11)).astype(np.float32)
    wide = image.astype(np.float64)
    correct = 2e-2 * (np.sum(np.diff(wide, axis=2) ** 2) + np.sum(np.diff(wide, axis=3) ** 2))
    assert expected_error_zero(correct, TotalVariationLoss()(torch.from_numpy(image), 2e-2).data.numpy())


def test_total_variation_of_one_step_is_the_hand_value():
    image = torch.zeros(1, 1, 3, 4)
    image[..., 2:] = 2.0  # one edge of height 2 in each of three rows: 3 * 2^2
    assert TotalVariationLoss()(image, 0.5) == 6.0


def test_total_variation_of_a_constant_image_is_zero():
    assert TotalVariationLoss()(torch.full((1, 3, 5, 5), 0.7), 1.0) == 0


def test_gram_matrix_by_hand():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels, two positions
    unscaled = torch.tensor([[[5.0, 11.0], [11.0, 25.0]]])
    assert torch.equal(StyleLoss().gram_matrix(features, normalize=False), unscaled)
    assert torch.equal(StyleLoss().gram_matrix(features), unscaled / 4)


def test_gram_matrix_forgets_where_features_are():
    features = torch.randn(1, 5, 4, 6, dtype=torch.float64)
    shuffled = features.flatten(2)[..., torch.randperm(24)].view_as(features)
    torch.testing.assert_close(StyleLoss().gram_matrix(shuffled), StyleLoss().gram_matrix(features))


def test_gram_matrix_is_symmetric_positive_semidefinite_and_grows_with_the_square():
    features = torch.randn(2, 6, 3, 3, dtype=torch.float64)
    gram = StyleLoss().gram_matrix(features)
    torch.testing.assert_close(gram, gram.transpose(1, 2))
    assert torch.linalg.eigvalsh(gram).min() > -1e-12
    torch.testing.assert_close(StyleLoss().gram_matrix(3 * features), 9 * gram)


def test_equal_pictures_have_no_content_and_no_style_loss():
    features = torch.randn(1, 4, 5, 5)
    assert ContentLoss()(3.0, features, features) == 0
    assert StyleLoss()([features], [0], [StyleLoss().gram_matrix(features)], [100.0]) == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_losses_are_scalars_of_the_dtype_they_are_given(dtype):
    features = torch.randn(1, 4, 5, 5, dtype=dtype, requires_grad=True)
    target = StyleLoss().gram_matrix(torch.randn(1, 4, 5, 5, dtype=dtype))
    for loss in (
        ContentLoss()(1.0, features, torch.zeros_like(features)),
        StyleLoss()([features], [0], [target], [1.0]),
        TotalVariationLoss()(features, 1.0),
    ):
        assert loss.shape == ()
        assert loss.dtype == dtype
        assert torch.autograd.grad(loss, features)[0].abs().sum() > 0


def test_losses_refuse_shapes_that_do_not_fit():
    with pytest.raises(UsageError, match=r"content loss: .*\(1, 2, 3, 3\) and \(1, 2, 4, 4\)"):
        ContentLoss()(1.0, torch.zeros(1, 2, 3, 3), torch.zeros(1, 2, 4, 4))
    with pytest.raises(UsageError, match=r"features: shape \(N, C, H, W\)"):
        StyleLoss().gram_matrix(torch.zeros(2, 3, 3))
    with pytest.raises(UsageError, match="1 layers, 0 targets and 1 weights"):
        StyleLoss()([torch.zeros(1, 2, 3, 3)], [0], [], [1.0])


def test_a_target_of_another_shape_is_not_spread_over_the_gram_matrix():
    features = torch.rand(1, 4, 5, 5)
    for target in (torch.ones(1, 1, 1), torch.ones(4), torch.ones(1, 4, 1)):
        with pytest.raises(UsageError, match="style_targets: Gram matrices"):
            StyleLoss()([features], [0], [target], [1.0])
    with pytest.raises(UsageError, match="features: shape"):
        StyleLoss().gram_matrix(features[:0])
