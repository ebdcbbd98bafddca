"""Layers of any network: which is the last with places, which lie at all depths, and what a list says of each."""

from copy import deepcopy
from functools import cache, partial

import pytest
import torch
from conftest import noise, run, state_of, tiny_squeezenet, tiny_transformer
from torch import nn
from torch.nn.functional import adaptive_avg_pool2d, relu
from torchvision import models
from torchvision.models.convnext import CNBlockConfig

from core.errors import UsageError
from core.layers import last_layer, layers_of, spread_layers
from core.layouts import MapsOf
from core.receptive_field import receptive_field
from visualizers.activation_maps import activation_maps
from visualizers.all_maps import all_maps
from visualizers.eigen_cam import eigen_cam
from visualizers.fused_layer_cam import fused_layer_cam
from visualizers.gradcam import grad_cam
from visualizers.gradcam_plus_plus import grad_cam_plus_plus
from visualizers.hires_cam import hires_cam
from visualizers.image_features import image_features
from visualizers.layer_cam import layer_cam
from visualizers.score_cam import score_cam
from visualizers.top_patches import top_patches
from visualizers.unit_gradient import unit_gradient
from visualizers.xgrad_cam import xgrad_cam

CAMS = (grad_cam, grad_cam_plus_plus, xgrad_cam, hires_cam, layer_cam, eigen_cam, score_cam)
LARGE_HEADS = {"alexnet": 9216, "vgg11_bn": 25088}  # what comes in where they have 100 million weights
SMALL = {  # built as they are; some with numbers of their own, since at their full size that is slow
    "regnet_y_400mf": partial(models.regnet_y_400mf, num_classes=5),
    "convnext": partial(models.ConvNeXt, [CNBlockConfig(8, 12, 1), CNBlockConfig(12, None, 1)], num_classes=5),
    "swin": partial(models.SwinTransformer, [4, 4], 8, [2, 2], [2, 2], [2, 2], num_classes=5),
    "maxvit": partial(models.MaxVit, (64, 64), 8, 2, [8, 16], [1, 1], 8, stochastic_depth_prob=0.0, num_classes=5),
}
LAST = {
    "resnet18": "layer4",
    "vgg11_bn": "features.27",  # its last ReLU, before the last pooling
    "densenet121": "features.norm5",
    "mobilenet_v3_small": "features.12",
    "efficientnet_b0": "features.8",
    "convnext": "features.3",
    "shufflenet_v2_x1_0": "conv5",
    "googlenet": "inception5b",
    "inception_v3": "Mixed_7c",
    "regnet_y_400mf": "trunk_output",
    "squeezenet1_0": "features.12",
    "alexnet": "features.11",
    "mnasnet0_5": "layers.16",
    "swin": "norm",
    "maxvit": "blocks.1",
}
SPREAD = {
    "resnet18": ("layer1", "layer2", "layer3", "layer4"),
    "densenet121": ("features.denseblock1", "features.denseblock2", "features.denseblock3", "features.norm5"),
    "mobilenet_v3_small": ("features.1", "features.3", "features.8", "features.12"),
    "googlenet": ("conv3", "inception3b", "inception4e", "inception5b"),
    "regnet_y_400mf": ("trunk_output.block1", "trunk_output.block2", "trunk_output.block3", "trunk_output"),
    "swin": ("features.1", "norm"),
    "maxvit": ("stem", "blocks.0", "blocks.1"),
    "squeezenet1_0": ("features.1", "features.5", "features.10", "features.12"),
}


@cache
def network(name):
    """Only shapes are asked of these, so their weights are not drawn: all of them are 0."""
    if name in SMALL:
        return SMALL[name]().requires_grad_(False).eval()
    unready = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    with torch.device("meta"):
        model = models.get_model(name, num_classes=5, **unready)
        if name in LARGE_HEADS:
            model.classifier = nn.Linear(LARGE_HEADS[name], 5)
    model = model.to_empty(device="cpu").requires_grad_(False).eval()
    for value in model.state_dict().values():
        value.zero_()
    return model


