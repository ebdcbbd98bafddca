"""Receptive fields: known ones, and those of brute force: spoil a pixel, and see which units are spoilt."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, normalize, scaled_dot_product_attention
from torchvision.models.convnext import LayerNorm2d

from core.errors import UsageError
from core.receptive_field import Box, receptive_field, receptive_fields


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.long = nn.Sequential(
            nn.Conv2d(3, 3, 3, 2, 1), nn.BatchNorm2d(3), nn.ReLU(inplace=True), nn.Conv2d(3, 3, 3)
        )
        self.short = nn.Conv2d(3, 3, 1, 2, bias=False)

    def forward(self, x):
        out = self.long(x)
        out += self.short(x)[:, :, 1:-1, 1:-1]
        return torch.relu_(out)


class Branches(nn.Module):
    """Channels that see different boxes, shuffled, then convolved group by group."""

    def __init__(self):
        super().__init__()
        self.narrow, self.wide = nn.Conv2d(3, 2, 1), nn.Conv2d(3, 2, 5, padding=2)
        self.grouped = nn.Conv2d(4, 8, 3, groups=4)

    def forward(self, x):
        both = torch.cat([self.narrow(x), self.wide(x).sigmoid()], dim=1)
        shuffled = both.unflatten(1, (2, 2)).transpose(1, 2).flatten(1, 2)
        return self.grouped(shuffled)


class Normalised(nn.Module):
    """Constants far larger than the picture is wide, as those of a network that reads values up to 255."""

    def __init__(self):
        super().__init__()
        self.mean = nn.Buffer(torch.full((1, 3, 1, 1), 1000.0))
        self.convolution = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        return self.convolution((x - self.mean) / self.mean * 255 + 3)


class Attention(nn.Module):
    """Squeeze and excitation: one number of the whole picture multiplies every unit."""

    def __init__(self):
        super().__init__()
        self.pool, self.gate = nn.AdaptiveAvgPool2d(1), nn.Conv2d(3, 3, 1)

    def forward(self, x):
        return x * self.gate(self.pool(x)).sigmoid()


class Made(nn.Module):
    """What a function makes of the maps."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, maps):
        return self.function(maps)


def compared(maps):
    tokens = maps.flatten(2).transpose(1, 2)
    tokens = scaled_dot_product_attention(*(tokens[:, None],) * 3)[:, 0]
    shares = (tokens @ tokens.transpose(1, 2)).softmax(dim=-1)
    return (shares @ tokens).transpose(1, 2).unflatten(2, maps.shape[2:])


def windows(maps):
    """Attention within the left half of the maps (N, C, 5, 6), and within the right."""
    halves = torch.cat(maps.chunk(2, dim=3)).flatten(2).transpose(1, 2)  # (2 N, 15, C)
    halves = scaled_dot_product_attention(*(halves[:, None],) * 3)[:, 0].transpose(1, 2).unflatten(2, (5, 3))
    return torch.cat(halves.chunk(2), dim=3)


