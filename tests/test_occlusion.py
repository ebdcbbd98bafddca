"""Occlusion: hand-worked numbers, the fast path against full forward passes and Captum, bad input."""

import warnings
from copy import deepcopy

import pytest
import torch
from captum import attr
from conftest import random_squeezenet
from torch import nn

from core import windows
from core.errors import UsageError
from core.gradients import BlankMapWarning
from core.images import normalise
from core.priors import blur
from measures.agreement import relative_difference
from visualizers.occlusion import FILLS, occlusion, spread


class Linear(nn.Module):
    """score_y = sum over all pixels of w_y * x."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)  # (K, 3, H, W)

    def forward(self, x):
        return torch.einsum("nchw,kchw->nk", x, self.weights)


def captum_occlusion(model, images, labels, *, patch, stride, baselines=0.0):
    """(N, 3, H, W), (N,) -> for each pixel the mean drop of the windows that cover it, (N, H, W)."""
    with torch.no_grad():
        result = attr.Occlusion(model).attribute(
            images.clone(),
            sliding_window_shapes=(3, patch, patch),
            strides=(3, stride, stride),
            baselines=baselines,
            target=labels,
            perturbations_per_eval=16,
        )
    return result[:, 0]


def covered_one_by_one(model, image, label, cover, patch, stride):
    """By the definition: image and cover (1, 3, H, W) -> drops (gh, gw)."""
    height, width = image.shape[2:]
    rows = []
    for top in range(0, height - patch + stride, stride):
        rows.append([])
        for left in range(0, width - patch + stride, stride):
            changed = image.clone()
            place = (..., slice(top, top + patch), slice(left, left + patch))
            changed[place] = cover[place]
            with torch.no_grad():
                rows[-1].append(float((model(image) - model(changed))[0, label]))
    return torch.tensor(rows, dtype=image.dtype)


def largest_difference(ours, theirs):
    """Relative to the largest drop."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


def picture(height, width, seed=0, count=1):
    """A smooth random picture with some grain, (N, 3, H, W)."""
    noise = torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return blur(noise, 3) * 4 + noise * 0.3


@pytest.fixture
def no_full_passes(monkeypatch):
    """Only the fast path may be used."""

    def refuse(*_):
        raise AssertionError("a full forward pass for each window")

    monkeypatch.setattr(windows, "full_scores", refuse)


@pytest.fixture(scope="module")
def double(imagenet):
    return deepcopy(imagenet).double()


def test_occlusion_of_a_linear_model_is_the_weighted_sum_of_what_is_covered():
    # the red channel of 3 x 5 pixels is 1 to 15, and it alone counts; windows start at rows 0, 2, columns 0, 2, 4
    red = torch.arange(1.0, 16.0).view(3, 5)
    image = torch.stack([red, torch.zeros(3, 5), torch.zeros(3, 5)])[None]
    weights = torch.zeros(2, 3, 3, 5)
    weights[1, 0] = 1
    drops = occlusion(Linear(weights), image, 1, patch=2, stride=2)
    # 1 + 2 + 6 + 7, 3 + 4 + 8 + 9, and cut off at the border: 5 + 10, 11 + 12, 13 + 14, 15
    assert torch.equal(drops, torch.tensor([[[16.0, 24.0, 15.0], [23.0, 27.0, 15.0]]]))


def test_spread_gives_each_pixel_the_mean_of_the_windows_that_cover_it():
    # along one row of 5 pixels, windows of 3 start at 0 and 2: the pixel in the middle lies in both
    maps = spread(torch.tensor([[[1.0, 5.0], [3.0, 7.0]]]), (4, 5), 3, 2)
    assert torch.equal(maps[0, 0], torch.tensor([1.0, 1.0, 3.0, 5.0, 5.0]))
    assert torch.equal(maps[0, :, 0], torch.tensor([1.0, 1.0, 2.0, 3.0]))
    assert maps[0, 2, 2] == 4