@pytest.mark.parametrize("name", LAST)
def test_the_last_layer_with_places_is_found_in_each_family(name):
    images = torch.zeros(1, 3, *(128, 128) if name == "inception_v3" else (64, 64))
    model = network(name)
    before = state_of(model, images)
    assert last_layer(model, images) == LAST[name]
    if name in SPREAD:
        assert spread_layers(model, images, count=4) == SPREAD[name]
    assert state_of(model, images) == before


def refuse(*_arguments):
    raise AssertionError("a pass")


def test_squeezenet_costs_no_pass():
    model = models.squeezenet1_1()
    model.register_forward_pre_hook(refuse)
    assert last_layer(model) == "features.12"
    assert spread_layers(model, count=3) == ("features.4", "features.7", "features.12")


def test_a_layer_that_the_network_carries_is_taken_as_it_is():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    model.register_forward_pre_hook(refuse)
    model.last_layer = "0"
    assert last_layer(model) == "0"


class Functional(nn.Module):
    """What is pooled and flattened by functions is seen as little as a ReLU by one."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3), nn.Linear(4, 2)

    def forward(self, images):
        return self.head(adaptive_avg_pool2d(relu(self.two(relu(self.one(images)))), 1).flatten(1))


class Mean(nn.Module):
    def forward(self, maps):
        return maps.mean(dim=(2, 3))


HEAD = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
BODY = (nn.Conv2d(3, 4, 3), nn.ReLU())
SINGLE = {
    "the ReLU in place": (nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), *HEAD), "1"),
    "a block and not its last module": (nn.Sequential(nn.Conv2d(3, 3, 1, 2), nn.Sequential(*BODY), *HEAD), "1"),
    "not the whole trunk, which reads the picture": (nn.Sequential(nn.Sequential(*BODY), *HEAD), "0.1"),
    "no dropout, no identity": (nn.Sequential(*BODY, nn.Dropout2d(), nn.Identity(), *HEAD), "1"),
    "no pooling of the caller's own": (nn.Sequential(*BODY, Mean(), nn.Linear(4, 2)), "1"),
    "no pooling that keeps the size": (nn.Sequential(*BODY, nn.MaxPool2d(3, 1, 1), *HEAD), "1"),
    "no map of classes": (nn.Sequential(*BODY, nn.Conv2d(4, 2, 1), nn.BatchNorm2d(2), nn.ReLU(), Mean()), "1"),
    "as many channels as classes": (nn.Sequential(*BODY, nn.Conv2d(4, 2, 1), Mean(), nn.Linear(2, 2)), "2"),
    "pooling by a function": (Functional(), "two"),
    "one convolution": (nn.Sequential(nn.Conv2d(3, 4, 3), *HEAD), "0"),
    "a wrapped network": (nn.Sequential(nn.Identity(), tiny_squeezenet()), "1.features.4"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SINGLE)
def test_what_counts_as_the_last_layer(kind):
    model, expected = SINGLE[kind]
    assert last_layer(model, torch.zeros(1, 3, 32, 32)) == expected


def test_the_size_is_the_networks_own_else_that_of_the_images():
    class OneSize(nn.Sequential):
        def forward(self, images):
            assert images.shape[2:] == (24, 24)
            return super().forward(images)

    model = OneSize(*BODY, *HEAD)
    assert last_layer(model, torch.zeros(2, 3, 24, 24)) == "1"
    with pytest.raises(UsageError, match=r"cannot take images of shape \(1, 3, 224, 224\)"):
        last_layer(model)
    model.input_size = 24
    assert last_layer(model) == last_layer(model, torch.zeros(1, 3, 64, 64)) == "1"


def test_a_network_without_places_is_refused_with_the_remedy():
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 6), nn.ReLU(), nn.Linear(6, 2))
    images = noise(1, 3, 8, 8)
    before = state_of(model, images)
    for search in (last_layer, grad_cam, partial(spread_layers, count=3)):
        with pytest.raises(UsageError, match=r"no layer of Sequential gives maps .* use a map that needs none: occl"):
            search(model, images, 1) if search is grad_cam else search(model, images)
    assert state_of(model, images) == before


class Tokens(nn.Module):
    """A transformer that reads its answer off a class token, first or last, or off the mean of all tokens."""

    def __init__(self, read):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.patches = nn.Conv2d(3, 8, 4, 4)
            self.blocks = nn.Sequential(*(Block() for _ in range(3)))
            self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 2)
        nn.init.zeros_(self.head.weight)  # as many leave it before training
        self.read = read

    def forward(self, images):
        tokens = self.patches(images).flatten(2).transpose(1, 2)
        if self.read != "mean":
            extra = torch.zeros_like(tokens[:, :1])
            tokens = torch.cat([extra, tokens] if self.read == "first" else [tokens, extra], dim=1)
        tokens = self.norm(self.blocks(tokens))
        one = {"first": tokens[:, 0], "last": tokens[:, -1], "mean": tokens.mean(dim=1)}[self.read]
        return self.head(one)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.before, self.attention = nn.LayerNorm(8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.after, self.mlp = nn.LayerNorm(8), nn.Sequential(nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8))

    def forward(self, tokens):
        own = self.before(tokens)
        tokens = tokens + self.attention(own, own, own)[0]
        return tokens + self.mlp(self.after(tokens))


@pytest.mark.parametrize("read", ["first", "last", "mean"])
def test_of_tokens_it_is_the_last_layer_whose_patches_the_answer_reads(read):
    model, images = Tokens(read).eval(), noise(1, 3, 16, 16)
    before = state_of(model, images)
    assert last_layer(model, images) == ("norm" if read == "mean" else "blocks.2.before")
    assert state_of(model, images) == before
    if read != "mean":
        assert spread_layers(model, images, count=3) == tuple(f"blocks.{number}.before" for number in range(3))
        assert spread_layers(model, images, count=2) == ("blocks.0.before", "blocks.2.before")


def test_torchvisions_transformer_has_it_before_its_last_attention():
    model = tiny_transformer().eval()
    last = len(model.encoder.layers) - 1
    assert last_layer(model, noise(1, 3, 32, 32)) == f"encoder.layers.encoder_layer_{last}.ln_1"


class Turned(nn.Module):
    """The same maps as `inner` gives, in another order; `back` takes them into the network again."""

    def __init__(self, turn):
        super().__init__()
        self.turn = turn

    def forward(self, maps):
        return self.turn(maps) * 1.0


def to_tokens(maps):
    tokens = maps.flatten(2).transpose(1, 2)
    return torch.cat([torch.ones_like(tokens[:, :1]), tokens], dim=1)


ORDERS = {
    "(N, h, w, K)": (lambda maps: maps.permute(0, 2, 3, 1), lambda maps: maps.permute(0, 3, 1, 2)),
    "(N, T, K)": (to_tokens, lambda tokens: tokens[:, 1:].transpose(1, 2).unflatten(2, (4, 4))),
}


@cache
def plain_and_turned(order, channels):
    """Two networks that compute the same, whose layer "2" gives maps, or the same in another order."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        first = [nn.Conv2d(3, channels, 4, 4), nn.ReLU()]
        last = [nn.Conv2d(channels, 5, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)]
    turn, back = ORDERS[order]
    plain = nn.Sequential(*first, Turned(lambda maps: maps), Turned(lambda maps: maps), *last)
    turned = nn.Sequential(*first, Turned(turn), Turned(back), *last)
    return plain.double().eval(), turned.double().eval()


