"""Accuracy under attack: where the exact distance is known, and as a curve that can only fall."""

import itertools

import pytest
import torch
from conftest import noise
from torch import nn

from core.errors import UsageError
from core.images import IMAGENET_STD, normalise
from visualizers.robust_accuracy import robust_hits


class Linear(nn.Module):
    """Two classes on either side of a plane, in RGB: height(x) = sum of w (x - 1/2)."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)
        self.register_buffer("scale", torch.tensor(IMAGENET_STD).view(3, 1, 1))

    def forward(self, images):
        shift = images - normalise(torch.full((1, 3, 1, 1), 0.5))
        height = (shift * self.scale * self.weight).sum(dim=(1, 2, 3))
        return torch.stack([height, -height], dim=1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_linear_network_falls_exactly_where_the_plane_is_in_reach(norm):
    weight = noise(3, 8, 8)
    directions = {"linf": weight.sign(), "l2": weight / weight.norm()}[norm]
    distances = torch.tensor([0.01, 0.02, 0.03, -0.01, -0.02]).view(-1, 1, 1, 1)
    images = normalise(0.5 + distances * directions)
    labels = torch.tensor([0, 0, 0, 1, 0])  # the last one is named wrongly
    hits = robust_hits(Linear(weight), images, labels, [0, 0.0095, 0.0105, 0.0205, 0.04], norm=norm, steps=10)
    assert hits.long().tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [0, 1, 1, 0, 0], [0, 0, 1, 0, 0], [0] * 5]


def test_it_only_falls_and_starts_at_the_clean_accuracy(squeezenet, images):
    with torch.no_grad():
        labels = squeezenet(images).argmax(dim=1)
    labels[0] = (labels[0] + 1) % 10  # wrong from the start
    chance = torch.Generator().manual_seed(0)
    hits = robust_hits(squeezenet, images, labels, [0, 0.001, 0.02, 0.5], steps=3, restarts=2, generator=chance)
    assert hits[0].tolist() == [False, True, True]
    assert (hits[1:] <= hits[:-1]).all()
    assert not hits[-1].any()


class Cliff(nn.Module):
    """Class 1 where the first value has grown by 0.02, and no slope: only a lucky start finds it."""

    def forward(self, images):
        grown = (images - normalise(torch.full((1, 3, 1, 1), 0.5)))[:, 0, 0, 0] * IMAGENET_STD[0]
        return torch.stack([0 * grown, (grown - 0.02).sign()], dim=1)


def test_more_starts_leave_nothing_right_that_fewer_did_not():
    images, curves = normalise(torch.full((40, 3, 4, 4), 0.5)), []
    for restarts in (1, 2, 3, 5):
        chance = torch.Generator().manual_seed(1)
        settings = {"norm": "linf", "steps": 1, "restarts": restarts, "generator": chance}
        curves.append(robust_hits(Cliff(), images, 0, [0, 0.021, 0.03, 0.04], **settings))
    for fewer, more in itertools.pairwise(curves):
        assert (more <= fewer).all()
        assert (more[1:] <= more[:-1]).all()
    assert curves[-1].sum() < curves[0].sum()


@pytest.mark.parametrize(
    ("radii", "norm", "words"),
    [
        ([0.2, 0.1], "linf", r"radii: \[0.2, 0.1\]"),
        ([], "l2", "at least one"),
        ([-1], "l2", "from 0"),
        ([1], "l1", "l1"),
    ],
)
def test_what_makes_no_curve_is_refused(squeezenet, images, radii, norm, words):
    with pytest.raises(UsageError, match=words):
        robust_hits(squeezenet, images, 1, radii, norm=norm)
