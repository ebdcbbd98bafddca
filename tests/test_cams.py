"""Grad-CAM's siblings: hand-worked numbers, closed forms on SqueezeNet, an independent library, bad input."""

import math
import warnings
from copy import deepcopy

import pytest
import torch
from conftest import random_squeezenet
from torch import nn

from core.activations import record_activations
from core.errors import UsageError
from core.gradients import BlankMapWarning
from visualizers.class_map import class_map
from visualizers.eigen_cam import eigen_cam, first_component
from visualizers.fused_layer_cam import fused_layer_cam
from visualizers.gradcam import grad_cam, upsample
from visualizers.gradcam_plus_plus import grad_cam_plus_plus
from visualizers.hires_cam import hires_cam
from visualizers.layer_cam import layer_cam
from visualizers.score_cam import score_cam
from visualizers.xgrad_cam import xgrad_cam

FUSED = ("features.4", "features.7", "features.12")  # what SqueezeNet's map is fused of
SIGNED = (grad_cam, xgrad_cam, hires_cam)
AT_A_LAYER = (*SIGNED, grad_cam_plus_plus, layer_cam, eigen_cam, score_cam)


@pytest.fixture(scope="module")
def double():
    return random_squeezenet().double()


@pytest.fixture
def weighted_pixels():
    """score_0 = sum of weight * pixel over a picture of 1 x 2 pixels and 3 channels, and the picture."""
    model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(6, 2, bias=False)).double()
    with torch.no_grad():
        model[2].weight[0] = torch.tensor([1.0, -1.0, -2.0, 4.0, 0.0, 2.0])
    return model, torch.tensor([[1.0, 3.0], [2.0, 0.0], [0.0, 4.0]], dtype=torch.float64).view(1, 3, 1, 2)


@pytest.mark.parametrize(
    ("technique", "settings", "expected"),
    [
        # channel weights 0, 1, 1
        (grad_cam, {}, [2.0, 4.0]),
        # 1*1 - 2*2 + 0*0 and -1*3 + 4*0 + 2*4
        (hires_cam, {"relu": False}, [-3.0, 5.0]),
        (hires_cam, {}, [0.0, 5.0]),
        # the same without the negative weights
        (layer_cam, {}, [1.0, 8.0]),
        # channel weights (1*1 - 3*1) / 4, -2*2 / 2, 2*4 / 4
        (xgrad_cam, {"relu": False}, [-4.5, 6.5]),
        (xgrad_cam, {}, [0.0, 6.5]),
        # alpha 1 / (2 + 4*1), 1 / (2 + 2*4), 1 / (2 + 4*2): channel weights 1/6, 0.4, 0.2
        (grad_cam_plus_plus, {}, [1 / 6 + 0.8, 0.5 + 0.8]),
    ],
)
def test_maps_by_hand(technique, settings, expected, weighted_pixels):
    maps = technique(*weighted_pixels, 0, layer="0", **settings)
    torch.testing.assert_close(maps, torch.tensor([[expected]], dtype=torch.float64))


def test_score_cam_by_hand(weighted_pixels):
    # The channels' masks are (0, 1), (1, 0) and (0, 1); of the picture they leave the scores 5, -3 and 5.
    first, second = (math.exp(score) / (2 * math.exp(5) + math.exp(-3)) for score in (5, -3))
    expected = torch.tensor([[[first * 1 + second * 2, first * 3 + first * 4]]], dtype=torch.float64)
    torch.testing.assert_close(score_cam(*weighted_pixels, 0, layer="0"), expected)


def test_eigen_cam_by_hand():
    # Each channel is a multiple of one pattern: the component is the pattern times the length of the multiples.
    pattern = torch.tensor([[0.0, 1.0], [2.0, -0.5]])
    multiples = torch.tensor([3.0, 0.0, 4.0]).view(1, 3, 1, 1)
    torch.testing.assert_close(first_component(multiples * pattern), 5 * pattern[None])
    torch.testing.assert_close(first_component(-multiples * pattern), -5 * pattern[None])
    # The second channel is the larger, and its sum is negative; what fires most is still the pattern.
    opposed = torch.tensor([3.0, -4.0]).view(1, 2, 1, 1)
    torch.testing.assert_close(first_component(opposed * pattern), 5 * pattern[None])