@pytest.mark.filterwarnings("ignore:the map of image")
@pytest.mark.parametrize("channels", [6, 4])  # of 4 x 4 places: by its shape alone, 4 cannot be told
@pytest.mark.parametrize("order", ORDERS)
def test_every_technique_at_a_layer_is_the_same_in_whatever_order_the_layer_counts(order, channels):
    plain, turned = plain_and_turned(order, channels)
    images = noise(2, 3, 16, 16).double()
    same = partial(torch.testing.assert_close, atol=1e-12, rtol=1e-9)
    for technique in CAMS:
        maps = technique(plain, images, 1, layer="2")
        assert maps.shape == (2, 4, 4)
        same(technique(turned, images, 1, layer="2"), maps)
    for ours, theirs in zip(*(all_maps(model, images, 1, layer="2") for model in (turned, plain)), strict=True):
        same(ours, theirs)
    same(fused_layer_cam(turned, images, 1, layers=["2", "1"]), fused_layer_cam(plain, images, 1, layers=["2", "1"]))
    same(activation_maps(turned, images, layer="2"), activation_maps(plain, images, layer="2"))
    same(image_features(turned, images, layer="2"), image_features(plain, images, layer="2"))
    one, other = (unit_gradient(model, images, "2", [1, 2], [0, 3], 2) for model in (turned, plain))
    same(one, other)
    one, other = (top_patches(model, "2", [1, 3], [images])[0] for model in (turned, plain))
    assert [(each.row, each.column, each.box) for each in one] == [(each.row, each.column, each.box) for each in other]


