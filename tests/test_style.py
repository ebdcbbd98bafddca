"""Style transfer: the course's helpers, its schedule against a plain loop, and the loop's guarantees."""

import numpy as np
import pytest
import torch
import torchvision.transforms as T
from conftest import random_squeezenet
from PIL import Image

from core.errors import UsageError
from core.images import IMAGENET_MEAN, IMAGENET_STD
from courses import style as style_utils
from courses.pictures import rescale
from style_modules import StyleLoss

STYLE = {"style_layers": (1, 4, 6, 7), "style_weights": (300.0, 100.0, 15.0, 3.0), "tv_weight": 2e-2}
SETTINGS = {"content_layer": 3, "content_weight": 6e-2, **STYLE}


@pytest.fixture
def picture_file(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    path = tmp_path / "picture.png"
    Image.fromarray(pixels).save(path)
    return path


def plain_features(x, cnn):
    """Every module's output, by a loop of its own that never works in place."""
    outputs = []
    for module in cnn:
        x = x.relu() if isinstance(module, torch.nn.ReLU) else module(x)
        outputs.append(x)
    return outputs


def plain_gram(features):
    flat = features.flatten(2)[0]
    return flat @ flat.T / features.numel()


def plain_loop(content, style, cnn, iterations, lower_at, clamp_until):
    """The course's loop, written out."""
    content_target = plain_features(content, cnn)[3]
    targets = [plain_gram(plain_features(style, cnn)[i]) for i in STYLE["style_layers"]]
    image = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=3.0)
    for t in range(iterations):
        if t < clamp_until:
            image.data.clamp_(-1.5, 1.5)
        features = plain_features(image, cnn)
        loss = 6e-2 * (features[3] - content_target).square().sum()
        for layer, weight, target in zip(STYLE["style_layers"], STYLE["style_weights"], targets, strict=True):
            loss = loss + weight * (plain_gram(features[layer]) - target).square().sum()
        steps = image.diff(dim=2).square().sum() + image.diff(dim=3).square().sum()
        loss = loss + 2e-2 * steps
        if t == lower_at:
            optimizer = torch.optim.Adam([image], lr=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return image.detach()


@pytest.fixture
def pair():
    generator = torch.Generator().manual_seed(3)
    return [torch.randn(1, 3, 48, side, generator=generator, dtype=torch.float64) for side in (64, 56)]


def test_the_schedule_is_the_courses(pair):
    cnn = random_squeezenet().double().features
    content, style = pair
    with torch.no_grad():
        objective = style_utils.style_objective(content, style, cnn, **SETTINGS)
    ours = style_utils.transfer_style(content, objective, iterations=8, lower_at=5, clamp_until=7)
    torch.testing.assert_close(ours, plain_loop(content, style, cnn, 8, 5, 7), rtol=1e-8, atol=1e-8)


def test_the_objective_is_the_sum_of_its_three_terms(pair):
    cnn = random_squeezenet().double().features
    objective = style_utils.style_objective(*pair, cnn, **SETTINGS)
    image = pair[0] * 0.5
    terms = [float(term) for term in objective.terms(image)]
    assert all(term > 0 for term in terms)
    assert float(objective(image)) == pytest.approx(sum(terms))
    assert float(objective.terms(pair[0])[0]) == 0  # the content itself has no content loss


def test_the_loss_falls_with_small_steps(pair):
    cnn = random_squeezenet().double().features
    objective = style_utils.style_objective(*pair, cnn, **SETTINGS)
    result = style_utils.transfer_style(pair[0], objective, iterations=20, learning_rate=0.05)
    assert objective(result) < 0.8 * objective(pair[0].clamp(-1.5, 1.5))


def test_a_picture_in_its_own_style_is_kept(pair):
    cnn = random_squeezenet().double().features
    content = pair[0].clamp(-1.4, 1.4)
    objective = style_utils.style_objective(content, content, cnn, **{**SETTINGS, "tv_weight": 0.0})
    assert float(objective(content)) == 0
    result = style_utils.transfer_style(content, objective, iterations=3, learning_rate=0.01)
    torch.testing.assert_close(result, content, rtol=0, atol=1e-6)


def test_features_are_what_the_courses_loop_leaves_in_its_list(squeezenet, images):
    features = style_utils.extract_features(images, squeezenet.features)
    plain, x = [], images
    for module in squeezenet.features:
        x = module(x)
        plain.append(x)  # the ReLU that comes first writes over what the convolution gave
    assert len(features) == len(plain)
    for ours, theirs in zip(features, plain, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert torch.equal(features[0], features[1])
    assert features[0].min() == 0


def test_features_are_contiguous_also_of_a_channels_last_network(images):
    cnn = random_squeezenet().to(memory_format=torch.channels_last).features
    assert all(layer.is_contiguous() for layer in style_utils.extract_features(images, cnn))


@pytest.mark.parametrize("call", ["extract_features", "style_objective"])
def test_a_network_with_batch_normalisation_in_training_mode_is_left_as_it_was(call):
    cnn = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(inplace=True)).train()
    x = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    before = {name: value.clone() for name, value in cnn.state_dict().items()}
    if call == "extract_features":
        style_utils.extract_features(x, cnn)
    else:
        settings = {"content_layer": 1, "content_weight": 1.0, "style_layers": [2], "style_weights": [1.0]}
        style_utils.style_objective(x, x, cnn, **settings, tv_weight=0.0)(x)
    assert all(torch.equal(value, before[name]) for name, value in cnn.state_dict().items())
    assert all(module.training for module in cnn)


def test_losses_of_others_get_features_that_they_can_view(pair):
    class Viewing(StyleLoss):
        def gram_matrix(self, features, normalize=True):
            flat = features.view(*features.shape[:2], -1)  # raises where the memory order is channels-last
            return flat @ flat.mT / flat[0].numel()

    cnn = random_squeezenet().double().to(memory_format=torch.channels_last).features
    plain = style_utils.style_objective(*pair, cnn, **SETTINGS)(pair[0])
    theirs = style_utils.style_objective(*pair, cnn, **SETTINGS, style_loss=Viewing())(pair[0])
    torch.testing.assert_close(theirs, plain)


def test_preprocessing_is_the_courses(picture_file):
    image = Image.open(picture_file)
    steps = [T.Resize(64), T.ToTensor(), T.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    torch.testing.assert_close(style_utils.preprocess(image, 64), T.Compose(steps)(image)[None], rtol=1e-6, atol=1e-6)
    assert style_utils.preprocess(image).shape == (1, 3, 512, 683 - 1)
    assert style_utils.preprocess(image).is_contiguous()


def test_deprocessing_stretches_from_black_to_white(picture_file):
    picture = np.asarray(style_utils.deprocess(style_utils.preprocess(Image.open(picture_file), 90) * 0.3))
    assert picture.shape == (90, 120, 3)
    assert (picture.min(), picture.max()) == (0, 255)


def test_rescale_handles_a_constant():
    assert torch.equal(rescale(torch.tensor([2.0, 4.0, 3.0])), torch.tensor([0.0, 1.0, 0.5]))
    assert torch.equal(rescale(torch.full((2,), 3.0)), torch.zeros(2))


def test_relative_error_by_hand():
    assert style_utils.rel_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])) == pytest.approx(2 / 6)
    assert style_utils.rel_error(torch.tensor(0.0), 0.0) == 0


