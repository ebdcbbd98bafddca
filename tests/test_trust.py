"""May I believe the map? Sanity checks, deletion and insertion by hand, stability, and the study that tells them."""

import csv
import json
import subprocess
import sys
import warnings
from copy import deepcopy
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from conftest import SQUEEZENETS, random_squeezenet, replace_everywhere, run, state_of
from PIL import Image
from scipy.stats import spearmanr
from torch import nn

from core.defaults import ROOT
from core.errors import UsageError
from core.squeezenet import load_squeezenet
from core.zero_scores import without_last_relu
from measures.blocks import blocks_of
from measures.faithfulness import area_under, deletion_curve, insertion_curve, stability
from measures.localisation import edge_map
from measures.sanity import (
    all_random,
    architecture_floor,
    block_by_block,
    cascading,
    explain_with_fallback,
    map_similarity,
    sanity_check,
    verdict,
    verdict_sentence,
)
from measures.scorecard import score_maps
from patterns.scenes import CLASS_NAMES, render_batch
from studies.trust.lines import line_at, lines_of
from studies.trust.rows import CONTROLS, rows_of
from visualizers import catalogue
from visualizers.evidence import evidence
from visualizers.gradcam import grad_cam
from visualizers.saliency_map import saliency_map


def chance(seed=0):
    return torch.Generator().manual_seed(seed)


# --- Similarity and verdicts ---------------------------------------------------------------------


def test_a_map_is_like_itself_and_like_itself_scaled_or_negated():
    maps = torch.rand(2, 16, 20, generator=chance())
    for other in (maps, 3 * maps, -maps):
        torch.testing.assert_close(map_similarity(maps, other), torch.ones(2, 2, dtype=torch.float64))


def test_the_rank_correlation_is_spearmans_of_absolute_values():
    maps, others = torch.randint(-4, 5, (2, 1, 12, 12), generator=chance()).float()  # many equal values
    expected = spearmanr(maps.abs().flatten(), others.abs().flatten()).statistic
    assert map_similarity(maps, others)[0, 1] == pytest.approx(expected)
    assert map_similarity(maps, others)[0, 1] == map_similarity(others, maps)[0, 1]


def test_unrelated_maps_are_not_alike_and_a_reversed_order_is_minus_one():
    maps, others = torch.rand(2, 1, 64, 64, generator=chance())
    assert map_similarity(maps, others).abs().max() < 0.1
    assert map_similarity(maps, 1 - maps)[0, 1] == pytest.approx(-1)


def test_a_blank_map_is_like_no_other_and_leaves_the_rest_of_the_batch_alone():
    maps = torch.rand(3, 8, 8, generator=chance())
    others = maps.clone()
    others[1] = 0
    result = map_similarity(maps, others)
    assert result[1].isnan().all()
    assert (result[[0, 2]] > 0.999).all()


def test_maps_that_do_not_fit_are_refused():
    with pytest.raises(UsageError, match=r"got \(1, 8, 8\) and \(1, 8, 9\)"):
        map_similarity(torch.zeros(1, 8, 8), torch.zeros(1, 8, 9))
    with pytest.raises(UsageError, match="7 pixels at least"):
        map_similarity(torch.zeros(1, 6, 8), torch.zeros(1, 6, 8))


@pytest.mark.parametrize(
    ("correlation", "floor", "word"),
    [
        (1.0, 0.0, "no"),
        (0.51, 0.0, "no"),
        (0.49, 0.0, "partly"),
        (0.21, 0.0, "partly"),
        (0.19, 0.0, "yes"),
        (-0.1, 0.0, "yes"),
        (-0.9, 0.0, "no"),  # an order turned round is an order kept
        (0.5, 0.45, "yes"),  # nearly all of it is the architecture's: 0.05 of 0.55 are left
        (0.6, 0.4, "partly"),  # 0.2 of 0.6
        (0.8, 0.4, "no"),  # 0.4 of 0.6
        (0.3, -0.2, "partly"),  # a floor below 0 is none
        (1.0, 1.0, "no"),  # the same map for every image
        (0.1, float("nan"), "yes"),  # a single image has no floor
        (-0.05, 0.14, "yes"),  # less alike than two images' maps
        (-0.9, 0.1, "no"),  # the same map, turned to its negative
    ],
)
def test_the_verdict_follows_the_numbers(correlation, floor, word):
    assert verdict(correlation, floor) == word
    sentence = verdict_sentence("follows the weights", correlation, floor, "after randomising all")
    assert sentence.startswith(f"follows the weights: {word}, rank correlation {correlation:.2f} after randomising all")
    assert ("by the architecture alone" in sentence) == (floor == floor)


