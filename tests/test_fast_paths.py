"""What was made fast computes what the plain way computes."""

import ctypes
from copy import deepcopy

import pytest
import torch
from conftest import noise, tiny_transformer
from torch import nn
from torch.nn.functional import conv2d

from core import gradients
from core.activations import record_activations, sequence_features
from core.errors import UsageError
from core.gradients import chunk_length, in_chunks, label_scores
from core.measuring import measuring
from core.relu_rules import guided_relus
from core.zero_scores import label_climb, scores_and_climb
from studies.shared.memory import keep_freed_memory
from style_modules.style_loss import GramDistance
from visualizers.all_maps import all_maps, plain_maps
from visualizers.gradcam import grad_cam
from visualizers.guided_backprop import guided_backprop
from visualizers.guided_gradcam import guided_grad_cam
from visualizers.saliency_map import saliency_map

LABELS = torch.tensor([7, 2, 7])


@pytest.fixture
def double(squeezenet):
    return deepcopy(squeezenet).double()


def test_the_scores_of_the_labels_are_those_of_the_whole_network(double, images):
    expected = double(images.double())[torch.arange(3), LABELS]
    torch.testing.assert_close(label_scores(double, images.double(), LABELS), expected, rtol=1e-12, atol=0)


def test_only_the_rows_of_the_labels_are_computed(squeezenet, images, monkeypatch):
    rows = []

    def counted(features, weight, bias):
        rows.append(len(weight))
        return conv2d(features, weight, bias)

    monkeypatch.setattr("core.gradients.conv2d", counted)
    label_scores(squeezenet, images, LABELS)
    assert rows == [2]  # classes 2 and 7 of 10


def test_another_network_computes_all_its_scores(images):
    model = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.ReLU(), nn.Flatten(), nn.Linear(256, 9))
    torch.testing.assert_close(label_scores(model, images, LABELS), model(images)[torch.arange(3), LABELS])


def test_a_class_with_score_zero_climbs_the_mean_of_its_map_and_the_others_their_score(double, images):
    double.classifier[1].bias[2] = -100.0
    images = images.double()
    with record_activations(double, ["classifier.1"]) as recorded:
        scores = double(images)
    climb = label_climb(double, images, LABELS)
    assert climb[1] == pytest.approx(float(recorded["classifier.1"][1, 2].mean()))
    assert climb[1] < 0 < climb[0]
    all_scores, same = scores_and_climb(double, images, LABELS)
    torch.testing.assert_close(all_scores, scores)
    torch.testing.assert_close(same, climb)


def test_all_scores_come_without_a_graph_and_the_climb_with_one(squeezenet, images):
    images.requires_grad_(True)
    scores, climb = scores_and_climb(squeezenet, images, LABELS)
    assert not scores.requires_grad
    assert climb.requires_grad


@pytest.mark.filterwarnings("ignore:the map of image")  # at the squeeze layer, some are negative everywhere
@pytest.mark.parametrize("layer", ["features.12", "features.7", "features.9.squeeze"])
def test_the_four_maps_at_once_are_the_four_maps(layer, double, images):
    images = images.double()
    maps = all_maps(double, images, LABELS, layer=layer)
    expected = (
        saliency_map(double, images, LABELS),
        guided_backprop(double, images, LABELS),
        grad_cam(double, images, LABELS, layer=layer),
        guided_grad_cam(double, images, LABELS, layer=layer),
    )
    for ours, theirs in zip(maps, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-15)


def test_the_two_plain_maps_are_those_of_their_own_modules():
    model, pictures = tiny_transformer(5, 64), noise(2, 3, 64, 64)
    maps = plain_maps(model, pictures, [1, 4])
    assert list(maps.there) == ["saliency", "grad_cam"]
    torch.testing.assert_close(maps.saliency, saliency_map(model, pictures, [1, 4]))
    torch.testing.assert_close(maps.grad_cam, grad_cam(model, pictures, [1, 4]))
    with pytest.raises(UsageError, match="the network runs none"):
        all_maps(model, pictures, [1, 4])


def test_a_blank_one_of_the_two_plain_maps_is_named():
    model = tiny_transformer(5, 64)
    torch.nn.init.zeros_(model.heads.head.weight)
    with pytest.warns(gradients.BlankMapWarning, match="image 0 for class 2 is blank: its score is 0"):
        plain_maps(model, noise(1, 3, 64, 64), 2)


