"""Style transfer from coarse to fine: losses against brute force, tiles against the whole, scales, masks, the loop."""

import itertools
from functools import partial

import pytest
import torch
from conftest import noise, random_squeezenet, state_of
from scipy.linalg import sqrtm
from torch.nn.functional import pad

from core.ascent import AdamDescent, LbfgsDescent, optimise_pixels
from core.borders import replicated_borders
from core.errors import UsageError
from core.tiles import cell_geometry, overlapping_tiles
from courses.style import extract_features
from painting.forecast import ALWAYS, forecast, needed_bytes
from painting.objective import PaintingObjective
from painting.scales import scale_sizes
from painting.targets import Style
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss
from style_modules.moments import Moments, blend, moment_sums
from style_modules.wasserstein_loss import WassersteinDistance
from visualizers.style_transfer import style_terms, style_transfer

LAYERS = {"layers": (1, 4, 6, 7), "content_layer": 3, "loss": "gram"}
WEIGHTS = {"content_weight": 2.0, "style_weight": 3.0, "tv_weight": 0.5}


@pytest.fixture(scope="module")
def network():
    return random_squeezenet().double()


@pytest.fixture(scope="module")
def pictures():
    """Content, style and another picture, in float64."""
    return [noise(1, 3, *size, seed=seed).double() * 0.5 for seed, size in enumerate([(72, 90), (64, 70), (72, 90)])]


def gaussian(count, channels, seed):
    """Features of `count` positions, as their mean moments."""
    cells = noise(1, channels, 1, count, seed=seed).double() + 0.5
    return cells, moment_sums(cells).times(1 / count)


def plain_wasserstein(one, other):
    """By scipy's matrix root, of the features themselves."""
    flat = [cells[0].flatten(1).numpy() for cells in (one, other)]
    means = [cells.mean(axis=1) for cells in flat]
    covariances = [
        (cells - mean[:, None]) @ (cells - mean[:, None]).T / cells.shape[1]
        for cells, mean in zip(flat, means, strict=True)
    ]
    root = sqrtm(covariances[1])
    cross = sqrtm(root @ covariances[0] @ root).real
    return ((means[0] - means[1]) ** 2).sum() + sum(c.trace() for c in covariances) - 2 * cross.trace()


def test_the_wasserstein_distance_is_scipys():
    (one, first), (other, second) = gaussian(40, 6, 1), gaussian(50, 6, 2)
    assert float(WassersteinDistance(second)(first)) == pytest.approx(plain_wasserstein(one, other), rel=2e-3)


def test_the_wasserstein_distance_of_one_channel_by_hand():
    one = moment_sums(torch.tensor([[[[1.0, 3.0]]]])).times(1 / 2)  # mean 2, deviation 1
    other = moment_sums(torch.tensor([[[[2.0, 8.0]]]])).times(1 / 2)  # mean 5, deviation 3
    assert float(WassersteinDistance(other)(one)) == pytest.approx((5 - 2) ** 2 + (3 - 1) ** 2, rel=1e-3)


@pytest.mark.parametrize("count", [40, 3], ids=["full rank", "fewer positions than channels"])
def test_the_wasserstein_gradient_is_that_of_differences(count):
    target = WassersteinDistance(gaussian(count, 5, 1)[1])
    cells = gaussian(count, 5, 2)[0].requires_grad_(True)
    assert torch.autograd.gradcheck(lambda values: target(moment_sums(values).times(1 / count)), cells)


def test_a_rank_deficient_gaussian_is_at_distance_nothing_from_itself_with_a_finite_gradient():
    cells, moments = gaussian(4, 30, 3)
    cells.requires_grad_(True)
    value = WassersteinDistance(moments)(moment_sums(cells).times(1 / 4))
    assert 0 <= value.item() < 1e-3 * float(moments.second.trace())
    assert torch.autograd.grad(value, cells)[0].abs().max() < 0.05


def test_a_distance_is_never_negative():
    cells = torch.full((1, 3, 1, 4), 0.1) + 1e-4 * noise(1, 3, 1, 4, seed=1)
    moments = moment_sums(cells).times(1 / 4)
    rounded = Moments(moments.mean, moments.second * (1 - 1e-6))
    assert WassersteinDistance(moments)(rounded).item() >= 0