def test_the_verdict_of_blank_maps_is_unknown():
    blank = float("nan")
    assert verdict(blank, blank) == "unknown"
    assert "unknown, all maps are blank" in verdict_sentence("follows the weights", blank, blank, "at all")


def test_the_floor_compares_with_the_map_of_another_image():
    maps = torch.rand(3, 12, 12, generator=chance())
    floor = architecture_floor(maps, maps)
    expected = [spearmanr(maps[index].flatten(), maps[index - 1].flatten()).statistic for index in range(3)]
    torch.testing.assert_close(floor, torch.tensor(expected, dtype=torch.float64))
    assert architecture_floor(maps[:1], maps[:1]).isnan().all()
    same = maps[:1].expand(3, -1, -1)
    torch.testing.assert_close(architecture_floor(same, same), torch.ones(3).double())


# --- Randomised networks -------------------------------------------------------------------------


def changed_blocks(model, other):
    before, after = model.state_dict(), other.state_dict()
    return {name.rsplit(".", 1)[0] for name in before if not torch.equal(before[name], after[name])}


def test_the_blocks_go_from_the_classifier_to_the_image(squeezenet):
    numbers = (12, 11, 10, 9, 7, 6, 4, 3, 0)
    assert blocks_of(squeezenet) == ["classifier.1", *(f"features.{number}" for number in numbers)]


def test_block_by_block_changes_that_block_alone(imagenet_like):
    for block, network in block_by_block(imagenet_like, chance()):
        inside = {name for name, part in imagenet_like.named_modules() if isinstance(part, nn.Conv2d)}
        inside = {name for name in inside if name == block or name.startswith(f"{block}.")}
        assert changed_blocks(imagenet_like, network) == inside


def test_cascading_changes_all_above_and_nothing_below(imagenet_like):
    done = []
    for block, network in cascading(imagenet_like, chance()):
        done.append(block)
        changed = changed_blocks(imagenet_like, network)
        assert all(name.startswith(tuple(done)) for name in changed)
        assert {name for name in done if any(each.startswith(name) for each in changed)} == set(done)
    assert done == blocks_of(imagenet_like)


@pytest.fixture
def imagenet_like():
    """A network none of whose weights or biases are what a fresh one has."""
    model = random_squeezenet(seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.01)
    return model


def test_the_new_weights_are_of_torchvisions_family(imagenet_like):
    *_, (_, network) = cascading(imagenet_like, chance())
    assert not any(p.any() for name, p in network.named_parameters() if name.endswith("bias"))
    assert network.classifier[1].weight.std() == pytest.approx(0.01, rel=0.1)
    for layer in (network.features[0], network.features[12].expand3x3):
        bound = (6 / layer.weight[0].numel()) ** 0.5  # He's uniform distribution
        assert layer.weight.abs().max() <= bound
        assert layer.weight.std() == pytest.approx(bound / 3**0.5, rel=0.05)


@pytest.mark.parametrize("networks", [cascading, block_by_block])
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_the_network_itself_stays_untouched(networks, training, images):
    model = random_squeezenet().requires_grad_(training).train(training)
    before = state_of(model, images)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    sanity_check(saliency_map, model, images, [1, 2, 3], networks=networks, generator=chance())
    assert torch.equal(torch.rand(1), expected)  # the global generator, too
    assert state_of(model, images) == before


def test_it_stays_untouched_after_an_exception(images):
    model = random_squeezenet()
    before = state_of(model, images)

    def fail(network, images, labels):
        if network is not model:
            raise KeyError
        return saliency_map(network, images, labels)

    with pytest.raises(KeyError):
        sanity_check(fail, model, images, 1, generator=chance())
    assert state_of(model, images) == before