class Odd(nn.Module):
    """Outputs with places that no map is made of, in a network that works."""

    def __init__(self, odd):
        super().__init__()
        self.first, self.odd, self.last = nn.Conv2d(3, 4, 4, 4), Turned(odd), nn.Linear(4, 2)

    def forward(self, images):
        maps = self.first(images)
        return self.last(maps.mean(dim=(2, 3))) + 0 * self.odd(maps).sum()


ODD = {
    "windows": (lambda maps: torch.cat(maps.chunk(2, dim=3)), r"\(4, 4, 4, 2\), parts of pictures"),
    "attention": (lambda maps: (maps[:, None].flatten(3) * 0).mT.matmul(maps[:, None].flatten(3)).softmax(-1),
                  r"\(2, 1, 16, 16\), weights of attention"),
    "queries": (lambda maps: maps.flatten(2).transpose(1, 2).unflatten(2, (2, 2)).transpose(1, 2),
                r"\(2, 2, 16, 2\), whose channels cannot be told"),
    "a row of numbers": (lambda maps: maps.flatten(1), r"\(2, 64\), not maps"),
    "five axes": (lambda maps: maps[..., None], r"\(2, 4, 4, 4, 1\), not maps"),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_map_is_refused_with_its_shape(kind):
    odd, words = ODD[kind]
    for technique in (grad_cam, eigen_cam):
        with pytest.raises(UsageError, match=f"layer: 'odd' gives shape {words}"):
            technique(Odd(odd), noise(2, 3, 16, 16), 1, layer="odd")


def test_a_default_is_looked_for_once_a_call_and_gives_the_map_of_that_layer(monkeypatch):
    model = deepcopy(nn.Sequential(*BODY, nn.Conv2d(4, 4, 3), nn.ReLU(), *HEAD))
    images, passes = noise(5, 3, 20, 20), []
    model.register_forward_pre_hook(lambda _module, inputs: passes.append(len(inputs[0])))
    monkeypatch.setattr("core.gradients.CHUNK_PIXELS", 400)  # an image at a time
    named = grad_cam(model, images, 1, layer="3")
    assert passes == [1] * 5
    assert torch.equal(grad_cam(model, images, 1), named)
    assert passes[5:] == [1] * 6


def test_the_list_says_of_each_layer_what_it_gives_and_sees():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.Sequential(nn.MaxPool2d(3, 1), nn.ReLU()),
                          Turned(lambda maps: maps.permute(0, 2, 3, 1)), Turned(lambda maps: maps.flatten(1, 2)),
                          nn.LayerNorm(4), nn.Unflatten(1, (5, 5)), nn.Flatten(), nn.Linear(100, 2))  # fmt: skip
    assert [tuple(layer) for layer in layers_of(model, 16)] == [
        ("0", "Conv2d", (4, 7, 7), "K h w", "3 x 3"),
        ("1.0", "MaxPool2d", (4, 5, 5), "K h w", "7 x 7"),
        ("1.1", "ReLU", (4, 5, 5), "K h w", "7 x 7"),
        ("1", "Sequential", (4, 5, 5), "K h w", "7 x 7"),
        ("2", "Turned", (5, 5, 4), "h w K", "7 x 7"),
        ("3", "Turned", (25, 4), "T K", "7 x 7"),
        ("4", "LayerNorm", (25, 4), "T K", "7 x 7"),
        ("5", "Unflatten", (5, 5, 4), "h w K", "7 x 7"),
        ("6", "Flatten", (100,), "K", "7 x 7"),
        ("7", "Linear", (2,), "K", "15 x 15"),
    ]