NETWORKS = {
    "strides and padding": lambda: nn.Sequential(nn.Conv2d(3, 2, 3, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 3, 2, 1)),
    "oblong kernels": lambda: nn.Sequential(nn.Conv2d(3, 2, (2, 5), (1, 3), (1, 2)), nn.Conv2d(2, 2, (3, 1))),
    "dilation": lambda: nn.Sequential(nn.Conv2d(3, 2, 3, dilation=2, padding=2), nn.Conv2d(2, 2, 2, dilation=(3, 1))),
    "max pooling, rounded up": lambda: nn.Sequential(nn.Conv2d(3, 2, 2), nn.MaxPool2d(3, 2, ceil_mode=True)),
    "max pooling, rounded down": lambda: nn.Sequential(nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(2, 1, dilation=2)),
    "average pooling": lambda: nn.Sequential(nn.AvgPool2d(3, 2, 1, ceil_mode=True), nn.Conv2d(3, 2, 2), nn.ReLU6()),
    "adaptive pooling": lambda: nn.Sequential(nn.AdaptiveAvgPool2d((4, 3)), nn.AdaptiveMaxPool2d((3, 2))),
    "the same size": lambda: nn.Sequential(nn.Conv2d(3, 2, 3, dilation=3, padding="same"), nn.ReLU(inplace=True)),
    "reflection": lambda: nn.Sequential(nn.Conv2d(3, 2, 5, padding=2, padding_mode="reflect")),
    "a ring": lambda: nn.Sequential(nn.Conv2d(3, 2, 3, padding=1, padding_mode="circular")),
    "more padding than kernel": lambda: nn.Sequential(nn.Conv2d(3, 2, 2, padding=4), nn.ReLU()),
    "dropout": lambda: nn.Sequential(nn.Conv2d(3, 2, 3), nn.Dropout(), nn.Hardswish(), nn.Conv2d(2, 2, 3)),
    "two paths, summed": lambda: nn.Sequential(Residual()),
    "two paths, side by side": lambda: nn.Sequential(Branches()),
    "large constants": lambda: nn.Sequential(Normalised()),
    "attention": lambda: nn.Sequential(Attention(), nn.Conv2d(3, 2, 3)),
    "a linear layer on the way": lambda: nn.Sequential(
        nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(216, 6), nn.Unflatten(1, (2, 1, 3))
    ),
    "layer norm of channels": lambda: nn.Sequential(nn.Conv2d(3, 2, 3, 2), LayerNorm2d(2), nn.Conv2d(2, 2, 2)),
    "layer norm of a row": lambda: nn.Sequential(nn.Conv2d(3, 2, 3), nn.LayerNorm(12), nn.GELU(), nn.SiLU()),
    "group norm": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4)),
    "a gate": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), Made(lambda maps: maps * maps.mean((2, 3), True).sigmoid())),
    "a global pooling": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), Made(lambda maps: maps + adaptive_avg_pool2d(maps, 1))
    ),
    "sums of columns": lambda: nn.Sequential(Made(lambda maps: maps.sum(dim=2, keepdim=True) + maps)),
    "channels of length 1": lambda: nn.Sequential(nn.Conv2d(3, 2, 3), Made(lambda maps: normalize(maps, dim=1))),
    "rolled": lambda: nn.Sequential(nn.Conv2d(3, 2, 3), Made(lambda maps: maps.roll((1, -2), (2, 3)))),
    "shuffled": lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.ChannelShuffle(2), nn.PixelShuffle(2)),
    "tokens that are compared": lambda: nn.Sequential(nn.Conv2d(3, 2, 4, 4), Made(compared), nn.Conv2d(2, 2, 1)),
    "windows of tokens": lambda: nn.Sequential(nn.Conv2d(3, 4, 3, 2), Made(windows)),
}


def boxes_of(reached):
    """bool (H, W, C, h, w), which pixel reaches which unit -> (C, h, w, 4) by looking for the first and the last."""
    height, width = reached.shape[:2]
    result = torch.zeros(*reached.shape[2:], 4, dtype=torch.long)
    for unit in torch.cartesian_prod(*(torch.arange(length) for length in reached.shape[2:])).tolist():
        pixels = reached[(slice(None), slice(None), *unit)].nonzero()
        if len(pixels):
            result[tuple(unit)] = torch.cat([pixels.amin(dim=0), pixels.amax(dim=0) + 1])
    assert height > 1 < width
    return result


@pytest.mark.parametrize("name", NETWORKS)
def test_the_boxes_are_those_of_the_pixels_that_spoil_a_unit(name):
    # NaN spreads to all that is computed from it, whatever the weights and through every ReLU and pooling.
    model = NETWORKS[name]().double().eval()
    height, width = 11, 14
    images = torch.rand(height, width, 3, height, width, dtype=torch.float64)
    for row in range(height):
        for column in range(width):
            images[row, column, :, row, column] = torch.nan
    with torch.no_grad():
        reached = model(images.flatten(0, 1)).isnan().unflatten(0, (height, width))
    layer = str(len(model) - 1)
    assert torch.equal(receptive_fields(model, layer, size=(height, width)), boxes_of(reached))


def test_the_boxes_are_those_of_the_pixels_that_change_a_unit():
    model = nn.Sequential(nn.Conv2d(3, 2, 3, 2, 1), nn.AvgPool2d(2, 1, ceil_mode=True), nn.Conv2d(2, 3, 3)).double()
    image = torch.rand(3, 11, 14, dtype=torch.float64)
    images = image + torch.eye(154, dtype=torch.float64).view(154, 1, 11, 14)
    with torch.no_grad():
        changed = ((model(images) - model(image[None])).abs() > 1e-12).unflatten(0, (11, 14))
    assert torch.equal(receptive_fields(model, "2", size=(11, 14)), boxes_of(changed))