def test_the_same_seed_gives_the_same_networks_and_another_one_others(squeezenet, images):
    first, same, other = (
        sanity_check(saliency_map, squeezenet, images, 1, generator=chance(seed)).values for seed in (0, 0, 1)
    )
    assert torch.equal(first, same)
    assert not torch.equal(first, other)
    assert first.shape == (1, 10, 3, 2)
    drawn_twice = sanity_check(saliency_map, squeezenet, images, 1, draws=2, generator=chance()).values
    torch.testing.assert_close(drawn_twice[:1], first)
    assert not torch.equal(drawn_twice[1], drawn_twice[0])


# --- The check itself ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def embedded():
    return load_squeezenet("patterns", "cpu")


@pytest.fixture(scope="module")
def scenes():
    from core.images import preprocess

    labels = [18, 24, 30]
    pictures, masks = render_batch(labels, seed=5, size=224)
    return preprocess(list(pictures)), torch.tensor(labels), torch.from_numpy(masks)


def test_the_gradient_follows_the_weights_and_sobels_edges_do_not(embedded, scenes):
    """Above the architecture's floor the gradient keeps about a fifth, where "yes" ends: a third is allowed."""
    images, labels, _ = scenes
    techniques = {"gradient": saliency_map, "edges": lambda model, images, labels: edge_map(images)}
    correlations, floors = {}, {}
    for name, explain in techniques.items():
        found = sanity_check(explain, embedded, images, labels, draws=2, generator=chance())
        correlations[name] = float(found.values[:, -1, :, 1].nanmean())
        floors[name] = float(found.floor[:, -1].nanmean())
    left = correlations["gradient"] - floors["gradient"]
    assert left < (1 - floors["gradient"]) / 3
    assert correlations["edges"] == pytest.approx(1)
    assert verdict(correlations["edges"], floors["edges"]) == "no"


def test_the_same_weights_give_similarity_one(squeezenet, images):
    def unchanged(model, _generator, _images):
        yield "none", deepcopy(model)

    values = sanity_check(saliency_map, squeezenet, images, 1, networks=unchanged, generator=chance()).values
    torch.testing.assert_close(values, torch.ones(1, 1, 3, 2, dtype=torch.float64))


@pytest.fixture
def silent():
    """A network whose class 7 has a negative class map everywhere, so score 0 and no gradient."""
    model = random_squeezenet()
    with torch.no_grad():
        model.classifier[1].bias[7] = -50
    return model


def test_a_class_of_score_0_is_explained_before_the_last_relu(silent, images):
    maps, before_last_relu = explain_with_fallback(saliency_map, silent, images, [0, 7, 1])
    assert before_last_relu.tolist() == [False, True, False]
    image = images[1:2].clone().requires_grad_(True)
    class_map = silent.classifier[1](silent.features(image))[0, 7]
    (gradient,) = torch.autograd.grad(class_map.mean(), image)
    torch.testing.assert_close(maps[1], gradient[0].abs().amax(dim=0), rtol=1e-4, atol=1e-8)
    torch.testing.assert_close(maps[0], saliency_map(silent, images[:1], 0)[0], rtol=1e-4, atol=1e-8)


def test_the_last_relu_is_passed_in_a_copy_that_raises_all_classes_alike(silent, images):
    before = state_of(silent, images)
    copy = without_last_relu(silent, images, torch.tensor([7, 7, 7]))
    assert state_of(silent, images) == before
    raised = copy.classifier[1].bias - silent.classifier[1].bias
    assert raised.min() == raised.max() > 0
    assert (copy(images)[:, 7] > 0).all()


def test_a_map_that_stays_blank_is_left_out_and_counted(squeezenet, images):
    def blank_for_others(model, images, labels):
        return saliency_map(model, images, labels) * (model is squeezenet)

    result = sanity_check(blank_for_others, squeezenet, images, 1, generator=chance())
    assert result.values.isnan().all()
    assert not result.before_last_relu.any()