def test_eigen_cam_projects_on_the_first_eigenvector_of_the_channels(double, images):
    with torch.no_grad():
        features = double.features(images.double()).flatten(2)  # (N, K, h w)
    values, vectors = torch.linalg.eigh(features @ features.transpose(1, 2))  # ascending
    projected = torch.einsum("nkp,nk->np", features, vectors[..., -1]).abs()
    maps = eigen_cam(double, images.double(), 0)
    torch.testing.assert_close(maps.flatten(1), projected)
    torch.testing.assert_close(maps.square().sum(dim=(1, 2)), values[:, -1])


def test_eigen_cam_knows_no_class(squeezenet, images):
    assert torch.equal(eigen_cam(squeezenet, images, 1), eigen_cam(squeezenet, images, [7, 8, 9]))


def test_grad_cam_plus_plus_takes_the_papers_derivatives_of_the_exponential_score():
    torch.manual_seed(0)
    head = nn.Sequential(nn.Conv2d(3, 4, 2), nn.ReLU(), nn.Conv2d(4, 1, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model = nn.Sequential(nn.ReLU(), head).double()
    image = torch.randn(1, 3, 3, 3, dtype=torch.float64)
    activation = image.relu()
    derivatives = torch.zeros(3, *activation.shape[1:], dtype=torch.float64)  # first, second, third
    for place in torch.cartesian_prod(*map(torch.arange, activation.shape[1:])).tolist():
        step = torch.zeros((), dtype=torch.float64, requires_grad=True)
        direction = torch.zeros_like(activation)
        direction[0, *place] = 1
        value = head(activation + step * direction).exp().sum()
        for order in range(3):
            (value,) = torch.autograd.grad(value, step, create_graph=True)
            derivatives[order, *place] = value.detach()
    first, second, third = derivatives
    total = activation[0].sum(dim=(1, 2), keepdim=True)
    alpha = torch.where(first == 0, 0, second / (2 * second + total * third))
    weights = (alpha * first.relu()).sum(dim=(1, 2), keepdim=True)
    expected = (weights * activation[0]).sum(dim=0)
    assert expected.max() > 0
    scale = model(image).exp().detach()  # the factor that ours leaves out
    torch.testing.assert_close(grad_cam_plus_plus(model, image, 0, layer="0") * scale, expected[None])


def test_on_a_head_linear_over_pooled_features_four_techniques_are_cam(images):
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3, stride=2), nn.ReLU(inplace=True), nn.Conv2d(6, 5, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).double()
    images = images.double()
    with torch.no_grad():
        cam = (model[:2](images) * model[2].weight[3].view(1, 6, 1, 1)).sum(dim=1) / 31**2
    for technique in SIGNED:
        torch.testing.assert_close(technique(model, images, 3, layer="1", relu=False), cam)


def test_hires_cam_at_features_is_the_positive_part_of_the_class_map_without_its_bias(double, images):
    with torch.no_grad():
        double = deepcopy(double)
        double.classifier[1].bias[:] = 0.1  # so that some cells are below 0
        maps = class_map(double, images.double(), [1, 4, 8], relu=False)
    assert 0 < (maps > 0).double().mean() < 1
    closed_form = (maps > 0) * (maps - 0.1) / maps[0].numel()
    torch.testing.assert_close(hires_cam(double, images.double(), [1, 4, 8], layer="features", relu=False), closed_form)
    torch.testing.assert_close(hires_cam(double, images.double(), [1, 4, 8], layer="features"), closed_form.relu())


def test_the_mean_of_the_class_map_is_the_score(imagenet, photograph_tensor):
    labels = [285, 967, 285, 670, 0]  # unordered, and one twice
    with torch.no_grad():
        scores = imagenet(photograph_tensor)[range(5), labels]
        whole = imagenet.classifier[1](imagenet.features(photograph_tensor))[range(5), labels]
    torch.testing.assert_close(class_map(imagenet, photograph_tensor, labels).mean(dim=(1, 2)), scores)
    signed = class_map(imagenet, photograph_tensor, labels, relu=False)
    torch.testing.assert_close(signed, whole, rtol=1e-4, atol=1e-4)
    assert signed.min() < 0


def test_xgrad_cam_conserves_gradient_times_activation(double, images):
    layer = "features.7"
    with record_activations(double, [layer], as_leaves=True) as recorded:
        score = double(images.double())[:, 4].sum()
    (gradient,) = torch.autograd.grad(score, recorded[layer])
    maps = xgrad_cam(double, images.double(), 4, layer=layer, relu=False)
    torch.testing.assert_close(maps.sum(dim=(1, 2)), (gradient * recorded[layer].detach()).sum(dim=(1, 2, 3)))


@pytest.mark.parametrize("layer", ["features.0", "features.9.squeeze", "features.12.expand3x3"])
@pytest.mark.parametrize("technique", AT_A_LAYER)
def test_a_layer_that_an_in_place_relu_overwrites_is_seen_as_it_was(technique, layer, images):
    model = random_squeezenet(seed=2)  # one whose Score-CAM is nowhere blank at these layers
    copy = deepcopy(model)
    for module in copy.modules():
        if isinstance(module, nn.ReLU):
            module.inplace = False
    settings = {"channels": 48} if technique is score_cam else {}
    settings |= {"relu": False} if technique in SIGNED else {}
    maps = technique(model, images, [1, 4, 8], layer=layer, **settings)
    assert maps.any()
    torch.testing.assert_close(maps, technique(copy, images, [1, 4, 8], layer=layer, **settings), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("technique", "settings", "expected"),
    [
        (layer_cam, {}, [0.0, 3.0]),  # -2 + 1 cut off after the sum, not before
        (xgrad_cam, {"relu": False}, [-1.0, 3.0]),  # channel weights 1
        # Channel weights 2/2, 2/3, 2/5. With the sum of all of A the first would be infinite: 2 + (-2) * 1 is 0.
        (grad_cam_plus_plus, {}, [0.0, 6 / 5]),
    ],
)
def test_maps_by_hand_where_activations_are_negative(technique, settings, expected):
    model = nn.Sequential(nn.Identity(), nn.Flatten(), nn.Linear(6, 1, bias=False)).double()
    with torch.no_grad():
        model[2].weight[:] = 1
    image = torch.tensor([[-2.0, 0.0], [1.0, 0.0], [0.0, 3.0]], dtype=torch.float64).view(1, 3, 1, 2)
    maps = technique(model, image, 0, layer="0", **settings)
    torch.testing.assert_close(maps, torch.tensor([[expected]], dtype=torch.float64))


@pytest.mark.parametrize("technique", [score_cam, eigen_cam])
def test_at_the_last_convolution_all_classes_are_channels_not_only_those_asked_for(technique, squeezenet, images):
    batch = technique(squeezenet, images, [1, 4, 8], layer="classifier.1")
    single = technique(squeezenet, images[1:2], 4, layer="classifier.1")
    torch.testing.assert_close(batch[1:2], single, rtol=1e-4, atol=1e-6)


def test_score_cam_with_as_many_channels_as_there_are_is_score_cam(squeezenet, images):
    everything = score_cam(squeezenet, images, 1, layer="classifier.1")
    for channels in (10, 9999):
        torch.testing.assert_close(
            score_cam(squeezenet, images, 1, layer="classifier.1", channels=channels), everything
        )


def test_score_cam_takes_the_channels_that_vary_most(squeezenet, images):
    with torch.no_grad():
        features = squeezenet.features(images)
    most = features.flatten(2).var(dim=2).argmax(dim=1)
    # Of one channel alone the softmax is 1.
    torch.testing.assert_close(score_cam(squeezenet, images, 1, channels=1), features[range(3), most])


def test_score_cam_passes_no_more_pictures_at_a_time_than_a_chunk(squeezenet, images, monkeypatch):
    monkeypatch.setattr("core.gradients.CHUNK_PIXELS", 2 * 64 * 64)
    expected, seen = score_cam(squeezenet, images, 1, channels=5), []
    handle = squeezenet.features[0].register_forward_pre_hook(lambda _module, inputs: seen.append(len(inputs[0])))
    torch.testing.assert_close(score_cam(squeezenet, images, 1, channels=5), expected)
    handle.remove()
    assert max(seen) == 2
    assert sum(seen) == 3 + 3 * 5


def test_the_fusion_of_one_layer_is_layer_cam_scaled_by_its_largest_value(squeezenet, images):
    alone = upsample(layer_cam(squeezenet, images, 1), (64, 64))
    fused = fused_layer_cam(squeezenet, images, 1, layers=["features.12"])
    torch.testing.assert_close(fused, alone / alone.amax(dim=(1, 2), keepdim=True))


def test_the_fusion_is_the_mean_over_its_layers(squeezenet, images):
    each = [fused_layer_cam(squeezenet, images, 1, layers=[layer]) for layer in FUSED]
    torch.testing.assert_close(fused_layer_cam(squeezenet, images, 1), sum(each) / 3)
    with pytest.raises(UsageError, match="layers: none given"):
        fused_layer_cam(squeezenet, images, 1, layers=[])


def test_a_blank_fused_map_is_told_once(squeezenet):
    model = deepcopy(squeezenet)
    with torch.no_grad():  # nothing passes features.12
        model.features[12].expand1x1.bias.fill_(-1e6)
        model.features[12].expand3x3.bias.fill_(-1e6)
    with pytest.warns(BlankMapWarning) as told:
        fused_layer_cam(model, torch.zeros(1, 3, 64, 64), 1)
    assert len(told) == 1


def test_one_blank_layer_of_a_fused_map_is_not_told(squeezenet, images, monkeypatch):
    def blank_at_the_last(model, images, labels, *, layer):
        if layer == FUSED[-1]:
            warnings.warn("the map of image 0 for class 1 is blank: no reason", BlankMapWarning, stacklevel=1)
            return torch.zeros(len(images), 3, 3)
        return layer_cam(model, images, labels, layer=layer)

    monkeypatch.setattr("visualizers.fused_layer_cam.layer_cam", blank_at_the_last)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fused_layer_cam(squeezenet, images, 1).flatten(1).any(dim=1).all()


def test_what_only_one_technique_refuses(squeezenet, images):
    with pytest.raises(UsageError, match="channels: 0 is too few"):
        score_cam(squeezenet, images, 0, channels=0)
    other = nn.Sequential(nn.Conv2d(3, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(UsageError, match="Sequential does not end in convolution, ReLU and mean"):
        class_map(other, images, 0)


def from_pytorch_grad_cam(name, model, layer, images, label):
    """The coarse, signed maps (N, h, w) of the library pytorch-grad-cam, or a skip where it is not installed."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        library = pytest.importorskip("pytorch_grad_cam")
        targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
        with getattr(library, name)(model, [model.get_submodule(layer)]) as cam:
            scores = cam.activations_and_grads(images.clone().requires_grad_())
            scores[:, label].sum().backward()
            parts = (cam.activations_and_grads.activations[0], cam.activations_and_grads.gradients[0])
            arrays = [part.detach().numpy() for part in parts]
            wanted = [targets.ClassifierOutputTarget(label)] * len(images)
            return torch.from_numpy(cam.get_cam_image(images, None, wanted, *arrays, False))


@pytest.mark.parametrize("layer", ["features.7", "features.12"])  # no in-place ReLU overwrites these
@pytest.mark.parametrize(
    ("technique", "name"), [(xgrad_cam, "XGradCAM"), (hires_cam, "HiResCAM"), (layer_cam, "LayerCAM")]
)
def test_maps_agree_with_pytorch_grad_cam_in_float64(technique, name, layer, double, images):
    theirs = from_pytorch_grad_cam(name, double, layer, images.double(), 4).relu()
    torch.testing.assert_close(technique(double, images.double(), 4, layer=layer), theirs, rtol=1e-4, atol=1e-9)


def test_grad_cam_plus_plus_agrees_with_pytorch_grad_cam_where_gradients_are_large(images):
    # It adds 1e-6 to a denominator of the size of the squared gradient, which at SqueezeNet's last layers is no more.
    torch.manual_seed(0)
    head = [nn.ReLU(), nn.Conv2d(6, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 29 * 29, 3)]
    model = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2), *head).double()
    with torch.no_grad():
        model[-1].weight.mul_(1e3)
    theirs = from_pytorch_grad_cam("GradCAMPlusPlus", model, "1", images.double(), 2)
    torch.testing.assert_close(grad_cam_plus_plus(model, images.double(), 2, layer="1"), theirs, rtol=1e-4, atol=1e-9)


def test_score_cam_agrees_with_pytorch_grad_cam(squeezenet, images, monkeypatch):
    # It lays the cells' outermost centres on the picture's edges; ours lie within, as in all our maps.
    def to_the_edges(maps, size):
        return nn.functional.interpolate(maps.unsqueeze(1), size, mode="bilinear", align_corners=True).squeeze(1)

    theirs = from_pytorch_grad_cam("ScoreCAM", squeezenet, "features.4", images[:1], 4)
    monkeypatch.setattr("visualizers.score_cam.upsample", to_the_edges)
    ours = score_cam(squeezenet, images[:1], 4, layer="features.4")
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