def test_the_known_fields_of_squeezenet(squeezenet):
    # By hand: size += (kernel - 1) * jump; 3, then 7 at jump 4, Fire + 8 each, 31 at jump 8, + 16 each, and so on.
    known = {"features.0": 3, "features.2": 7, "features.3": 15, "features.4": 23, "features.5": 31, "features.6": 47}
    known |= {"features.7": 63, "features.8": 79, "features.9": 111, "features.12": 207}
    for layer, size in known.items():
        boxes = receptive_fields(squeezenet, layer, size=(224, 224))
        middle = boxes[-1, boxes.shape[1] // 2, boxes.shape[2] // 2]
        assert (middle[2:] - middle[:2]).tolist() == [size, size], layer
    assert receptive_field(squeezenet, "features.12", 511, 6, 6, size=(224, 224)) == (8, 8, 215, 215)


def test_the_two_halves_of_a_fire_module_see_different_boxes(squeezenet):
    assert receptive_field(squeezenet, "features.3", 63, 20, 30, size=(224, 224)) == Box(80, 120, 87, 127)
    assert receptive_field(squeezenet, "features.3", 64, 20, 30, size=(224, 224)) == Box(76, 116, 91, 131)


def test_a_box_is_clipped_to_the_picture(squeezenet):
    assert receptive_field(squeezenet, "features.3", 64, 0, 54, size=(224, 224)) == Box(0, 212, 11, 223)
    boxes = receptive_fields(squeezenet, "features.12", size=(96, 64))
    assert boxes.min() == 0
    assert boxes[..., 2].max() <= 96
    assert boxes[..., 3].max() <= 64
    # Two poolings rounded down leave the last pixel out: no unit sees it.
    assert receptive_fields(squeezenet, "features.12", size=(224, 224)).max() == 223


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("alexnet", "features.10"),
        ("resnet18", "layer2"),
        ("densenet121", "features.denseblock2"),
    ],
)
def test_networks_of_torchvision_depend_on_the_whole_box_and_on_nothing_else(name, layer):
    model = getattr(torchvision.models, name)(weights=None).eval()
    boxes = receptive_fields(model, layer, size=(96, 128))
    for unit in [(0, 0, 0), (-1, boxes.shape[1] // 2, boxes.shape[2] // 2)]:
        top, left, bottom, right = boxes[unit].tolist()
        images = torch.rand(5, 3, 96, 128)
        images[0] = torch.nan
        images[0, :, top:bottom, left:right] = 0.5
        images[1, :, top] = images[2, :, bottom - 1] = torch.nan
        images[3, :, :, left] = images[4, :, :, right - 1] = torch.nan
        found = []
        handle = model.get_submodule(layer).register_forward_hook(lambda *call, to=found: to.append(call[2].clone()))
        with torch.no_grad():
            model(images)
        handle.remove()
        assert found[-1][(slice(None), *unit)].isnan().tolist() == [False, True, True, True, True]


def test_a_box_cuts_its_pixels():
    image = torch.arange(12).view(1, 3, 4)
    assert Box(1, 2, 3, 4).cut(image).tolist() == [[[6, 7], [10, 11]]]


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (("features.3", 128, 0, 0), "channel: 'features.3' has no channel 128 here; allowed are 0 to 127"),
        (("features.3", 0, 15, 0), "row: 'features.3' has no row 15 here; allowed are 0 to 14"),
        (("features.3", 0, 0, -1), "column: 'features.3' has no column -1"),
        (("features.33", 0, 0, 0), "did you mean 'features.3'"),
    ],
)
def test_a_unit_that_is_not_there_is_named(squeezenet, unit, words):
    with pytest.raises(UsageError, match=words):
        receptive_field(squeezenet, *unit, size=(64, 64))


def test_what_is_not_known_is_named_and_leaves_nothing_behind():
    with pytest.raises(UsageError, match="it computes 'upsample_nearest2d'"):
        receptive_fields(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Upsample(scale_factor=2)), "1", size=(8, 14))
    known = receptive_fields(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Upsample(scale_factor=2)), "0", size=(8, 14))
    assert known[0, 1, 2].tolist() == [1, 2, 4, 5], "what comes before it is known"
    with pytest.raises(UsageError, match="it computes 'convolution'"):
        receptive_fields(nn.Sequential(nn.ConvTranspose2d(3, 2, 3)), "0", size=(8, 14))
    with pytest.raises(UsageError, match="not maps"):
        receptive_fields(nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten()), "1", size=(8, 14))
    assert torch.nn.functional.layer_norm(torch.tensor([2.0, 0.0]), [2]).tolist() == pytest.approx([1, -1], abs=1e-4)