def test_the_list_leaves_open_what_is_not_known():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Upsample(scale_factor=2), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    assert [layer.field for layer in layers_of(model, 8)] == ["3 x 3", "not known", "not known", "not known"]
    assert [layer.field for layer in layers_of(Odd(lambda maps: maps), 16)] == ["4 x 4", "whole picture", "4 x 4"]


def test_no_trace_is_left_by_a_list():
    model, images = tiny_squeezenet().train(), noise(1, 3, 40, 40)
    before = state_of(model, images)
    layers_of(model, 40)
    with pytest.raises(UsageError, match="cannot take"):
        layers_of(nn.Sequential(nn.Conv2d(4, 2, 3)), 40)
    assert state_of(model, images) == before


def test_the_boxes_of_resnets_first_layers_hold_all_pixels_with_a_gradient_and_no_more():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = models.resnet18(num_classes=2)
    model.maxpool = nn.AvgPool2d(3, 2, 1)  # which hands a gradient to all that it reads, not to the largest alone
    model = model.double().eval()
    for weight in model.parameters():
        weight.data.abs_()  # so that no ReLU is shut and no two ways cancel
    images = torch.rand(1, 3, 64, 64, dtype=torch.float64, requires_grad=True)
    for layer in ("conv1", "maxpool", "layer1.0", "layer1", "layer2.0.downsample", "layer2.0"):
        maps = activations(model, layer, images)
        row, column = maps.shape[2] // 2, maps.shape[3] // 3
        (gradient,) = torch.autograd.grad(maps[0, 1, row, column], images)
        places = gradient[0].abs().sum(dim=0).nonzero()
        seen = (*places.amin(dim=0).tolist(), *(places.amax(dim=0) + 1).tolist())
        assert receptive_field(model, layer, 1, row, column, size=(64, 64)) == seen


def activations(model, layer, images):
    found = []
    handle = model.get_submodule(layer).register_forward_hook(lambda *call: found.append(call[2].clone()))
    model(images)
    handle.remove()
    return found[0]


def test_maps_of_one_layer_are_found_for_each_size_of_pictures():
    _, turned = plain_and_turned("(N, T, K)", 6)
    maps_of = MapsOf(turned[:3], "2")
    for height, width in ((16, 16), (8, 24)):
        images = noise(1, 3, height, width).double()
        assert maps_of(turned[:3](images), images).shape == (1, 6, height // 4, width // 4)


@pytest.mark.parametrize(
    ("study", "flags"),
    [("gradcam", ["--layer", "list"]), ("inversion", ["--layers", "list"]), ("deepdream", ["--layer", "list"])],
)
def test_a_study_lists_the_layers_and_draws_nothing(study, flags, random_weights, tmp_path, capsys):
    size = [] if study == "deepdream" else ["--size", 64]
    assert run(study, *flags, "--weights", random_weights, *size) == 0
    said = capsys.readouterr().out
    assert "layer" in said
    assert "a unit sees" in said
    assert "features.4                        Fire" in said
    assert "explained where none is named: features.12" in said
    assert max(map(len, said.splitlines()[1:])) <= 100
    assert not list(tmp_path.glob("**/*.png"))


def test_the_layers_of_several_networks_are_listed(random_weights, capsys):
    models = ["--model", "squeezenet1_1", "shufflenet_v2_x0_5"]
    assert run("networks", *models, "--weights", random_weights, "random", "--layer", "list", "--size", 64) == 0
    said = capsys.readouterr().out
    assert "explained where none is named: features.12" in said
    assert "explained where none is named: conv5" in said