@pytest.mark.parametrize(
    ("size", "patch", "stride", "windows_a_side"),
    [(224, 15, 8, 28), (16, 4, 4, 4), (17, 4, 4, 5), (16, 16, 3, 1), (16, 15, 15, 2), (9, 1, 1, 9)],
)
def test_windows_start_every_stride_until_one_reaches_the_border(size, patch, stride, windows_a_side):
    model = Linear(torch.ones(1, 3, size, size))
    drops = occlusion(model, torch.ones(1, 3, size, size), 0, patch=patch, stride=stride)
    assert drops.shape == (1, windows_a_side, windows_a_side)
    theirs = captum_occlusion(model, torch.ones(1, 3, size, size), torch.tensor([0]), patch=patch, stride=stride)
    torch.testing.assert_close(spread(drops, (size, size), patch, stride), theirs)


@pytest.mark.parametrize(
    ("height", "width", "patch", "stride"),
    [
        (97, 131, 15, 13),
        (97, 131, 40, 39),
        (131, 97, 97, 50),
        (64, 64, 64, 64),
        (66, 65, 15, 15),
        (33, 42, 7, 7),
        (21, 21, 5, 4),
    ],
)
def test_the_fast_path_is_exact(double, height, width, patch, stride, no_full_passes):
    image = picture(height, width).double()
    label = int(double(image).argmax())
    ours = occlusion(double, image, label, patch=patch, stride=stride)[0]
    theirs = covered_one_by_one(double, image, label, torch.zeros_like(image), patch, stride)
    assert largest_difference(ours, theirs) < 1e-10


def test_the_fast_path_is_exact_for_single_pixels_at_every_place(no_full_passes):
    # all of them: each place in the strides of the layers, and all four borders
    model, image = random_squeezenet().double(), picture(35, 38).double()
    rows, columns = (x.flatten() for x in torch.meshgrid(torch.arange(35), torch.arange(38), indexing="ij"))
    ours = occlusion(model, image, 3, patch=1, stride=1).flatten()
    images = image.repeat(len(rows), 1, 1, 1)
    images[torch.arange(len(rows)), :, rows, columns] = 0
    with torch.no_grad():
        theirs = (model(image) - torch.cat([model(part) for part in images.split(64)]))[:, 3]
    assert largest_difference(ours, theirs) < 1e-10


@pytest.mark.parametrize("fill", [*FILLS, "tensor"])
def test_the_fast_path_is_within_1e_5_of_the_largest_drop_in_float32(
    fill, imagenet, photograph_tensor, photograph_labels, no_full_passes
):
    image, label = photograph_tensor[:1, :, 20:180, 10:201], photograph_labels[0]
    cover = {
        "mean": torch.zeros_like(image),
        "grey": normalise(torch.full_like(image, 0.5)),
        "blur": blur(image, 30),
        "tensor": image.flip(3),
    }[fill]
    ours = occlusion(imagenet, image, label, patch=30, stride=29, fill=cover if fill == "tensor" else fill)[0]
    theirs = covered_one_by_one(imagenet, image, label, cover, 30, 29)
    assert largest_difference(ours, theirs) < 1e-5


@pytest.mark.parametrize("fill", FILLS)
def test_spread_drops_are_captums_occlusion_in_float64(fill, double, photograph_tensor, photograph_labels):
    images, labels = photograph_tensor[:2, :, 30:150, 10:150].double(), photograph_labels[:2]
    cover = FILLS[fill](images, 32)
    ours = spread(occlusion(double, images, labels, patch=32, stride=24, fill=fill), (120, 140), 32, 24)
    theirs = captum_occlusion(double, images, labels, patch=32, stride=24, baselines=cover)
    assert relative_difference(ours, theirs).max() < 1e-7  # Captum adds up in float32


@pytest.mark.slow
def test_a_photograph_agrees_with_captum_at_the_usual_settings(imagenet, photograph_tensor, photograph_labels):
    image, label = photograph_tensor[:1], photograph_labels[:1]
    ours = spread(occlusion(imagenet, image, label), (224, 224), 15, 8)
    assert largest_difference(ours, captum_occlusion(imagenet, image, label, patch=15, stride=8)) < 1e-5


