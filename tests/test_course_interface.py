"""The calls that the course's own scripts and autograder make, exactly as they make them."""

import numpy as np
import pytest
import torch
from conftest import random_squeezenet
from PIL import Image

from core.images import preprocess
from style_modules import ContentLoss, StyleLoss, TotalVariationLoss
from style_utils import extract_features, features_from_img, rel_error, style_transfer
from visualizers import ClassVisualization, FoolingImage, GradCam, SaliencyMap


@pytest.fixture
def X():
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)


@pytest.fixture
def X_tensor(X):
    """As the course's scripts make it: one tensor an image, joined, requiring a gradient."""
    return torch.cat([preprocess(Image.fromarray(x)) for x in X], dim=0).requires_grad_(True)


def test_saliency_maps(X, X_tensor, tmp_path):
    model, y = random_squeezenet(), torch.LongTensor([1, 4])
    saliency = SaliencyMap().compute_saliency_maps(X_tensor, y, model)
    assert saliency.shape == (2, 64, 64)
    assert saliency.min() >= 0
    assert saliency.numpy().dtype == np.float32
    SaliencyMap().show_saliency_maps(X, y.numpy(), {1: "one", 4: "four"}, model)
    with Image.open(tmp_path / "visualization" / "saliency_map.png") as image:
        assert image.size[0] > 200


def test_guided_backprop_and_grad_cam(X_tensor):
    model, y = random_squeezenet().requires_grad_(True), torch.LongTensor([1, 4])
    guided = GradCam().guided_backprop(X_tensor, y, model)
    assert isinstance(guided, np.ndarray)
    assert guided.shape == (2, 64, 64, 3)
    cam = GradCam().grad_cam(X_tensor, y, model)
    assert isinstance(cam, np.ndarray)
    assert cam.shape == (2, 64, 64)
    assert cam.min() == 0
    assert cam.max() == 1


def test_the_newer_grad_cam_interface(X, monkeypatch, random_weights):
    from gradcam_visualization import GradCAM

    monkeypatch.setenv("SQUEEZENET_WEIGHTS", str(random_weights))
    pairs = GradCAM(X).gradcam()
    assert len(pairs) == 2
    for (image, heatmap), original in zip(pairs, X, strict=True):
        assert np.array_equal(image, original)
        assert heatmap.shape == (64, 64)
        assert 0 <= heatmap.min() <= heatmap.max() <= 1


def test_fooling_image(imagenet, photograph_tensor):
    X = photograph_tensor[:1]
    fooling = FoolingImage().make_fooling_image(X, 1, imagenet)
    assert fooling.shape == X.shape
    assert fooling.dtype == X.dtype
    assert imagenet(fooling).data.max(1)[1][0] == 1


def test_class_visualization(tmp_path):
    model, names = random_squeezenet(), {4: "Yorkshire terrier"}
    settings = {
        "num_iterations": 4,
        "show_every": 2,
        "blur_every": 2,
        "max_jitter": 3,
        "l2_reg": 1e-3,
        "learning_rate": 5,
    }
    picture = ClassVisualization().create_class_visualization(4, names, model, torch.FloatTensor, **settings)
    assert picture.size == (224, 224)
    written = sorted(path.name for path in (tmp_path / "visualization").iterdir())
    assert written == [f"class_visualization_Yorkshire_terrier_iteration_{t}.png" for t in (1, 2, 4)]
    ClassVisualization().create_class_visualization(4, names, model, num_iterations=1, generate_plots=False)
    assert len(list((tmp_path / "visualization").iterdir())) == 3
    with pytest.raises(ValueError, match="'iterations' is not one of its keywords"):
        ClassVisualization().create_class_visualization(4, names, model, iterations=3)


def test_losses_as_the_style_checks_call_them(tmp_path):
    cnn = random_squeezenet().requires_grad_(True).features
    dtype = torch.FloatTensor
    pixels = np.random.default_rng(1).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "content.jpg")
    c_feats, content_img = features_from_img(tmp_path / "content.jpg", 48, cnn, dtype)
    assert isinstance(c_feats, list)
    assert content_img.shape == (1, 3, 48, 64)
    feats = extract_features(torch.zeros(*content_img.data.size()), cnn)
    assert len(feats) == len(c_feats) == 13
    content = ContentLoss()(6e-2, c_feats[3], feats[3]).data.numpy()
    gram = StyleLoss().gram_matrix(c_feats[5].clone()).data.numpy()
    layers, weights = [1, 4, 6, 7], [300000, 1000, 15, 3]
    targets = [StyleLoss().gram_matrix(c_feats[index].clone()) for index in layers]
    style = StyleLoss()(feats, layers, targets, weights).data.numpy()
    variation = TotalVariationLoss()(content_img, 2e-2).data.numpy()
    assert gram.shape == (1, c_feats[5].shape[1], c_feats[5].shape[1])
    for value in (content, style, variation):
        assert value.shape == ()
        assert value > 0
        assert rel_error(value, value) == 0


def test_style_transfer_takes_the_courses_keywords(tmp_path):
    import inspect

    expected = (
        "name content_image style_image image_size style_size content_layer content_weight style_layers style_weights "
        "tv_weight content_loss style_loss tv_loss cnn dtype init_random"
    )
    parameters = inspect.signature(style_transfer).parameters
    assert list(parameters) == expected.split()
    defaults = [parameters[name].default for name in ("content_loss", "style_loss", "tv_loss", "cnn", "dtype")]
    assert defaults == [None] * 5
    assert parameters["init_random"].default is False