def test_the_four_maps_refuse_what_grad_cam_refuses(squeezenet, images):
    with pytest.raises(UsageError, match="layer: "):
        all_maps(squeezenet, images, 1, layer="features.77")


def test_a_blank_one_of_the_four_maps_is_named(squeezenet, images):
    model = deepcopy(squeezenet)
    model.classifier[1].bias[2] = -100.0
    with pytest.warns(gradients.BlankMapWarning, match="image 1 for class 2 is blank: its score is 0"):
        all_maps(model, images, LABELS)


def test_with_its_switch_off_the_guided_rule_is_the_plain_gradient(double, images):
    images = images.double().requires_grad_(True)
    (plain,) = torch.autograd.grad(double(images)[:, 1].sum(), images)
    with guided_relus(double) as rule:
        total = double(images)[:, 1].sum()
        rule.active = False
        (off,) = torch.autograd.grad(total, images, retain_graph=True)
        rule.active = True
        (on,) = torch.autograd.grad(total, images)
    torch.testing.assert_close(off, plain)
    assert not torch.allclose(on, plain)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["NCHW", "channels last"])
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_gram_gradient_in_closed_form_is_the_numerical_one(layout, symmetric):
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(2, 3, 4, 5, dtype=torch.float64, generator=generator).contiguous(memory_format=layout)
    target = torch.randn(2, 3, 3, dtype=torch.float64, generator=generator)
    target = target + target.mT if symmetric else target
    assert torch.autograd.gradcheck(GramDistance.apply, (features.requires_grad_(), target.requires_grad_()))


def test_the_gram_gradient_keeps_the_order_in_memory_of_the_features():
    features = torch.randn(1, 3, 4, 5).contiguous(memory_format=torch.channels_last).requires_grad_()
    (gradient,) = torch.autograd.grad(GramDistance.apply(features, torch.zeros(1, 3, 3)), features)
    assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_a_sequence_gives_what_is_wanted_as_it_was_and_stops_there():
    sequence = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(inplace=True), nn.Conv2d(4, 5, 1), nn.ReLU(inplace=True))
    images = torch.randn(1, 3, 6, 6)
    every = sequence_features(sequence, images)
    assert every[0].min() < 0  # before the ReLU that works in place
    some = sequence_features(sequence, images, [0, 2])
    assert [output is None for output in some] == [False, True, False]
    torch.testing.assert_close(some[0], every[0])
    torch.testing.assert_close(some[2], every[2])


def test_a_sequence_that_begins_in_place_leaves_the_picture():
    images = torch.randn(1, 3, 6, 6)
    before = images.clone()
    sequence_features(nn.Sequential(nn.ReLU(inplace=True)), images, [0])
    assert torch.equal(images, before)


def test_a_chunk_holds_fewer_large_images_and_at_least_one():
    lengths = [chunk_length(torch.empty(1, 3, side, side)) for side in (112, 224, 448, 2000)]
    assert lengths == [4 * lengths[1], lengths[1], 1, 1]
    assert lengths[1] > 1
    assert chunk_length(torch.empty(1, 3, 224, 224), torch.device("cuda")) > lengths[1]


def test_chunks_of_several_results_come_back_whole_and_in_order(squeezenet, monkeypatch):
    monkeypatch.setattr(gradients, "CHUNK_PIXELS", 2 * 8 * 8)
    images = torch.arange(5.0).view(5, 1, 1, 1).expand(5, 3, 8, 8)
    seen = []

    def parts(chunk, labels):
        seen.append(len(chunk))
        return chunk[:, 0], labels * 10

    first, second = in_chunks(parts, squeezenet, images, torch.arange(5))
    assert seen == [2, 2, 1]
    assert first[:, 0, 0].tolist() == [0, 1, 2, 3, 4]
    assert second.tolist() == [0, 10, 20, 30, 40]


def test_measuring_turns_off_what_trains_and_nothing_else(squeezenet):
    model = deepcopy(squeezenet)
    model.classifier[0].train()
    with measuring(model):
        assert not model.classifier[0].training
    assert [name for name, module in model.named_modules() if module.training] == ["classifier.0"]


def test_where_the_c_library_has_no_such_setting_memory_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    assert keep_freed_memory() is False