def test_blended_moments_are_those_of_a_picture_that_shows_so_much_of_each():
    (one, first), (other, second) = gaussian(30, 4, 1), gaussian(10, 4, 2)
    together = moment_sums(torch.cat([one, other], dim=3)).times(1 / 40)
    for ours, plain in zip(blend([first, second], [3, 1]), together, strict=True):
        torch.testing.assert_close(ours, plain)


def plain_total(network, image, content, style, mask=None):
    """The relative losses by the course's modules and plain autograd, without tiles, blends or closed forms."""
    odd = [
        pad(each, [0, 1 - each.shape[3] % 2, 0, 1 - each.shape[2] % 2], "replicate") for each in (image, content, style)
    ]
    with replicated_borders():
        seen, kept, wanted = (extract_features(each, network.features) for each in odd)
    plain = StyleLoss()
    total = 2.0 * ContentLoss()(1.0, seen[3], kept[3]) / kept[3].square().sum()
    for layer in LAYERS["layers"]:
        features, share = seen[layer], 1.0
        if mask is not None:
            cells = torch.nn.functional.interpolate(mask, size=features.shape[2:], mode="area")
            share = cells.mean()
            features = features * (cells / share).sqrt()
        target = plain.gram_matrix(wanted[layer])
        error = (plain.gram_matrix(features) - target).square().sum() / target.square().sum()
        total = total + 3.0 / 4 * share * error
    return total + 0.5 * TotalVariationLoss()(image, 1.0) / image.numel()