@pytest.mark.parametrize("fill", FILLS)
def test_a_window_as_large_as_the_picture_leaves_the_score_of_the_fill(fill, squeezenet):
    image = picture(64, 64)
    cover = FILLS[fill](image, 64)
    scores = squeezenet(torch.cat([image, cover]))[:, 3]
    drop = occlusion(squeezenet, image, 3, patch=64, stride=64, fill=fill)
    torch.testing.assert_close(drop.flatten(), scores[:1] - scores[1:])


def test_a_picture_like_its_cover_has_a_blank_map_and_says_so(squeezenet):
    grey = normalise(torch.full((1, 3, 64, 64), 0.5))
    with pytest.warns(BlankMapWarning, match="image 0 for class 3 is blank: the image has one colour"):
        drops = occlusion(squeezenet, grey, 3, fill="grey")
    assert not drops.any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert occlusion(squeezenet, grey, 3, fill="mean").any()


def test_windows_in_which_the_cover_is_like_the_picture_lose_exactly_nothing(squeezenet):
    image = picture(64, 64)
    cover = image.clone()
    cover[:, :, 20:24, 41] += 2  # all in the window at row 16, column 40
    drops = occlusion(squeezenet, image, 3, patch=8, stride=8, fill=cover)[0]
    assert drops.nonzero().tolist() == [[2, 5]]
    expected = squeezenet(image)[0, 3] - squeezenet(cover)[0, 3]
    torch.testing.assert_close(drops[2, 5], expected, rtol=1e-4, atol=1e-6)


def test_a_class_whose_score_stays_zero_is_named():
    model = random_squeezenet()
    with torch.no_grad():
        model.classifier[1].weight[7] = 0
        model.classifier[1].bias[7] = -1
    with pytest.warns(BlankMapWarning, match="image 1 for class 7 is blank: its score is 0"):
        drops = occlusion(model, picture(40, 40, count=2), [0, 7])
    assert drops[0].any()
    assert not drops[1].any()


def test_a_batch_equals_its_images_one_by_one_in_any_order(squeezenet, images):
    batch = occlusion(squeezenet, images, [1, 4, 8])
    single = torch.cat([occlusion(squeezenet, images[i : i + 1], label) for i, label in enumerate([1, 4, 8])])
    assert torch.equal(batch, single)
    assert torch.equal(occlusion(squeezenet, images[[2, 0, 1]], [8, 1, 4]), batch[[2, 0, 1]])
    covers = images.flip(2)
    assert torch.equal(
        occlusion(squeezenet, images, [1, 4, 8], fill=covers)[1:],
        occlusion(squeezenet, images[1:], [4, 8], fill=covers[1:]),
    )


@pytest.mark.parametrize("windows_at_a_time", [1, 5, 64])
def test_the_number_of_windows_at_a_time_changes_nothing(windows_at_a_time, squeezenet, images, monkeypatch):
    model, image = deepcopy(squeezenet).double(), images[:1].double()
    expected = occlusion(model, image, 2)
    monkeypatch.setattr(windows, "WINDOWS", windows_at_a_time)
    torch.testing.assert_close(occlusion(model, image, 2), expected, rtol=1e-10, atol=1e-12)


def test_squeezenet_1_0_and_other_memory_formats_take_the_fast_path_too(squeezenet, no_full_passes):
    from torchvision.models import squeezenet1_0

    torch.manual_seed(0)
    older = squeezenet1_0(num_classes=10).eval().double()
    nn.init.constant_(older.classifier[1].bias, 0.5)
    last = deepcopy(squeezenet).double().to(memory_format=torch.channels_last)
    image = picture(64, 71).double()
    for model, layout in (
        (older, torch.contiguous_format),
        (last, torch.contiguous_format),
        (older, torch.channels_last),
    ):
        ours = occlusion(model, image.contiguous(memory_format=layout), 1, patch=20, stride=20)[0]
        theirs = covered_one_by_one(model, image, 1, torch.zeros_like(image), 20, 20)
        assert largest_difference(ours, theirs) < 1e-10


