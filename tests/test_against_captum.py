"""The four techniques that Captum has too: the same maps, image by image."""

from copy import deepcopy
from functools import partial

import pytest
import torch

from measures import captum_reference as reference
from visualizers.gradcam import LAYER, grad_cam
from visualizers.guided_backprop import guided_backprop
from visualizers.guided_gradcam import guided_grad_cam
from visualizers.saliency_map import saliency_map

PAIRS = {
    "saliency": (saliency_map, reference.captum_saliency),
    "guided backprop": (guided_backprop, reference.captum_guided_backprop),
    "Grad-CAM": (grad_cam, partial(reference.captum_grad_cam, layer=LAYER)),
    "guided Grad-CAM": (guided_grad_cam, partial(reference.captum_guided_grad_cam, layer=LAYER)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_the_median_photograph_agrees_within_1e_4_in_float32(name, imagenet, photograph_tensor, photograph_labels):
    ours, theirs = (technique(imagenet, photograph_tensor, photograph_labels) for technique in PAIRS[name])
    assert reference.relative_difference(ours, theirs).median() < 1e-4


@pytest.mark.parametrize("name", PAIRS)
def test_every_photograph_agrees_within_1e_4_in_float64(name, imagenet, photograph_tensor, photograph_labels):
    model, images = deepcopy(imagenet).double(), photograph_tensor.double()
    ours, theirs = (technique(model, images, photograph_labels) for technique in PAIRS[name])
    assert reference.relative_difference(ours, theirs).max() < 1e-4


@pytest.mark.parametrize("layer", ["features.0", "features.9.squeeze", "features.12.expand3x3"])
def test_grad_cam_agrees_at_layers_that_an_in_place_relu_overwrites(
    layer, imagenet, photograph_tensor, photograph_labels
):
    ours = grad_cam(imagenet, photograph_tensor, photograph_labels, layer=layer, relu=False)
    theirs = reference.captum_grad_cam(imagenet, photograph_tensor, photograph_labels, layer=layer, relu=False)
    assert reference.relative_difference(ours, theirs).max() < 1e-4


def test_a_network_that_does_not_work_in_place_gives_the_same_maps(squeezenet, images):
    copy = deepcopy(squeezenet)
    for module in copy.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    for ours, _ in PAIRS.values():
        torch.testing.assert_close(ours(squeezenet, images, [1, 4, 8]), ours(copy, images, [1, 4, 8]))


def test_captums_own_pictures_have_the_shapes_the_scripts_draw(squeezenet, images):
    labels = torch.tensor([1, 4, 8])
    assert reference.captum_integrated_gradients(squeezenet, images, labels, nodes=4).shape == images.shape
    assert reference.captum_layer_activation(squeezenet, images, layer=LAYER).shape == (3, 3, 3)
    assert reference.captum_layer_conductance(squeezenet, images, labels, layer=LAYER, nodes=4).shape == (3, 3, 3)


def test_the_relative_difference_is_a_share_of_the_reference():
    theirs = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    ours = torch.tensor([[3.0, 4.5], [0.0, 0.0]])
    assert reference.relative_difference(ours, theirs).tolist() == pytest.approx([0.1, 0.0])