@pytest.mark.parametrize("masked", [False, True])
def test_value_and_gradient_are_those_of_plain_autograd(network, pictures, masked):
    content, style, image = pictures
    mask = torch.rand(1, 1, 72, 90, generator=torch.Generator().manual_seed(0)).double() if masked else None
    image = image.clone().requires_grad_(True)
    expected = plain_total(network, image, content, style, mask)
    objective = PaintingObjective(network.features, content, [Style(style, 5.0, mask)], **LAYERS, **WEIGHTS)
    value = objective(image)
    assert value.item() == pytest.approx(expected.item(), rel=1e-9)
    assert sum(objective.terms(image)) == pytest.approx(expected.item(), rel=1e-9)
    gradients = [torch.autograd.grad(each, image)[0] for each in (value, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("loss", ["gram", "wasserstein"])
def test_each_layer_has_the_style_weight_that_stands_at_its_place(network, pictures, loss):
    content, style, image = pictures
    terms = partial(style_terms, network, image, content, [Style(style)], loss=loss)
    alone = [terms(layers=(layer,), style_weight=1.0).style for layer in (1, 4, 7)]
    together = terms(layers=(1, 4, 7), style_weight=(2.0, 5.0, 11.0)).style
    expected = (2 * alone[0] + 5 * alone[1] + 11 * alone[2]) / 3  # of the mean over the layers
    assert together == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("loss", ["gram", "wasserstein"])
def test_tiles_give_the_gradient_of_the_whole(network, loss):
    content, image = (noise(1, 3, 96, 530, seed=seed).double() * 0.5 for seed in (0, 1))
    style, other = (noise(1, 3, *size, seed=2).double() * 0.5 for size in ((260, 64), (64, 70)))
    mask = torch.zeros(1, 1, 96, 530).double()
    mask[..., 100:301] = 1
    styles = [Style(style, 1.0, mask), Style(other, 2.0, 1 - mask), Style(style / 2)]
    settings = {**LAYERS, **WEIGHTS, "loss": loss}
    whole, tiled = (PaintingObjective(network.features, content, styles, **settings, tile=tile) for tile in (None, 256))
    assert len(tiled.tiles) == 3
    (terms, gradient), (tiled_terms, tiled_gradient) = (each.terms_and_gradient(image) for each in (whole, tiled))
    assert tiled_terms == pytest.approx(terms, rel=1e-9)
    torch.testing.assert_close(tiled_gradient, gradient, rtol=0, atol=1e-9 * float(gradient.abs().max()))
    assert tiled.terms(image) == pytest.approx(terms, rel=1e-9)


def test_tiles_share_the_cells_of_every_layer_among_them(network):
    for length, layer in itertools.product((33, 300, 530, 1025), (1, 3, 7, 12)):
        geometry = cell_geometry(network.features, layer)
        tiles = overlapping_tiles((length, 100), 256, (geometry.before, geometry.after))
        cells = list(range(geometry.count(length)))
        assert list(itertools.chain(*(cells[tile.own(geometry)[2]] for tile in tiles))) == cells


def test_cells_are_counted_as_the_network_makes_them(squeezenet):
    with torch.no_grad():
        features = extract_features(torch.zeros(1, 3, 97, 130), squeezenet.features)
    for layer, maps in enumerate(features):
        geometry = cell_geometry(squeezenet.features, layer)
        assert (geometry.count(97), geometry.count(130)) == maps.shape[2:]


def test_blended_styles_give_the_gradient_of_the_sum_of_their_losses(network, pictures):
    content, style, image = pictures
    settings = {**LAYERS, "content_weight": 0.0, "tv_weight": 0.0}

    def gradient(styles, weights):
        objective = PaintingObjective(network.features, content, styles, **settings, style_weight=weights)
        return objective, objective.terms_and_gradient(image)[1]

    pair, other = [Style(style, 3.0), Style(style.flip(2) * 2, 1.0)], Style(style.flip(2) * 2)
    blended, ours = gradient(pair, 1.0)
    parts = []
    for share, alone in ((0.75, Style(style)), (0.25, other)):  # with the blend's absolute weights in each layer
        objective, _ = gradient([alone], 1.0)
        ratios = [a.weight / b.weight for a, b in zip(blended.targets, objective.targets, strict=True)]
        parts.append(share * gradient([alone], ratios)[1])
    torch.testing.assert_close(ours, sum(parts), rtol=1e-7, atol=1e-12)


def test_where_no_mask_is_nothing_is_painted(network, pictures):
    content, style, image = pictures
    mask = torch.zeros(1, 1, 72, 90)
    mask[..., :8] = 1
    settings = {**LAYERS, "content_weight": 0.0, "style_weight": 1.0, "tv_weight": 0.0}
    objective = PaintingObjective(network.features, content, [Style(style, 1.0, mask)], **settings)
    gradient = objective.terms_and_gradient(image)[1]
    assert gradient[..., :8].any(dim=(1, 3)).all()
    assert gradient[..., 64:].abs().max() == 0  # beyond what any cell of the mask sees


@pytest.mark.parametrize("loss", ["gram", "wasserstein"])
@pytest.mark.parametrize("size", [(40, 34), (41, 35), (40, 35)])
def test_every_pixel_is_painted(network, size, loss):
    """Also the last row and column of a side of even length, which no window of the first layer reaches."""
    content, style = noise(1, 3, *size, seed=1).double() * 0.5, noise(1, 3, 36, 37, seed=2).double()
    settings = {**LAYERS, "content_weight": 0.0, "style_weight": 1.0, "tv_weight": 0.0, "loss": loss}
    gradient = PaintingObjective(network.features, content, [Style(style)], **settings).terms_and_gradient(content)[1]
    strength = gradient.abs().sum(dim=(0, 1))
    assert (strength > 1e-4 * strength.mean()).all()


def test_a_picture_in_its_own_style_has_no_loss_and_no_gradient(network, pictures):
    content = pictures[0]
    settings = {**LAYERS, "content_weight": 1.0, "style_weight": 1.0, "tv_weight": 0.0}
    terms, gradient = PaintingObjective(network.features, content, [Style(content)], **settings).terms_and_gradient(
        content
    )
    assert terms == pytest.approx((0, 0, 0), abs=1e-20)
    assert gradient.abs().max() < 1e-12


def test_relative_losses_do_not_know_the_scale_of_the_features(pictures):
    """A first layer ten times as strong: the same losses, as there are no biases."""
    networks = [random_squeezenet().double() for _ in range(2)]
    for network in networks:
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
    networks[1].features[0].weight.mul_(10)
    content, style, image = pictures
    terms = [style_terms(network, image, content, [Style(style)]) for network in networks]
    assert terms[0] == pytest.approx(terms[1], rel=1e-9)


def test_scales_are_the_root_of_two_apart_and_end_at_the_picture():
    assert scale_sizes((256, 384), 128) == [(128, 192), (181, 272), (256, 384)]
    assert scale_sizes((100, 150), 128) == [(100, 150)]


def test_replicated_borders_see_a_constant_picture_as_constant(squeezenet):
    with torch.no_grad():
        plain = extract_features(torch.full((1, 3, 64, 64), 0.7), squeezenet.features)[7]
        with replicated_borders():
            replicated = extract_features(torch.full((1, 3, 64, 64), 0.7), squeezenet.features)[7]
    assert replicated.std(dim=(2, 3)).max() < 1e-6
    assert plain.std(dim=(2, 3)).max() > 1e-3


@pytest.mark.parametrize("history", [1, 10])
def test_lbfgs_goes_down_a_bent_valley_and_never_up(history):
    """Rosenbrock's function, whose least value 0 lies at (1, 1)."""
    values = []

    def valley(image):
        x, y = image[0, 0, 0]
        values.append((1 - x) ** 2 + 100 * (y - x**2) ** 2)
        return values[-1]

    lowest = []
    update = LbfgsDescent(lambda: float(values[-1]), history=history)
    start = torch.tensor([[[[-1.2, 1.0]]]]).double()
    settings = {"iterations": 200, "callback": lambda _: lowest.append(update.lowest) and None}
    optimise_pixels(start, valley, update, **settings)
    assert lowest == sorted(lowest, reverse=True)
    if history > 1:
        torch.testing.assert_close(update.best.flatten(), torch.ones(2).double(), rtol=0, atol=1e-4)


def test_adam_carried_to_the_same_size_goes_on_as_if_nothing_had_been():
    def objective(image):
        return (image - 3).square().sum()

    start, whole = torch.zeros(1, 3, 4, 4), AdamDescent(lambda _: 0.1)
    expected = optimise_pixels(start, objective, whole, iterations=7)
    parts = AdamDescent(lambda _: 0.1)
    middle = optimise_pixels(start, objective, parts, iterations=3)
    parts.carry_to((4, 4))
    torch.testing.assert_close(optimise_pixels(middle, objective, parts, iterations=4), expected)


def test_adam_carried_to_a_larger_picture_takes_the_steps_it_took():
    """Of a mean over the picture: a quarter of the gradient at twice the size, and the same step."""
    adam = AdamDescent(lambda _: 0.1)
    small = optimise_pixels(torch.zeros(1, 3, 4, 4), lambda image: image.mean(), adam, iterations=5)
    adam.carry_to((8, 8))
    large = optimise_pixels(torch.zeros(1, 3, 8, 8), lambda image: image.mean(), adam, iterations=1)
    torch.testing.assert_close(large.mean(), small.mean() / 5, rtol=1e-4, atol=0)


@pytest.mark.parametrize("optimiser", ["adam", "lbfgs"])
def test_the_loss_falls_and_colours_stay_valid(squeezenet, images, optimiser):
    content, styles = images[:1], [Style(images[1:2] * 0.4)]
    settings = {"optimiser": optimiser, "iterations": 12, "learning_rate": 0.1, "smallest": 40}
    result = style_transfer(squeezenet, content, styles, **settings)
    before, after = (sum(style_terms(squeezenet, each, content, styles)) for each in (content, result))
    assert after < 0.6 * before
    assert result.shape == content.shape
    from core.priors import clamp_to_valid

    assert torch.equal(clamp_to_valid(result), result)
    assert torch.equal(style_transfer(squeezenet, content, styles, **settings), result)


def test_the_callback_sees_every_scale_and_may_stop(squeezenet, images):
    content, styles, steps = images[:1], [Style(images[1:2])], []
    settings = {"smallest": 33, "iterations": 2}
    style_transfer(squeezenet, content, styles, callback=lambda step: steps.append(step), **settings)
    assert [step[:4] for step in steps] == [(1, 2, 1, 2), (1, 2, 2, 2), (2, 2, 1, 2), (2, 2, 2, 2)]
    assert [step.image.shape[2] for step in steps] == [45, 45, 64, 64]
    kept = []
    stopped = style_transfer(
        squeezenet, content, styles, callback=lambda s: kept.append(s) or len(kept) == 4, **settings
    )
    torch.testing.assert_close(stopped, steps[-1].image)
    early = style_transfer(squeezenet, content, styles, callback=lambda _: True, **settings)
    assert early.shape == content.shape


def test_the_picture_is_the_mean_of_the_iterates(squeezenet, images):
    content, styles, seen = images[:1], [Style(images[1:2])], []
    settings = {"smallest": 64, "iterations": 3, "optimiser": "adam", "averaging": 0.5}
    plain = {**settings, "averaging": 0.0}
    style_transfer(squeezenet, content, styles, callback=lambda step: seen.append(step.image.clone()) and None, **plain)
    mean = (0.25 * seen[0] + 0.5 * seen[1] + seen[2]) / 1.75
    torch.testing.assert_close(style_transfer(squeezenet, content, styles, **settings), mean)


def test_a_start_of_any_size_is_taken(squeezenet, images):
    settings = {"smallest": 64, "iterations": 1, "start": noise(1, 3, 50, 40)}
    from_noise = style_transfer(squeezenet, images[:1], [Style(images[1:2])], **settings)
    assert from_noise.shape == images[:1].shape
    assert (from_noise - images[:1]).abs().mean() > 0.3


@pytest.mark.parametrize("frozen", [False, True])
def test_no_trace_is_left_also_after_an_exception(images, frozen):
    model = random_squeezenet().requires_grad_(not frozen).train()
    images.requires_grad_(True)
    before, paddings = state_of(model, images), [getattr(m, "padding_mode", None) for m in model.modules()]

    def interrupt(_step):
        raise KeyboardInterrupt

    settings = {"iterations": 1, "smallest": 64}
    style_transfer(model, images[:1], [Style(images[1:2])], **settings)
    with pytest.raises(KeyboardInterrupt):
        style_transfer(model, images[:1], [Style(images[1:2])], **settings, callback=interrupt)
    assert state_of(model, images) == before
    assert [getattr(module, "padding_mode", None) for module in model.modules()] == paddings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"loss": "mmd"}, "loss: 'mmd' is unknown; allowed are gram, wasserstein"),
        ({"optimiser": "sgd"}, "optimiser and averaging: sgd, 0.9"),
        ({"style_weight": [1.0, 2.0]}, "style_weight: got 2 for 4 layers"),
        ({"tile": 100}, "tile: 100 pixels are too few"),
        ({"layers": (1, 40)}, "layer: 40 is out of range; allowed are 0 to 12"),
    ],
)
def test_settings_that_do_not_fit_are_refused(squeezenet, images, settings, words):
    with pytest.raises(UsageError, match=words):
        style_transfer(squeezenet, images[:1], [Style(images[1:2])], **settings)


