"""Saliency, guided backpropagation and Grad-CAM: hand-worked numbers, invariants, closed forms, bad input."""

from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import UsageError
from core.gradients import BlankMapWarning
from courses.gradcam import GradCAM
from visualizers.gradcam import grad_cam, scale_each, upsample
from visualizers.guided_backprop import guided_backprop
from visualizers.guided_gradcam import guided_grad_cam
from visualizers.saliency_map import SaliencyMap, saliency_map


class Linear(nn.Module):
    """score_y = sum over all pixels of w_y * x."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.Parameter(weights)  # (K, 3, H, W)

    def forward(self, x):
        return torch.einsum("nchw,kchw->nk", x, self.weights)


def net(*modules) -> nn.Module:
    return nn.Sequential(*modules, nn.AdaptiveAvgPool2d(1), nn.Flatten()).double()


def test_saliency_of_a_linear_model_is_its_largest_absolute_weight():
    weights = torch.tensor([[1.0, -4.0], [2.0, 3.0], [-5.0, 0.5]]).view(1, 3, 1, 2)  # (K, C, H, W)
    maps = saliency_map(Linear(weights), torch.randn(2, 3, 1, 2), [0, 0])
    assert torch.equal(maps, torch.tensor([[[5.0, 4.0]], [[5.0, 4.0]]]))


def test_guided_backprop_by_hand():
    # score = relu(a) + relu(b) - relu(c) on three 1x1 channels, with a > 0, b < 0, c > 0
    model = nn.Sequential(nn.ReLU(), nn.Flatten(), nn.Linear(3, 1, bias=False)).double()
    with torch.no_grad():
        model[2].weight.copy_(torch.tensor([[1.0, 1.0, -1.0]]))
    image = torch.tensor([2.0, -1.0, 3.0], dtype=torch.float64).view(1, 3, 1, 1)
    (gradient,) = torch.autograd.grad(model(image.requires_grad_(True)).sum(), image)
    assert torch.equal(gradient.flatten(), torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64))
    guided = guided_backprop(model, image, 0)
    # the ReLU shuts b off because its input is negative, and c because what comes back is negative
    assert torch.equal(guided.flatten(), torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))


def test_guided_backprop_reaches_relus_inside_fire_modules(squeezenet, images):
    guided = guided_backprop(squeezenet, images, [1, 2, 3])
    relu = squeezenet.features[1]
    handle = relu.register_forward_hook(lambda _m, _i, out: out.register_hook(lambda g: g.clamp(min=0)) and None)
    image = images.clone().requires_grad_()
    only_first = torch.autograd.grad(squeezenet(image).gather(1, torch.tensor([[1], [2], [3]])).sum(), image)[0]
    handle.remove()
    assert torch.cosine_similarity(guided.flatten(1), only_first.flatten(1)).max() < 0.9


def test_guided_backprop_equals_the_gradient_where_all_weights_are_positive(images):
    model = net(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 2, 3), nn.ReLU(inplace=True))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
    images = images.double()
    assert torch.equal(guided_backprop(model, images, 1).abs().amax(dim=1), saliency_map(model, images, 1))


def test_saliency_agrees_with_central_differences_in_float64(squeezenet, images):
    from copy import deepcopy

    model, image = deepcopy(squeezenet).double(), images[:1].double()
    maps = saliency_map(model, image, 4)
    step, checked = 1e-6, 0
    for row, column in torch.randint(0, 64, (12, 2), generator=torch.Generator().manual_seed(0)).tolist():
        slopes, kinked = [], False
        for channel in range(3):
            change = torch.zeros_like(image)
            change[0, channel, row, column] = step
            up, down, here = (model(x)[0, 4] for x in (image + change, image - change, image))
            slopes.append(float(up - down) / (2 * step))
            kinked |= abs(float((up - here) - (here - down))) / step > 1e-7  # a ReLU flips between the two
        if not kinked:
            checked += 1
            assert maps[0, row, column] == pytest.approx(max(map(abs, slopes)), rel=1e-4, abs=1e-9)
    assert checked >= 6


def test_grad_cam_by_hand():
    # one layer A = x, score_0 = mean(2 * A_0 - 1 * A_1): weights (2, -1) / 4 on a 2 x 2 map
    model = nn.Sequential(nn.Identity(), nn.Conv2d(3, 1, 1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        model[1].weight.copy_(torch.tensor([2.0, -1.0, 0.0]).view(1, 3, 1, 1))
    image = torch.tensor([[[1.0, 0.0], [3.0, 1.0]], [[0.0, 4.0], [2.0, 2.0]], [[9.0, 9.0], [9.0, 9.0]]])[None]
    raw = torch.tensor([[[2.0, -4.0], [4.0, 0.0]]]) / 4
    torch.testing.assert_close(grad_cam(model, image, 0, layer="0", relu=False), raw)
    torch.testing.assert_close(grad_cam(model, image, 0, layer="0"), raw.relu())


def test_grad_cam_is_cam_where_the_head_is_linear_over_pooled_features(images):
    model = net(nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(inplace=True), nn.Conv2d(6, 5, 1))
    images = images.double()
    cam = (model[:2](images) * model[2].weight[3].view(1, 6, 1, 1)).sum(dim=1)  # w_3 over the features
    ours = grad_cam(model, images, 3, layer="1", relu=False) * cam[0].numel()
    torch.testing.assert_close(ours, cam, rtol=1e-5, atol=1e-9)


def test_squeezenets_score_is_the_mean_of_the_positive_part_of_its_class_map(imagenet, photograph_tensor):
    with torch.no_grad():
        class_maps = imagenet.classifier[1](imagenet.features(photograph_tensor))
        torch.testing.assert_close(imagenet(photograph_tensor), class_maps.relu().mean(dim=(2, 3)))


def test_grad_cam_at_features_is_the_class_map_scaled_and_shifted(imagenet, photograph_tensor, photograph_labels):
    with torch.no_grad():
        maps = imagenet.classifier[1](imagenet.features(photograph_tensor))[range(5), photograph_labels]  # (N, h, w)
    share = (maps > 0).double().mean(dim=(1, 2)).view(-1, 1, 1)
    bias = imagenet.classifier[1].bias[photograph_labels].view(-1, 1, 1)
    closed_form = share / maps[0].numel() * (maps - bias)
    ours = grad_cam(imagenet, photograph_tensor, photograph_labels, layer="features", relu=False)
    torch.testing.assert_close(ours, closed_form.float(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("labels", [[1, 2, 3], (1, 2, 3), torch.tensor([1, 2, 3]), torch.tensor([1, 2, 3]).numpy()])
def test_labels_may_be_a_list_an_array_or_a_tensor(labels, squeezenet, images):
    assert torch.equal(saliency_map(squeezenet, images, labels), saliency_map(squeezenet, images, [1, 2, 3]))


def test_guided_grad_cam_looks_at_the_layer_asked_for(squeezenet, images):
    deep = guided_grad_cam(squeezenet, images, 1)
    shallow = guided_grad_cam(squeezenet, images, 1, layer="features.4")
    region = upsample(grad_cam(squeezenet, images, 1, layer="features.4"), (64, 64))
    torch.testing.assert_close(shallow, guided_backprop(squeezenet, images, 1) * region.unsqueeze(1))
    assert not torch.allclose(shallow, deep)


def test_a_network_without_relus_is_refused_by_guided_backprop(images):
    with pytest.raises(UsageError, match="the network runs none"):
        guided_backprop(nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()), images, 0)


def test_each_map_is_scaled_by_itself_and_a_flat_one_becomes_zero():
    maps = torch.stack([torch.tensor([[1.0, 3.0]]), torch.tensor([[10.0, 10.0]])])
    assert torch.equal(scale_each(maps), torch.tensor([[[0.0, 1.0]], [[0.0, 0.0]]]))


def test_upsampling_keeps_a_constant_map():
    torch.testing.assert_close(upsample(torch.full((2, 3, 3), 0.25), (7, 5)), torch.full((2, 7, 5), 0.25))


def test_a_picture_of_one_colour_is_named_as_the_cause_of_its_blank_map(squeezenet):
    model = deepcopy(squeezenet)
    model.classifier[1].bias[1] = -1.0
    with pytest.warns(BlankMapWarning, match="the image has one colour"):
        saliency_map(model, torch.zeros(1, 3, 64, 64), 1)


def test_the_courses_pictures_and_names_are_checked(squeezenet):
    good = np.zeros((1, 8, 8, 3), np.uint8)
    for wrong in (good / 255, good[..., 0], good[..., :1]):
        with pytest.raises(UsageError, match="X: pictures as uint8"):
            SaliencyMap().show_saliency_maps(wrong, [1], {1: "one"}, squeezenet)
        with pytest.raises(UsageError, match="X: pictures as uint8"):
            GradCAM(wrong, squeezenet).gradcam()
    for names in ({2: "two"}, ["one", "two", "three"]):
        with pytest.raises(UsageError, match="class_names: a name is missing"):
            SaliencyMap().show_saliency_maps(good, [5], names, squeezenet)
