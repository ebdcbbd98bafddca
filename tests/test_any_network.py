"""Every map on networks of many kinds is the one that plain code gives, and Captum's; or it is refused, and rightly."""

from functools import cache

import pytest
import torch
from conftest import noise, random_squeezenet
from torch import nn
from torchvision import models

from benchmarks.agreement import (
    ALIKE,
    ALIKE_TO_CAPTUM,
    NETWORKS,
    WRITTEN_TWICE,
    Case,
    Outcome,
    case_of,
    cell,
    compare,
    table,
)
from benchmarks.plain_maps import relus_of
from core.errors import UsageError
from core.gradients import class_map_layer
from core.layers import last_layer
from visualizers.catalogue import TECHNIQUES

COMPARED = tuple(name for name in TECHNIQUES if name in WRITTEN_TWICE)
THROUGH_RELUS = tuple(row.name for row in TECHNIQUES.values() if row.needs == "ReLUs" and row.name in COMPARED)
QUICK = {  # seconds: what goes through activations and layers; of cheap networks everything
    **dict.fromkeys(NETWORKS, (*THROUGH_RELUS, "grad-cam")),
    **dict.fromkeys(("squeezenet1_1", "convnext_tiny", "vit_b_16", "swin_t"), COMPARED),
}
LARGE = ("vgg11_bn",)  # a gigabyte of weights
PAIRS = [(network, technique) for network, names in QUICK.items() if network not in LARGE for technique in names]
small_case = cache(lambda network: case_of(network, small=True))
whole_case = cache(case_of)


def check(outcome, technique, case):
    ran, modules = relus_of(case.model, case.images)
    needs = TECHNIQUES[technique].needs
    if needs == "ReLUs" and not ran:
        assert "the network runs none" in outcome.refused
    elif needs == "class map" and class_map_layer(case.model) is None:
        assert "has no class map; use grad_cam" in outcome.refused
    elif needs == "attention" and not isinstance(case.model, models.VisionTransformer):
        windows = isinstance(case.model, models.SwinTransformer)
        assert ("attends within windows" if windows else "runs no self-attention") in outcome.refused
    else:
        assert not outcome.refused
        assert outcome.plain < ALIKE
        if outcome.captum is not None and not (needs == "ReLUs" and modules < ran):
            assert outcome.captum < ALIKE_TO_CAPTUM
        if outcome.captum_failed:  # it takes the second axis of all layers for their channels
            assert technique == "grad-cam"
            assert isinstance(case.model, models.VisionTransformer | models.SwinTransformer)


@pytest.mark.parametrize(("network", "technique"), PAIRS)
def test_a_map_is_that_of_plain_code_and_of_captum_or_refused(network, technique):
    check(compare(technique, small_case(network)), technique, small_case(network))


@pytest.mark.slow
@pytest.mark.parametrize("technique", COMPARED)
@pytest.mark.parametrize("network", NETWORKS)
def test_so_it_is_on_the_whole_network(network, technique):
    check(compare(technique, whole_case(network)), technique, whole_case(network))


@pytest.mark.parametrize("network", [name for name in NETWORKS if name not in LARGE])
def test_the_layer_taken_where_none_is_named_is_the_one_compared(network):
    case = small_case(network)
    kind = NETWORKS[network]
    if kind.small is None:
        assert last_layer(case.model, case.images.repeat(1, 1, 2, 2)) == kind.layers[-1]
    else:
        assert last_layer(case.model, case.images) == kind.layers[-1]


def test_captum_passes_by_relus_that_are_functions_and_ours_do_not():
    for network in ("densenet121", "googlenet"):
        outcome = compare("guided-backprop", small_case(network))
        assert outcome.plain < ALIKE
        assert outcome.captum > 0.01


def test_the_reference_counts_relus_of_both_kinds(images):
    assert relus_of(random_squeezenet(), images) == (26, 26)
    assert relus_of(small_case("densenet121").model, small_case("densenet121").images) == (121, 120)
    assert relus_of(small_case("googlenet").model, small_case("googlenet").images) == (57, 0)