@pytest.mark.parametrize(
    ("styles", "words"),
    [
        ([], "give at least one style"),
        ([Style(torch.zeros(1, 3, 64, 64), 0.0)], "not all 0"),
        ([Style(torch.zeros(1, 3, 20, 64))], "style: 64 x 20 pixels are too few"),
        ([Style(torch.zeros(1, 3, 64, 64), 1.0, torch.ones(1, 1, 9, 9))], r"mask: shape \(1, 1, 9, 9\)"),
        ([Style(torch.zeros(1, 3, 64, 64), 1.0, torch.zeros(1, 1, 64, 64))], "mask: values from 0 to 0"),
    ],
)
def test_styles_that_do_not_fit_are_refused(squeezenet, images, styles, words):
    with pytest.raises(UsageError, match=words):
        style_transfer(squeezenet, images[:1], styles)
    with pytest.raises(UsageError, match="content: 20 x 64 pixels are too few"):
        style_transfer(squeezenet, images[:1, :, :, :20], styles or [Style(images[:1])])


def test_moments_with_a_mask_by_hand():
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # two channels, two positions
    sums = moment_sums(features, torch.tensor([[0.0, 0.5]]))
    expected = Moments(torch.tensor([1.0, 2.0]), torch.tensor([[2.0, 4.0], [4.0, 8.0]]))
    assert all(torch.equal(ours, plain) for ours, plain in zip(sums, expected, strict=True))


def test_a_forecast_grows_with_the_pixels_and_takes_tiles_where_the_whole_is_too_large(squeezenet, images):
    settings = {**LAYERS, **WEIGHTS, "style_scale": 1.0, "loss": "gram", "smallest": 33, "iterations": 10, "tile": None}
    told = forecast(squeezenet, images[:1], [Style(images[1:2])], **settings)
    assert told.sizes == [(45, 45), (64, 64)]
    assert told.tile is None
    assert told.seconds > 0
    small, large = (needed_bytes(squeezenet, (side, side), 7, None) for side in (512, 1024))
    assert large - ALWAYS == pytest.approx(4 * (small - ALWAYS))
    assert needed_bytes(squeezenet, (4096, 4096), 7, 512) < 0.6 * needed_bytes(squeezenet, (4096, 4096), 7, None)