def test_other_networks_are_passed_in_full(squeezenet):
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = deepcopy(squeezenet).double()

        def forward(self, x):
            return self.inner(x)

    image = picture(40, 50).double()
    whole = Wrapped()
    different = deepcopy(squeezenet).double()
    different.features[4] = nn.Sequential(different.features[4], nn.Tanh())
    for model in (whole, different):
        ours = occlusion(model, image, 1, patch=20, stride=15)[0]
        theirs = covered_one_by_one(model, image, 1, torch.zeros_like(image), 20, 15)
        assert largest_difference(ours, theirs) < 1e-10
    torch.testing.assert_close(
        occlusion(whole, image, 1, patch=20, stride=15), occlusion(whole.inner, image, 1, patch=20, stride=15)
    )


@pytest.mark.parametrize(
    ("place", "layer"),
    [
        ("0", nn.Conv2d(3, 64, 3, 2, padding="valid")),
        ("0", nn.Conv2d(3, 64, 3, 2, padding=1, padding_mode="reflect")),
        ("0", nn.Conv2d(3, 64, (3, 5), 2)),
        ("2", nn.MaxPool2d((3, 3), (2, 2), ceil_mode=True)),
        ("2", nn.MaxPool2d(3, 2, dilation=2)),
        ("4.expand3x3", nn.Conv2d(16, 64, 3, padding=2, dilation=2)),
        ("4.expand3x3", nn.Conv2d(16, 64, 3, padding="same", groups=16)),
    ],
    ids=str,
)
def test_a_layer_of_another_kind_in_squeezenets_place_is_passed_in_full(place, layer):
    model = random_squeezenet().double()
    model.features.set_submodule(place, layer.double())
    image = torch.randn(1, 3, 64, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    drops = occlusion(model, image, 1, patch=16, stride=16)
    covered = image.clone()
    covered[:, :, 16:32, 32:48] = 0
    with torch.no_grad():
        wanted = model(image)[0, 1] - model(covered)[0, 1]
    assert float(drops[0, 1, 2]) == pytest.approx(float(wanted), rel=1e-6, abs=1e-12)


def test_a_hook_that_changes_the_network_is_not_left_out(squeezenet):
    model, image = deepcopy(squeezenet).double(), picture(40, 50).double()
    model.features[7].register_forward_hook(lambda _module, _inputs, output: output * 1.5)
    ours = occlusion(model, image, 1, patch=20, stride=15)[0]
    theirs = covered_one_by_one(model, image, 1, torch.zeros_like(image), 20, 15)
    assert largest_difference(ours, theirs) < 1e-10


def test_it_is_the_same_with_gradients_off_or_the_network_in_training(squeezenet, images):
    expected = occlusion(squeezenet, images[:1], 1)
    with torch.no_grad():
        assert torch.equal(occlusion(squeezenet, images[:1], 1), expected)
    with torch.inference_mode():
        drops = occlusion(squeezenet, images[:1].clone(), 1, fill="blur")
    assert torch.equal(drops, occlusion(squeezenet, images[:1], 1, fill="blur"))
    model = deepcopy(squeezenet).requires_grad_(True).train()
    drops = occlusion(model, images[:1].clone().requires_grad_(), 1)
    assert torch.equal(drops, expected)
    assert not drops.requires_grad
    assert model.training


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"patch": 65}, "patch: 65 is out of range; allowed are 1 to 64"),
        ({"patch": 0}, "patch: 0 is out of range"),
        ({"stride": 0}, "stride: 0 is out of range; allowed are 1 to 15"),
        ({"patch": 4, "stride": 5}, "stride: 5 is out of range; allowed are 1 to 4, or pixels"),
        ({"fill": "black"}, "fill: 'black' is unknown; allowed are mean, grey, blur, or a tensor"),
        ({"fill": torch.zeros(2, 64, 64)}, r"fill: shape \(2, 64, 64\) for images \(3, 3, 64, 64\)"),
        ({"labels": 10}, "class 10 is out of range; allowed are 0 to 9"),
        ({"images": torch.zeros(1, 1, 64, 64)}, "images: a tensor of shape"),
        ({"images": torch.zeros(0, 3, 64, 64)}, "images: none given"),
    ],
)
def test_bad_input_is_named(settings, words, squeezenet, images):
    with pytest.raises(UsageError, match=words):
        occlusion(squeezenet, **{"images": images, "labels": 1, **settings})