def test_a_wrong_map_would_be_told_in_the_table():
    assert cell(Outcome(plain=1e-15, captum=3e-8)) == "1e-15, 3e-08"
    assert cell(Outcome(plain=0.2)) == "WRONG 2e-01"
    assert cell(Outcome(plain=0.0, captum=0.3)) == "0, *"
    assert cell(Outcome(refused="model: it has no class map; use grad_cam")) == "refused: other end"
    assert cell(Outcome()) == "not compared"
    outcomes = {"some": dict.fromkeys(TECHNIQUES, Outcome(plain=0.0))}
    assert table(outcomes)[0] == ["gradient", "0"]


# --- Networks as people have them ----------------------------------------------------------------


def fine_tuned(head):
    """SqueezeNet with two classes, its last layers made anew in one of the ways that are usual."""
    model = random_squeezenet()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        if head == "convolution":
            model.classifier[1], model.num_classes = nn.Conv2d(512, 2, 1), 2
        elif head == "without its ReLU":
            model.classifier = nn.Sequential(nn.Dropout(), nn.Conv2d(512, 2, 1), nn.AdaptiveAvgPool2d(1))
        else:
            model.classifier = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 2))
    return model.double().requires_grad_(False).eval()


@pytest.mark.parametrize("head", ["convolution", "without its ReLU", "mean and a linear layer"])
@pytest.mark.parametrize("technique", ["gradient", *THROUGH_RELUS, "class-map", "grad-cam", "occlusion", "rise"])
def test_a_fine_tuned_squeezenet_of_two_classes_is_explained_as_plain_code_does(technique, head):
    kind = NETWORKS["squeezenet1_1"]
    images = noise(1, 3, 48, 64).double() * 0.8
    model = fine_tuned(head)
    label = model(images).argmax(dim=1)
    check(compare(technique, Case(kind, model, images, label)), technique, Case(kind, model, images, label))


def small_resnet():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=4)
    return model.requires_grad_(False).eval()


KINDS = {
    "in training mode": lambda model: model.train(),
    "trainable": lambda model: model.requires_grad_(True),
    "DataParallel": nn.DataParallel,
    "in float64": lambda model: model.double(),
    "in bfloat16": lambda model: model.bfloat16(),
    "channels last": lambda model: model.to(memory_format=torch.channels_last),
    "traced by torch.fx": torch.fx.symbolic_trace,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["gradient", "guided-backprop", "grad-cam", "occlusion"])
def test_a_resnet_of_any_kind_has_the_maps_of_the_plain_one(name, kind):
    row, images = TECHNIQUES[name], noise(1, 3, 64, 64) * 0.8
    settings = {"layer": "layer3"} if "layer" in row.settings else {}
    settings |= {"patch": 24, "stride": 24} if name == "occlusion" else {}
    expected = row.call()(small_resnet(), images, 1, **settings)
    if kind == "DataParallel" and "layer" in settings:
        settings = {"layer": "module.layer3"}
    if kind == "traced by torch.fx" and "layer" in settings:
        settings = {"layer": "layer3.0.relu"}  # blocks are taken apart; this is the last that ran in it
    maps = row.call()(KINDS[kind](small_resnet()), images, 1, **settings)
    tolerance = 0.5 if kind == "in bfloat16" else 1e-3  # two digits against seven
    assert float((maps - expected).norm() / expected.norm()) < tolerance


@pytest.mark.parametrize("name", TECHNIQUES)
def test_a_resnet_that_gives_a_dictionary_is_refused_with_the_remedy(name):
    class Named(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = small_resnet()

        def forward(self, images):
            return {"logits": self.inner(images)}

    row = TECHNIQUES[name]
    settings = {"layer": "inner.layer3"} if "layer" in row.settings else {}
    settings |= {"layers": ("inner.layer3",)} if "layers" in row.defaults else {}
    if name == "eigen-cam":  # it asks for no scores
        return
    with pytest.raises(UsageError) as refused:
        row.call()(Named(), noise(1, 3, 64, 64), 1, **settings)
    words = str(refused.value)
    assert "wrap it in a module that returns the scores alone" in words or row.needs in ("class map", "attention")
