"""The gradient of one unit, plain and guided: worked by hand, and beside Captum's."""

import warnings
from copy import deepcopy

import pytest
import torch
from captum import attr
from torch import nn

from core.activations import find_layer
from core.errors import UsageError
from core.gradients import BlankMapWarning
from core.objectives import layer_output
from core.receptive_field import receptive_field
from visualizers.unit_gradient import guided_unit, unit_gradient


def captum_unit_gradient(model, images, unit, *, layer, guided):
    """(N, 3, H, W), the unit's channel, row and column -> signed (N, 3, H, W)."""
    method = (attr.NeuronGuidedBackprop if guided else attr.NeuronGradient)(model, find_layer(model, layer))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Captum says at each call that it sets hooks
        return method.attribute(images.clone(), unit).detach()


@pytest.fixture
def worked():
    """h = relu(x0, x1 - x2, x2);  unit 0 = 2 h0 + 5 h1 - h2;  unit 1 = relu's own h2 - 4 h0."""
    model = nn.Sequential(
        nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(inplace=True), nn.Conv2d(3, 2, 1, bias=False), nn.ReLU()
    )
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1, -1], [0, 0, 1]])[..., None, None])
        model[2].weight.copy_(torch.tensor([[2.0, 5, -1], [-4, 0, 1]])[..., None, None])
    return model


def test_the_worked_example(worked):
    image = torch.tensor([1.0, 2, 3]).view(1, 3, 1, 1)  # h = 1, 0, 3; units -1 and -1
    plain, guided = (each(worked, image, "2", 0, 0, 0).flatten().tolist() for each in (unit_gradient, guided_unit))
    assert plain == [2, 0, -1]  # h1 is held at 0
    assert guided == [2, 0, 0]  # and h2, which speaks against the unit, is passed over
    assert unit_gradient(worked, image, "0", 1, 0, 0).flatten().tolist() == [0, 1, -1]  # before the ReLU overwrites it


def test_a_unit_that_a_relu_holds_at_zero_is_blank_and_warns(worked):
    image = torch.tensor([1.0, 2, 3]).view(1, 3, 1, 1)
    with pytest.warns(BlankMapWarning, match=r"unit \[1, 0, 0\] of 3 is blank: a ReLU holds the unit at 0"):
        assert not unit_gradient(worked, image, "3", 1, 0, 0).any()


@pytest.mark.parametrize("guided", [False, True], ids=["plain", "guided"])
@pytest.mark.parametrize("layer", ["features.0", "features.3", "features.6.squeeze", "features.9", "features.12"])
def test_captum_agrees_in_float64(layer, guided, squeezenet, images):
    model, images = deepcopy(squeezenet).double(), images.double()
    with torch.no_grad():
        least = layer_output(model, layer)(images).amin(dim=0)  # a unit that responds to all three
    unit = tuple(int(place) for place in torch.unravel_index(least.argmax(), least.shape))
    ours = (guided_unit if guided else unit_gradient)(model, images, layer, *unit)
    theirs = captum_unit_gradient(model, images, unit, layer=layer, guided=guided)
    assert ours.flatten(1).any(dim=1).all()
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-12)


def test_each_image_has_its_own_unit_and_nothing_lies_outside_its_box(squeezenet):
    images = torch.randn(5, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    units = torch.tensor([[3, 0, 1], [100, 22, 9], [64, 10, 22], [3, 4, 5], [127, 11, 12]])
    together = unit_gradient(squeezenet, images, "features.3.expand3x3", units[:, 0] % 64, *units[:, 1:].T)
    for image, unit, gradient in zip(images, units.tolist(), together, strict=True):
        unit[0] %= 64
        alone = unit_gradient(squeezenet, image[None], "features.3.expand3x3", *unit)[0]
        torch.testing.assert_close(gradient, alone)
        box = receptive_field(squeezenet, "features.3.expand3x3", *unit, size=(96, 96))
        assert box.cut(gradient).any()
        box.cut(gradient).zero_()
        assert not gradient.any()


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        (("nowhere", 0, 0, 0), "layer: 'nowhere' is not in the network"),
        (("features.3", 128, 0, 0), "channels: 'features.3' has no channel 128; allowed are 0 to 127"),
        (("features.3", 0, 15, 0), "rows: 'features.3' has no row 15 here; allowed are 0 to 14"),
        (("features.3", 0, 0, -1), "columns: 'features.3' has no column -1 here; allowed are 0 to 14"),
        (("features.3", [1, 2], 0, 0), "channels: got 2 for 3 images; give one, or one for each image"),
        (("features.3", 0, 0.5, 0), "rows: whole numbers are needed"),
    ],
)
def test_wrong_units_are_named(unit, words, squeezenet, images):
    with pytest.raises(UsageError, match=words):
        unit_gradient(squeezenet, images, *unit)
