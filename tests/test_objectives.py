"""Objectives: values by hand, the layer's own activation, the forward pass that stops, and no trace."""

import pytest
import torch
from conftest import random_squeezenet, state_of
from torch import nn
from torchvision.models import resnet18

from core.activations import record_activations
from core.errors import UsageError
from core.measuring import measuring
from core.objectives import channel_objective, class_objective, layer_objective, layer_output, unit_objective
from core.zero_scores import label_climb
from visualizers.class_visualization import climb_pixels


def known_network():
    """Two channels: the sum of the colours, and minus their sum; then an in-place ReLU."""
    convolution = nn.Conv2d(3, 2, 1, bias=False)
    convolution.weight.data = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1).expand(2, 3, 1, 1).clone()
    return nn.Sequential(convolution, nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 3))


PICTURES = torch.arange(8.0).view(2, 1, 2, 2).expand(2, 3, 2, 2) / 3  # sums of colours: 0 1 2 3 and 4 5 6 7


@pytest.mark.parametrize("again", [0, 1], ids=["first call", "second call"])
def test_values_by_hand(again):
    model = known_network()
    wanted = {
        channel_objective(model, "0", [0, 1]): [1.5, -5.5],  # before the ReLU that overwrites it
        channel_objective(model, "1", [0, 1]): [1.5, 0.0],
        channel_objective(model, "0", 1): [-1.5, -5.5],
        unit_objective(model, "0", [1, 0]): [-3.0, 7.0],  # [h // 2, w // 2] of a 2 x 2 map is the last cell
        layer_objective(model, "0"): [28.0**0.5, 252.0**0.5],
        layer_objective(model, "1"): [14.0**0.5, 126.0**0.5],
    }
    for objective, expected in wanted.items():
        for _ in range(again + 1):
            values = objective(PICTURES)
        torch.testing.assert_close(values, torch.tensor(expected))


def test_the_centre_of_a_map_of_odd_sides_is_its_middle(squeezenet, images):
    with record_activations(squeezenet, ["features.12"]) as recorded:
        squeezenet(images)
    assert recorded["features.12"].shape[2:] == (3, 3)
    expected = recorded["features.12"][torch.arange(3), torch.tensor([5, 6, 7]), 1, 1]
    assert torch.equal(unit_objective(squeezenet, "features.12", [5, 6, 7])(images), expected)


def test_a_linear_layer_has_units_as_channels():
    model = known_network()
    expected = model(PICTURES)[torch.arange(2), torch.tensor([2, 0])]
    for objective in (channel_objective, unit_objective):
        assert torch.equal(objective(model, "3", [2, 0])(PICTURES), expected)


def test_the_class_objective_is_the_climb_of_class_visualization(squeezenet, images):
    objective = class_objective(squeezenet, [1, 4, 2])
    assert torch.equal(objective(images), label_climb(squeezenet, images, torch.tensor([1, 4, 2])))
    assert torch.equal(class_objective(squeezenet, 4)(images), label_climb(squeezenet, images, torch.tensor([4] * 3)))


@pytest.mark.parametrize("make", [channel_objective, unit_objective])
def test_a_batch_is_its_images_one_by_one(make, squeezenet, images):
    together = make(squeezenet, "features.6", [3, 1, 2])(images)
    apart = [make(squeezenet, "features.6", k)(images[i : i + 1]) for i, k in enumerate([3, 1, 2])]
    torch.testing.assert_close(together, torch.cat(apart), rtol=1e-4, atol=1e-6)


def test_the_gradient_is_that_of_the_whole_pass(squeezenet, images):
    images.requires_grad_()
    objective = channel_objective(squeezenet, "features.3.expand3x3", [3, 1, 2])
    with record_activations(squeezenet, ["features.3.expand3x3"]) as recorded:
        squeezenet(images)
    mean = recorded["features.3.expand3x3"][torch.arange(3), torch.tensor([3, 1, 2])].mean(dim=(1, 2))
    (expected,) = torch.autograd.grad(mean.sum(), images)
    for _ in range(2):
        (gradient,) = torch.autograd.grad(objective(images).sum(), images)
        torch.testing.assert_close(gradient, expected)
    norms = layer_objective(squeezenet, "features.3")(images)
    assert torch.autograd.grad(norms.sum(), images)[0].abs().amax(dim=(1, 2, 3)).min() > 0


