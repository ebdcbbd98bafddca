"""Training against an attack: its ball, its growth, the plain network beside it, and the networks that are stored."""

from dataclasses import replace

import pytest
import torch
from conftest import noise
from safetensors import safe_open
from torch import nn

from core.defaults import ROOT
from core.images import denormalise, normalise, preprocess
from core.squeezenet import load_squeezenet
from patterns.scenes import CLASS_NAMES
from training.__main__ import main
from training.classifier import Training
from training.pool import render_round
from training.recipe import Recipe, Stage
from training.robust import RobustRecipe, RobustTraining, worst_nearby
from visualizers.robust_accuracy import robust_hits

TINY = RobustRecipe(
    steps=12,
    seed=3,
    classes=(0, 1, 16),
    stages=(Stage(48, 1.0, 9),),
    rounds=3,
    held_out_rounds=0,
    half_precision=False,
)


class Linear(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(noise(2, 3, 8, 8))

    def forward(self, images):
        return torch.einsum("nchw,kchw->nk", images, self.weight)


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


def trained(recipe, kind=RobustTraining):
    training = kind(recipe)
    training.run(workers=0)
    return training


def test_on_a_linear_network_several_steps_reach_the_worst_corner_of_the_ball():
    network, rgb = Linear(), torch.full((2, 3, 8, 8), 0.5)
    labels = torch.tensor([0, 1])
    found = denormalise(worst_nearby(network, normalise(rgb), labels, 0.1, steps=5, generator=chance()))
    away = (network.weight[1 - labels] - network.weight[labels]).sign()
    torch.testing.assert_close(found, rgb + 0.1 * away)


@pytest.mark.parametrize("steps", [1, 3])
def test_the_worst_picture_is_valid_and_within_the_ball_and_its_loss_is_larger(steps):
    network, rgb = Linear(), torch.rand(4, 3, 8, 8, generator=chance())
    labels = torch.tensor([0, 1, 0, 1])
    found = worst_nearby(network, normalise(rgb), labels, 0.05, steps=steps, generator=chance())
    change = denormalise(found) - rgb
    assert 0.04 < change.abs().max() <= 0.05 + 1e-6
    assert denormalise(found).min() >= -1e-6
    assert denormalise(found).max() <= 1 + 1e-6
    loss = nn.functional.cross_entropy
    assert loss(network(found), labels) > loss(network(normalise(rgb)), labels)
    assert not found.requires_grad


def test_the_attack_grows_from_nothing_to_its_full_size():
    recipe = replace(TINY, steps=100, alone_until=0.2, full_from=0.6)
    assert [recipe.growth_at(step) for step in (0, 20, 40, 60, 99)] == pytest.approx([0, 0, 0.5, 1, 1])


def test_without_an_attack_it_is_the_plain_training():
    recipe = Recipe(**{name: getattr(TINY, name) for name in Recipe.__dataclass_fields__})
    assert trained(recipe, Training).losses == trained(TINY).losses


@pytest.mark.parametrize("attack", [{"linf": 0.05}, {"linf": 0.05, "inner_steps": 2}, {"noise": 0.1}])
def test_the_first_steps_are_the_plain_networks_and_the_later_ones_are_not(attack):
    plain, against = trained(TINY), trained(replace(TINY, **attack))
    alone = round(TINY.alone_until * TINY.steps)
    assert against.losses[:alone] == plain.losses[:alone]
    assert against.losses[alone:] != plain.losses[alone:]  # one of them: what the steps end in may be alike
    facts = against.shipped()[1]
    assert {name: float(facts[name]) for name in attack} == attack


def test_the_command_writes_a_network_that_says_what_it_was_trained_against(tmp_path, monkeypatch, capsys):
    small = {"stages": (Stage(48, 1.0, 8),), "rounds": 2, "held_out_rounds": 1}

    def make(**settings):
        return RobustRecipe(**(settings | small))

    monkeypatch.setattr("training.commands.RobustRecipe", make)
    arguments = ["--iterations", "4", "--workers", "0", "--output", str(tmp_path / "a.safetensors")]
    assert main(["noise", *arguments]) == 0
    assert "4 steps in " in capsys.readouterr().out
    with safe_open(tmp_path / "a.safetensors", framework="pt") as file:
        assert file.metadata()["noise"] == "0.12"
        assert file.metadata()["linf"] == "0.0"
    assert load_squeezenet(tmp_path / "a.safetensors", "cpu").class_names == CLASS_NAMES
    assert (tmp_path / "a_learning_curve.png").stat().st_size > 1000


def test_the_robust_network_holds_where_the_plain_one_falls():
    pictures = render_round(tuple(range(36)), 99, 0, 96)  # one scene of each class
    images, labels = preprocess(list(pictures)), torch.arange(36)
    rates = {}
    for name in ("plain", "robust"):
        model = load_squeezenet(ROOT / "weights" / f"{name}.safetensors", "cpu")
        assert model.class_names == CLASS_NAMES
        hits = robust_hits(model, images, labels, [0, 4 / 255], steps=5, generator=chance())
        rates[name] = hits.double().mean(dim=1).tolist()
    assert rates["robust"][0] > 0.7
    assert rates["plain"][0] > 0.8
    assert rates["robust"][1] > rates["plain"][1] + 0.3