def test_no_warning_is_needed_where_blank_maps_are_counted(silent, images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explain_with_fallback(lambda *given: grad_cam(*given), silent, images, 7)


def test_edges_are_sobels():
    ramp = torch.arange(5.0).view(1, 1, 1, 5).expand(1, 3, 4, 5)
    # inside, (1 + 2 + 1) * (right - left) = 4 * 2; at the sides, where the border repeats, 4 * 1
    torch.testing.assert_close(edge_map(ramp), torch.tensor([4.0, 8, 8, 8, 4]).expand(1, 4, 5))
    torch.testing.assert_close(edge_map(ramp.transpose(2, 3)), edge_map(ramp).transpose(1, 2))


# --- Deletion and insertion ----------------------------------------------------------------------


class KnownPixels(nn.Module):
    """P(class 0) is the mean of the pixels in `mask` (H, W), averaged over the channels, which lies in (0, 1)."""

    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.class_names = ("known", "other")

    def forward(self, images):
        share = (images.mean(dim=1) * self.mask).sum(dim=(1, 2)) / self.mask.sum()
        return torch.stack([share.log(), (1 - share).log()], dim=1)


KNOWN = torch.tensor([[1.0, 0.0], [1.0, 0.0]])


def test_deletion_and_insertion_by_hand():
    image = torch.full((1, 3, 2, 2), 0.8)
    values = torch.tensor([[[4.0, 3.0], [2.0, 1.0]]])  # in order: known, unknown, known, unknown
    model = KnownPixels(KNOWN)
    deletion = deletion_curve(model, image, 0, values, stages=4, substrate=0.2)
    torch.testing.assert_close(deletion, torch.tensor([[0.8, 0.5, 0.5, 0.2, 0.2]]))
    insertion = insertion_curve(model, image, 0, values, stages=4, substrate=0.2)
    torch.testing.assert_close(insertion, torch.tensor([[0.2, 0.5, 0.5, 0.8, 0.8]]))
    torch.testing.assert_close(area_under(deletion), torch.tensor([0.25 * (0.65 + 0.5 + 0.35 + 0.2)]))
    two = deletion_curve(model, image, 0, values, stages=2, substrate=0.2)
    torch.testing.assert_close(two, deletion[:, ::2])
    other = deletion_curve(model, image, 1, values, stages=4, substrate=0.2)
    torch.testing.assert_close(other, 1 - deletion)


def test_the_mask_itself_deletes_and_inserts_best():
    mask = torch.zeros(8, 8)
    mask[2:5, 3:6] = 1
    model, image = KnownPixels(mask), torch.full((1, 3, 8, 8), 0.9)
    settings = {"stages": 64, "substrate": 0.1}
    areas = {}
    for name, values in {
        "mask": mask,
        "complement": 1 - mask,
        "row": torch.arange(64.0).view(8, 8),
        "chance": torch.rand(8, 8, generator=chance()),
    }.items():
        maps = values.unsqueeze(0)
        areas[name] = (
            float(area_under(deletion_curve(model, image, 0, maps, **settings, generator=chance()))),
            float(area_under(insertion_curve(model, image, 0, maps, **settings, generator=chance()))),
        )
    # nine pixels of 64 go first: the curve falls straight to 0.1 within them
    assert areas["mask"][0] == pytest.approx(0.1 + 0.8 * 9 / 64 / 2)
    assert areas["mask"][1] == pytest.approx(0.9 - 0.8 * 9 / 64 / 2)
    assert areas["mask"][0] == min(deletion for deletion, _ in areas.values())
    assert areas["mask"][1] == max(insertion for _, insertion in areas.values())
    assert areas["complement"][0] == max(deletion for deletion, _ in areas.values())


def test_equal_values_go_in_no_order_of_their_own():
    mask = torch.zeros(16, 16)
    mask[:8] = 1  # the upper half: whoever takes equal values row by row deletes it first
    model, image, blank = KnownPixels(mask), torch.full((1, 3, 16, 16), 0.9), torch.zeros(1, 16, 16)
    curve = deletion_curve(model, image, 0, blank, stages=2, substrate=0.1, generator=chance())
    assert curve[0, 1] == pytest.approx(0.5, abs=0.1)
    again = deletion_curve(model, image, 0, blank, stages=2, substrate=0.1, generator=chance())
    assert torch.equal(curve, again)


def test_the_ends_are_the_picture_and_the_substrate(squeezenet, images):
    maps = torch.rand(3, 64, 64, generator=chance())
    substrate = images.flip(0)
    with torch.no_grad():
        begin, end = (squeezenet(x).softmax(dim=1)[:, 4] for x in (images, substrate))
    deletion = deletion_curve(squeezenet, images, 4, maps, stages=3, substrate=substrate)
    torch.testing.assert_close(deletion[:, [0, -1]], torch.stack([begin, end], dim=1))
    # replacing the image from the top is inserting the image into the substrate from the bottom
    insertion = insertion_curve(squeezenet, images, 4, -maps, stages=4, substrate=substrate)
    deletion = deletion_curve(squeezenet, images, 4, maps, stages=4, substrate=substrate)
    torch.testing.assert_close(insertion.flip(1), deletion)


def test_curves_do_not_depend_on_the_batch_or_the_chunks(squeezenet, images, monkeypatch):
    maps = torch.rand(3, 64, 64, generator=chance())
    whole = deletion_curve(squeezenet, images, [1, 4, 8], maps, stages=7)
    single = [
        deletion_curve(squeezenet, images[i : i + 1], label, maps[i : i + 1], stages=7) for i, label in ((0, 1), (2, 8))
    ]
    torch.testing.assert_close(torch.cat(single), whole[[0, 2]])
    monkeypatch.setattr("core.gradients.CHUNK_PIXELS", 2 * 64 * 64)
    torch.testing.assert_close(deletion_curve(squeezenet, images, [1, 4, 8], maps, stages=7), whole)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_curves_leave_no_trace(training, images):
    model = random_squeezenet().train(training)
    images.requires_grad_(True)
    before = state_of(model, images)
    maps = images.detach().abs().amax(dim=1)
    curves = [curve(model, images, 1, maps, stages=2) for curve in (deletion_curve, insertion_curve)]
    assert not any(curve.requires_grad for curve in curves)
    assert state_of(model, images) == before


def test_wrong_curves_are_refused(squeezenet, images):
    maps = torch.zeros(3, 64, 64)
    with pytest.raises(UsageError, match=r"maps: shape \(3, 3, 3\) for images \(3, 3, 64, 64\)"):
        deletion_curve(squeezenet, images, 1, torch.zeros(3, 3, 3))
    with pytest.raises(UsageError, match="stages: 0 is too few"):
        insertion_curve(squeezenet, images, 1, maps, stages=0)
    with pytest.raises(UsageError, match="substrate: shape"):
        deletion_curve(squeezenet, images, 1, maps, substrate=torch.zeros(2, 2))
    with pytest.raises(UsageError, match="class 10 is out of range"):
        deletion_curve(squeezenet, images, 10, maps)


# --- Stability -----------------------------------------------------------------------------------


def test_stability_of_a_constant_map_is_0_and_of_a_linear_one_the_noise_by_hand():
    images = torch.randn(2, 3, 8, 8, generator=chance())
    assert torch.equal(stability(lambda x: torch.ones(2, 8, 8), images, generator=chance()), torch.zeros(2).double())
    changes = stability(lambda x: x[:, 0], images, noise=0.5, draws=2, generator=chance(4))
    generator = chance(4)
    drawn = [0.5 * torch.randn(images.shape, generator=generator)[:, 0].flatten(1).norm(dim=1) for _ in range(2)]
    expected = torch.stack(drawn).amax(dim=0) / images[:, 0].flatten(1).norm(dim=1)
    torch.testing.assert_close(changes.float(), expected)
    assert torch.equal(stability(lambda x: x[:, 0], images, noise=0, generator=chance()), torch.zeros(2).double())


def test_stability_of_a_blank_map_is_not_a_number():
    assert stability(lambda x: torch.zeros(1, 8, 8), torch.zeros(1, 3, 8, 8), generator=chance()).isnan().all()


# --- All scores ---------------------------------------------------------------------------------


def test_all_random_is_the_last_of_the_cascade(imagenet_like):
    *_, (block, last) = cascading(imagenet_like, chance())
    ((name, network),) = all_random(imagenet_like, chance())
    assert name == block
    for one, other in zip(network.parameters(), last.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_takes_longest_is_scored_only_where_it_is_asked_for(squeezenet, images):
    def scores(**settings):
        found = score_maps(saliency_map, squeezenet, images, 1, draws=2, stages=2, generator=chance(), **settings)
        return {name: tuple(values.shape) for name, values in found.items()}

    curves = {"deletion": (3, 3), "insertion": (3, 3)}
    assert scores(checked=False) == curves
    whole = {"all_random": (3, 2, 1, 2), "all_random floor": (3, 2, 1), "all_random before last ReLU": (3, 2, 1)}
    assert scores(each_block=False) == curves | whole | {"stability": (3,)}
    everything = scores()
    assert everything["cascading"] == everything["block_by_block"] == (3, 2, len(blocks_of(squeezenet)), 2)


# --- The study -----------------------------------------------------------------------------------

QUICK = ["--size", "64", "--draws", "1", "--stages", "3"]
trust = partial(run, "trust")


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_study_writes_its_figures_and_one_table_in_three_forms(random_weights, tmp_path, capsys):
    assert trust(*QUICK, "--weights", random_weights, "--technique", "gradient", "grad-cam") == 0
    said = capsys.readouterr().out
    folder = tmp_path / "visualization"
    for name in ("", "_similarity", "_curves", "_table"):
        with Image.open(folder / f"trust_visualization{name}.png") as image:
            assert np.asarray(image).std() > 10
            assert image.text["Script"] == "trust"
    rows = {row["technique"]: row for row in table(folder / "trust_visualization_table.csv")}
    assert list(rows) == ["gradient (saliency)", "Grad-CAM", *(control.title for control in CONTROLS)]
    assert "follows the labels" not in rows["gradient (saliency)"]
    for control in CONTROLS:  # what knows no network cannot follow it
        assert rows[control.title]["follows the weights"] == "no"
        assert float(rows[control.title]["rank correlation, all random"]) == 1
    assert "Sobel edges: follows the weights: no, rank correlation 1.00 after randomising all" in said
    markdown = (folder / "trust_visualization_table.md").read_text(encoding="utf-8")
    for row in rows.values():
        assert "| " + " | ".join(row.values()) + " |" in markdown
    assert "3 stages" in markdown
    assert "pointing game" not in markdown  # nobody knows where the objects of photographs are


@pytest.mark.slow
def test_a_second_run_reads_the_scores_and_gives_the_same_files(random_weights, tmp_path, monkeypatch):
    arguments = [*QUICK, "--weights", random_weights, "--technique", "gradient", "--images", "chelsea", "coffee"]
    assert trust(*arguments, "--output", tmp_path / "a.png") == 0

    def never(*_, **__):
        raise AssertionError("computed again")

    replace_everywhere(monkeypatch, score_maps, never)
    monkeypatch.setenv("DEBUG", "1")
    assert trust(*arguments, "--output", tmp_path / "b.png") == 0
    with pytest.raises(AssertionError):  # other settings, other scores
        trust(*arguments, "--noise", "0.1", "--output", tmp_path / "c.png")
    for name in ("", "_similarity", "_curves", "_table"):
        assert (tmp_path / f"a{name}.png").read_bytes() == (tmp_path / f"b{name}.png").read_bytes()
    assert (tmp_path / "a_table.csv").read_bytes() == (tmp_path / "b_table.csv").read_bytes()


@pytest.mark.slow
def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("studies.trust.pictures.CHUNK", 2)
    arguments, calls = ["--scenes", 4, *QUICK, "--technique", "gradient"], []

    def stop_at_the_fifth(*given, **settings):
        calls.append(1)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return score_maps(*given, **settings)

    replace_everywhere(monkeypatch, score_maps, stop_at_the_fifth)
    assert trust(*arguments) == 130
    assert not (tmp_path / "visualization" / "trust_visualization.png").exists()
    assert trust(*arguments) == 0
    assert len(calls) == 5 + 4  # two chunks of four techniques, the fourth of them kept


@pytest.mark.slow
def test_scenes_are_scored_with_their_masks_and_a_network_of_random_labels(tmp_path, capsys):
    from safetensors.torch import save_file

    path = tmp_path / "shuffled.safetensors"
    save_file(random_squeezenet(len(CLASS_NAMES), seed=8).state_dict(), path, {"class_names": json.dumps(CLASS_NAMES)})
    assert trust("--scenes", 2, *QUICK, "--technique", "gradient", "--random-labels", path) == 0
    said = capsys.readouterr().out
    assert "weights: squeezenet1_1.safetensors" in said  # the embedded network, without being asked
    assert "gradient (saliency): follows the labels: " in said
    assert "Sobel edges: follows the labels: no, rank correlation 1.00 to random labels" in said
    rows = {row["technique"]: row for row in table(tmp_path / "visualization" / "trust_visualization_table.csv")}
    assert 0 < float(rows["gradient (saliency)"]["relevance mass"]) <= 1
    assert float(rows["Sobel edges"]["rank correlation, random labels"]) == 1
    assert rows["Sobel edges"]["follows the labels"] == "no"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--technique", "magic"], "'magic' is unknown; allowed are all, gradient, "),
        (["--scenes", "3", "--images", "chelsea"], "give either --scenes or --images, not both"),
        (["--scenes", "-1"], "-1 is not a whole number"),
        (["--draws", "0"], "0 is not a whole number"),
        (["--random-labels", "nowhere.pth"], "'nowhere.pth' is not there"),
        (["--scenes", "3", "--random-labels", "RANDOM"], "knows other classes than squeezenet1_1.safetensors"),
        (["--scenes", "3", "--weights", "RANDOM"], "does not know the scenes' classes"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments, words, random_weights, refusal):
    arguments = [str(random_weights) if text == "RANDOM" else text for text in arguments]
    if "--weights" not in arguments and "--scenes" not in arguments:
        arguments += ["--weights", str(random_weights)]
    assert words in refusal(trust, *QUICK, *arguments)


@pytest.mark.parametrize("study", ["trust", "bias"])
def test_help_answers_without_importing_anything_heavy(study):
    code = (
        f"import sys; from studies.{study} import flags; flags.parser().format_help(); "
        "sys.exit(len({'torch', 'numpy', 'PIL', 'matplotlib'} & {*sys.modules}))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_a_row_of_the_table_turns_any_result_into_one_map_an_image(squeezenet, images):
    rows = rows_of(SQUEEZENETS)
    assert len(rows) == len(SQUEEZENETS) + len(CONTROLS)
    for title, row in rows.items():
        maps = row.explain(squeezenet, images[:2], torch.tensor([1, 2]), chance())
        assert maps.shape == (2, 64, 64), title
        assert maps.min() >= 0, title


def test_contributions_add_up_over_the_channels_and_of_other_pictures_the_largest_counts():
    picture = torch.tensor([1.0, -3.0, 1.0]).view(1, 3, 1, 1).expand(2, 3, 8, 8)
    assert (evidence(catalogue.TECHNIQUES["guided-backprop"], picture, (8, 8)) == 3).all()
    assert (evidence(catalogue.TECHNIQUES["gradient-x-input"], picture, (8, 8)) == 1).all()


def test_every_technique_has_a_line_of_its_own_however_many_there_are(monkeypatch):
    gradient = catalogue.TECHNIQUES["gradient"]
    for index in range(45):
        monkeypatch.setitem(catalogue.TECHNIQUES, f"new-{index}", replace(gradient, title=f"new {index}"))
    lines = lines_of(rows_of(catalogue.TECHNIQUES))
    assert len(lines) == len(catalogue.TECHNIQUES) + len(CONTROLS)
    assert len(set(lines.values())) == len(lines)
    assert lines[gradient.one_line] == line_at(0)