@pytest.mark.parametrize("make", [channel_objective, unit_objective])
def test_what_is_dead_gets_the_gradient_before_the_relu_and_what_is_alive_its_own(make):
    model = known_network()
    images = PICTURES.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(make(model, "1", [0, 1])(images).sum(), images)
    (expected,) = torch.autograd.grad(make(model, "0", [0, 1])(images).sum(), images)
    if make is channel_objective:
        expected[0, :, 0, 0] = 0  # there the channel that is alive elsewhere is 0
    assert torch.equal(gradient, expected)
    assert (gradient[1, :, 1, 1] < 0).all()  # channel 1, dead, is minus the colours


def test_dead_units_inside_a_fire_module_climb_until_they_are_alive(squeezenet, images):
    with torch.no_grad():
        maps = layer_output(squeezenet, "features.12")(images)
    dead = (maps[:, :, 1, 1] == 0).all(dim=0).nonzero().flatten()[:3]
    assert len(dead) == 3
    objective = unit_objective(squeezenet, "features.12", dead)
    settings = {"iterations": 40, "learning_rate": 3.0, "max_jitter": 0, "l2_reg": 0.0, "blur_every": 0}
    assert (objective(climb_pixels(squeezenet, objective, images, **settings)) > 0).all()


def test_the_pass_stops_at_the_layer_from_the_second_time_on(images):
    model, later = random_squeezenet(), []
    model.features[7].register_forward_hook(lambda *_: later.append(1))
    objective = layer_objective(model, "features.3")
    first = objective(images)
    assert len(later) == 1
    assert torch.equal(objective(images), first)
    assert len(later) == 1


def test_of_a_layer_used_twice_the_last_output_counts(images):
    model = resnet18(num_classes=4).eval()  # its blocks use one ReLU twice
    output = layer_output(model, "layer1.0.relu")
    with torch.no_grad():
        first, again = output(images), output(images)
        expected = model.layer1[0](model.maxpool(model.relu(model.bn1(model.conv1(images)))))
    assert torch.equal(first, expected)
    assert torch.equal(again, expected)


@pytest.mark.parametrize("frozen", [False, True], ids=["trainable", "frozen"])
@pytest.mark.parametrize("make", [channel_objective, unit_objective, class_objective, layer_objective])
def test_no_trace_is_left(make, frozen, images):
    model = random_squeezenet().requires_grad_(not frozen).train()
    images.requires_grad_(True)
    before = state_of(model, images)
    arguments = {class_objective: (2,), layer_objective: ("features.4",)}.get(make, ("features.4", 2))
    with measuring(model):
        objective = make(model, *arguments)
        for _ in range(2):
            torch.autograd.grad(objective(images).sum(), images)
    assert state_of(model, images) == before


def test_no_trace_is_left_after_an_exception(images):
    model = random_squeezenet()
    before = state_of(model, images)
    with pytest.raises(UsageError):
        channel_objective(model, "features.4", 999)(images)
    with pytest.raises(UsageError, match="model"):
        layer_objective(model, "features.4")(images[:, :2])
    assert state_of(model, images) == before


def test_wrong_layers_and_channels_are_told_what_is_allowed(squeezenet, images):
    with pytest.raises(UsageError, match=r"'features.77' is not in the network; .* allowed are features"):
        channel_objective(squeezenet, "features.77", 0)
    for channels, words in {
        128: "'features.3' has no channel 128; allowed are 0 to 127",
        -1: "has no channel -1",
        (1, 2): "got 2 for 3 images",
        1.5: "whole numbers",
    }.items():
        for make in (channel_objective, unit_objective):
            with pytest.raises(UsageError, match=words):
                make(squeezenet, "features.3", channels)(images)
    with pytest.raises(UsageError, match="class 10 is out of range"):
        class_objective(squeezenet, [1, 10])
    with pytest.raises(UsageError, match="got 2 for 3 images"):
        class_objective(squeezenet, [1, 2])(images)


def test_a_layer_that_takes_no_part_is_named(images):
    model = random_squeezenet()
    model.spare = nn.Conv2d(3, 3, 1)
    with pytest.raises(UsageError, match="'spare' takes no part"):
        layer_objective(model, "spare")(images)
