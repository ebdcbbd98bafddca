"""The blocks that the sanity check randomises, on networks of several families."""

import pytest
import torch
from conftest import noise, random_squeezenet, state_of
from torch import nn
from torch.nn.utils import parametrizations, prune
from torchvision import models

from core.errors import UsageError
from measures.blocks import blocks_of
from measures.sanity import all_random, block_by_block, cascading, sanity_check
from visualizers.saliency_map import saliency_map

FAMILIES = {
    "ResNet": (
        lambda: models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=5),
        ["fc", "layer4", "layer3", "layer2", "layer1", "conv1"],
    ),
    "DenseNet": (
        lambda: models.DenseNet(4, (2, 2), 8, num_classes=5),
        [
            *("classifier", "features.norm5", "features.denseblock2", "features.transition1"),
            *("features.denseblock1", "features.conv0"),
        ],
    ),
    "ViT": (
        lambda: models.VisionTransformer(32, 8, 3, 2, 16, 32, num_classes=5),
        ["heads", "encoder.ln", *(f"encoder.layers.encoder_layer_{number}" for number in (2, 1, 0)), "conv_proj"],
    ),
    "ConvNeXt": (
        lambda: models.ConvNeXt(
            [
                models.convnext.CNBlockConfig(8, 16, 2),
                models.convnext.CNBlockConfig(16, 24, 2),
                models.convnext.CNBlockConfig(24, None, 2),
            ],
            num_classes=5,
        ),
        ["classifier", *(f"features.{number}" for number in (5, 4, 3, 2, 1, 0))],
    ),
    "MobileNet": (
        lambda: models.mobilenet_v3_small(num_classes=5, width_mult=0.25),
        ["classifier", *(f"features.{number}" for number in range(12, -1, -1))],
    ),
}
every_family = pytest.mark.parametrize("family", FAMILIES)


def trained(family):
    """A network none of whose parameters and statistics are what a fresh one has."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        model = FAMILIES[family][0]()
        for values in [*model.parameters(), *model.buffers()]:
            if values.is_floating_point():
                values.add_(torch.rand_like(values) * 0.1 + 0.01)
    return model.requires_grad_(False).eval()


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def pictures():
    return noise(2, 3, 32, 32) * 0.8


def changed(model, other):
    before, after = model.state_dict(), other.state_dict()
    return {name for name in before if not torch.equal(before[name], after[name])}


@every_family
def test_the_blocks_go_from_the_answer_to_the_picture_as_a_pass_runs_them(family, pictures):
    assert blocks_of(trained(family), pictures) == FAMILIES[family][1]


@every_family
def test_all_that_a_network_knows_is_gone_when_every_block_is_random_and_nothing_of_the_original(family, pictures):
    model = trained(family)
    before = state_of(model, pictures)
    ((name, network),) = all_random(model, chance(), pictures)
    assert name == FAMILIES[family][1][-1]
    known = {name for name, values in model.state_dict().items() if values.is_floating_point()}
    assert changed(model, network) == known
    assert state_of(model, pictures) == before


@every_family
def test_a_cascade_changes_block_after_block_and_each_once(family, pictures):
    model, done = trained(family), set()
    for (_, cascade), (_, alone) in zip(
        cascading(model, chance(), pictures), block_by_block(model, chance(), pictures), strict=True
    ):
        own = changed(model, alone)
        assert own
        assert not own & done
        done |= own
        assert changed(model, cascade) == done


def test_statistics_of_batches_are_forgotten_and_norms_go_with_their_layer(pictures):
    model = trained("ResNet")
    *_, (block, network) = block_by_block(model, chance(), pictures)
    assert block == "conv1"
    assert not network.bn1.running_mean.any()
    assert (network.bn1.running_var == 1).all()
    assert (network.bn1.weight == 1).all()
    assert changed(model, network) == {
        name for name in model.state_dict() if name.startswith(("conv1.", "bn1.")) and not name.endswith("tracked")
    }


def test_what_no_module_initialises_is_drawn_as_large_as_it_was(pictures):
    model = trained("ViT")
    ((_, network),) = all_random(model, chance(), pictures)
    for name in ("class_token", "encoder.pos_embedding"):
        old, new = model.get_parameter(name), network.get_parameter(name)
        assert not torch.equal(old, new)
        assert 0.5 < float(new.square().mean().sqrt() / old.square().mean().sqrt()) < 2


def test_the_same_seed_gives_the_same_weights_and_leaves_the_chance_of_others_alone(pictures):
    model = trained("ViT")
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first, same, other = (next(all_random(model, chance(seed), pictures))[1] for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    assert not changed(first, same)
    assert changed(first, other)


def test_of_squeezenet_the_blocks_are_those_of_its_paper_and_the_numbers_torchvisions():
    model = random_squeezenet(seed=3)
    numbers = (12, 11, 10, 9, 7, 6, 4, 3, 0)
    assert blocks_of(model) == ["classifier.1", *(f"features.{number}" for number in numbers)]
    (_, network), *_ = cascading(model, chance())
    assert torch.equal(network.classifier[1].weight, nn.init.normal_(torch.empty(10, 512, 1, 1), 0, 0.01, chance()))


@pytest.mark.parametrize(
    "compute",
    [
        lambda layer: prune.l1_unstructured(layer, "weight", amount=0.5),
        parametrizations.weight_norm,
    ],
    ids=["pruned", "weight norm"],
)
def test_weights_that_are_computed_are_refused(compute, pictures):
    model = trained("ResNet")
    compute(model.layer2[0].conv1)
    with pytest.raises(UsageError, match=r"the weights of 'layer2\.0\.conv1' are computed from others"):
        list(cascading(model, chance(), pictures))


def test_a_network_without_weights_has_nothing_to_randomise(pictures):
    with pytest.raises(UsageError, match="model: Flatten has no weights that could be randomised"):
        blocks_of(nn.Flatten(), pictures)


def test_a_plain_sequence_is_its_layers(pictures):
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten())
    assert blocks_of(model, pictures) == ["3", "0"]


def test_the_order_is_that_of_execution_not_of_writing(pictures):
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.head, self.stem = nn.Linear(4, 5), nn.Conv2d(3, 4, 3)

        def forward(self, images):
            return self.head(self.stem(images).mean(dim=(2, 3)))

    assert blocks_of(Backwards(), pictures) == ["head", "stem"]


def test_a_sanity_check_of_another_network_compares_each_of_its_blocks(pictures):
    similarity = sanity_check(saliency_map, trained("ResNet"), pictures, [1, 2], generator=chance())
    assert similarity.values.shape == (1, 6, 2, 2)
    assert similarity.values.isfinite().all()
    assert similarity.values[:, -1, :, 1].max() < 0.9