def test_the_courses_call_writes_its_picture_and_returns_it(picture_file, tmp_path, squeezenet, monkeypatch):
    monkeypatch.setattr(
        "courses.style.transfer_style.__kwdefaults__", {**style_utils.transfer_style.__kwdefaults__, "iterations": 2}
    )
    arguments = ("mine", picture_file, picture_file, 48, 40, 3, 1.0, (1, 4), (1.0, 1.0), 1.0)
    picture = style_utils.style_transfer(*arguments, cnn=squeezenet.features, dtype=torch.FloatTensor)
    assert picture.size == (64, 48)
    with Image.open(tmp_path / "styles_images" / "mine.png") as written:
        assert np.array_equal(np.asarray(written), np.asarray(picture))
    assert (tmp_path / "styles_images" / "mine_before.png").is_file()
    tensor = style_utils.style_transfer(*arguments, cnn=squeezenet.features, testing=True)
    assert tensor.shape == (1, 3, 48, 64)
    assert np.array_equal(np.asarray(style_utils.deprocess(tensor)), np.asarray(picture))
    assert style_utils.style_transfer(*arguments, cnn=squeezenet.features, init_random=True).size == (64, 48)


def test_own_losses_are_used_when_given(pair):
    cnn = random_squeezenet().double().features
    objective = style_utils.style_objective(*pair, cnn, **SETTINGS, content_loss=lambda *_: torch.tensor(5.0))
    assert float(objective.terms(pair[0])[0]) == 5


def test_a_layer_out_of_range_and_a_network_that_is_no_sequence_are_refused(pair, squeezenet):
    with pytest.raises(UsageError, match="layer: 13 is out of range; allowed are 0 to 12"):
        style_utils.style_objective(*pair, squeezenet.features, **{**SETTINGS, "content_layer": 13})
    with pytest.raises(UsageError, match=r"give model.features"):
        style_utils.extract_features(pair[0], torch.nn.Linear(2, 2))
