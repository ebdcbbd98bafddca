"""Captum beside ours where test_catalogue.py does not compare them: at odd layers, and what Captum alone has."""

import pytest
import torch

from measures import captum_reference as reference
from measures.agreement import relative_difference
from visualizers.gradcam import grad_cam


@pytest.mark.parametrize("layer", ["features.0", "features.9.squeeze", "features.12.expand3x3"])
def test_grad_cam_agrees_at_layers_that_an_in_place_relu_overwrites(
    layer, imagenet, photograph_tensor, photograph_labels
):
    ours = grad_cam(imagenet, photograph_tensor, photograph_labels, layer=layer, relu=False)
    theirs = reference.captum_grad_cam(imagenet, photograph_tensor, photograph_labels, layer=layer, relu=False)
    assert relative_difference(ours, theirs).max() < 1e-4


def test_captums_own_pictures_have_the_shapes_the_scripts_draw(squeezenet, images):
    labels = torch.tensor([1, 4, 8])
    assert reference.captum_integrated_gradients(squeezenet, images, labels, nodes=4).shape == images.shape
    assert reference.captum_layer_activation(squeezenet, images, layer="features.12").shape == (3, 3, 3)
    conductance = reference.captum_layer_conductance(squeezenet, images, labels, layer="features.12", nodes=4)
    assert conductance.shape == (3, 3, 3)


def test_the_relative_difference_is_a_share_of_the_reference():
    theirs = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    ours = torch.tensor([[3.0, 4.5], [0.0, 0.0]])
    assert relative_difference(ours, theirs).tolist() == pytest.approx([0.1, 0.0])
