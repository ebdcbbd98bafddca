"""A planted bias: the scenes that hold it, the networks that learn it, and a verdict that follows the numbers."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from conftest import render_empty
from conftest import run as run_study
from PIL import Image
from safetensors.torch import load_file
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import cross_val_score

from core.errors import UsageError, WorkError
from measures.bias import Difference, Evidence, Findings, compare, conclude, evidence_lines, evidence_of
from measures.intervals import Interval, mean_interval, share_interval
from patterns.scenes import render_indexed
from studies.bias.study import trained_network
from studies.shared.options import OUTPUT_FOLDER
from studies.shared.report import Report
from training.biased import backgrounds, fingerprint, make_pair, make_recipe, render_set
from training.classifier import Training
from training.evaluate import HIGHEST_SEED
from training.pool import ScenePool
from training.recipe import Recipe

PAIR = make_pair(["star", "sun"], ["dead leaves", "clouds"])
SIZE = 64
ARGUMENTS = ["--iterations", "3", "--size", "64", "--scenes", "20", "--device", "cpu"]


def weights_in(path):
    """The tensors of a file, copied: `load_file` maps them, and a test may overwrite the file."""
    return {name: value.clone() for name, value in load_file(path).items()}


run = partial(run_study, "bias")


# --- The scenes ----------------------------------------------------------------------------------


def background_features(scenes):
    """What a classifier may see of each scene: the pixels outside the object, how bright, how grey, how rough."""
    rows = []
    for image, mask in zip(scenes.images / 255, scenes.masks, strict=True):
        steps = np.abs(np.diff(image, axis=0)).mean(axis=2)[~(mask[1:] | mask[:-1])]
        behind = image[~mask]
        rows.append([behind.mean(), behind.std(), *np.quantile(steps, (0.5, 0.9, 0.98, 0.995))])
    return np.array(rows)


@pytest.mark.parametrize(("arrangement", "least", "most"), [("biased", 0.9, 1), ("unbiased", 0.3, 0.65)])
def test_the_background_alone_gives_the_class_away_if_and_only_if_biased(arrangement, least, most):
    scenes = render_set(PAIR, arrangement, 160, seed=3, size=SIZE)
    forest = RandomForestClassifier(50, random_state=0)
    share = cross_val_score(forest, background_features(scenes), scenes.labels, cv=4).mean()
    assert least <= share <= most


def test_every_arrangement_is_what_it_says():
    sets = {name: render_set(PAIR, name, 8, seed=3, size=SIZE) for name in ("biased", "unbiased", "swapped")}
    for scenes in sets.values():
        assert scenes.labels.tolist() == [0, 1] * 4
    assert np.array_equal(sets["biased"].kinds, sets["biased"].labels)
    assert np.array_equal(sets["swapped"].kinds, 1 - sets["swapped"].labels)
    for label in (0, 1):  # both kinds equally often behind each class
        assert sorted(sets["unbiased"].kinds[sets["unbiased"].labels == label]) == [0, 0, 1, 1]


def test_swapping_exchanges_what_is_behind_the_object_and_keeps_the_object():
    usual, swapped = (render_set(PAIR, name, 6, seed=3, size=SIZE) for name in ("biased", "swapped"))
    assert np.array_equal(usual.masks, swapped.masks)
    change = np.abs(usual.images.astype(int) - swapped.images).mean(axis=3)
    assert all((values[~mask] > 3).mean() > 0.8 for values, mask in zip(change, usual.masks, strict=True))
    first = render_indexed("star", seed=3, index=0, size=SIZE, background="clouds")
    assert np.array_equal(first.image, swapped.images[0])


def test_a_set_does_not_depend_on_how_it_is_cut_up():
    whole = render_set(PAIR, "unbiased", 7, seed=3, size=SIZE)
    parts = [render_set(PAIR, "unbiased", count, seed=3, size=SIZE, first=first) for first, count in ((0, 3), (3, 4))]
    for index, values in enumerate(whole):
        assert np.array_equal(values, np.concatenate([part[index] for part in parts]))


def test_the_drawn_kind_asked_for_again_gives_the_same_background():
    """A kind changes nothing but the painter: asking for the one that was drawn is asking for nothing."""
    kinds = ("gradient", "clouds", "horizon", "dead leaves", "faint texture")
    for index in range(6):
        plain = render_empty("sun", seed=1, index=index, size=SIZE)
        same = [np.array_equal(plain, render_empty("sun", seed=1, index=index, size=SIZE, background=k)) for k in kinds]
        assert sum(same) == 1


def test_the_pool_trains_on_the_sets_scenes():
    turns = backgrounds(PAIR, "unbiased")
    with ScenePool(PAIR.classes, seed=3, size=SIZE, capacity=3, workers=0, backgrounds=turns) as pool:
        pool.fill(3)
        assert np.array_equal(pool.take(range(6)), render_set(PAIR, "unbiased", 6, seed=3, size=SIZE).images)


# --- The training --------------------------------------------------------------------------------


def tiny_recipe(arrangement="biased", **changes):
    return replace(make_recipe(PAIR, arrangement, steps=4, size=SIZE), rounds=8, **changes)


def train(recipe):
    training = Training(recipe)
    training.run(workers=0)
    return training


def test_the_same_seed_trains_the_same_network_and_another_arrangement_another():
    first, again = train(tiny_recipe()), train(tiny_recipe())
    assert first.losses == again.losses
    for one, other in zip(first.network.parameters(), again.network.parameters(), strict=True):
        assert torch.equal(one, other)
    assert train(tiny_recipe("unbiased")).losses != first.losses
    assert train(tiny_recipe(seed=1)).losses != first.losses


def test_the_networks_train_on_scenes_that_no_test_scene_can_be():
    assert tiny_recipe().scene_seed(0) > HIGHEST_SEED


def test_the_fingerprint_tells_settings_apart_and_nothing_else():
    prints = [
        fingerprint(recipe)
        for recipe in (
            make_recipe(PAIR, "biased", size=SIZE),
            make_recipe(PAIR, "biased", size=SIZE, steps=5),
            make_recipe(PAIR, "biased", size=SIZE, seed=5),
            make_recipe(PAIR, "unbiased", size=SIZE),
            make_recipe(make_pair(["gear", "sun"], PAIR.kinds), "biased", size=SIZE),
        )
    ]
    assert len(set(prints)) == 5
    assert fingerprint(make_recipe(PAIR, "biased", size=SIZE)) == prints[0]


def test_the_fingerprint_changes_when_scenes_are_rendered_otherwise(monkeypatch):
    recipe = tiny_recipe()
    before = fingerprint(recipe)
    monkeypatch.setattr("training.biased.render_round", lambda *_: np.zeros(3, np.uint8))
    assert fingerprint(recipe) != before


# --- The verdict ---------------------------------------------------------------------------------


def evidence(usual, swapped, mass):
    wide = [Interval(value, value - 0.05, value + 0.05) for value in (usual, swapped, mass)]
    return Evidence(wide[0], wide[1], {"Grad-CAM": wide[2], "saliency": wide[2]})


UNBIASED = evidence(0.97, 0.96, 0.5)
SURE, UNSURE = Interval(0.3, 0.2, 0.4), Interval(0.02, -0.03, 0.07)


@pytest.mark.parametrize(
    ("biased", "difference", "beginning"),
    [
        (
            evidence(0.99, 0.2, 0.1),
            Difference(SURE, SURE),
            "The biased network judges by the background: it names 99.0%",
        ),
        (evidence(0.99, 0.2, 0.5), Difference(SURE, UNSURE), "The biased network leans on the background"),
        (
            evidence(0.99, 0.98, 0.1),
            Difference(UNSURE, SURE),
            "The maps raise a suspicion that the swap does not confirm",
        ),
        (evidence(0.99, 0.98, 0.5), Difference(UNSURE, UNSURE), "No bias is to be seen"),
        (evidence(0.53, 0.2, 0.1), Difference(SURE, SURE), "Nothing can be concluded"),
    ],
)
def test_the_conclusion_follows_the_numbers(biased, difference, beginning):
    sentence = conclude(biased, UNBIASED, difference)
    assert sentence.startswith(beginning)
    assert f"{biased.usual.mean:.1%}" in sentence
    if not beginning.startswith("Nothing"):
        assert f"{biased.swapped.mean:.1%}" in sentence
        assert f"{biased.masses['Grad-CAM'].mean:.0%} of its Grad-CAM lies on the object (unbiased: 50%)" in sentence


def test_an_unbiased_network_that_guesses_makes_all_inconclusive():
    sentence = conclude(evidence(0.99, 0.2, 0.1), evidence(0.52, 0.5, 0.5), Difference(SURE, SURE))
    assert sentence.startswith("Nothing can be concluded")


def findings(correct, mass):
    values = torch.full((40,), mass, dtype=torch.double) + torch.linspace(-0.01, 0.01, 40, dtype=torch.double)
    return Findings(torch.arange(40) < correct, {"Grad-CAM": values, "saliency": values})


def test_differences_are_taken_scene_by_scene():
    biased, unbiased = (findings(40, 0.1), findings(8, 0.1)), (findings(40, 0.5), findings(36, 0.5))
    difference = compare(biased, unbiased)
    assert difference.lost.mean == pytest.approx((32 - 4) / 40)
    # All scenes' masses differ by 0.4 exactly, though the masses themselves vary: no width is left.
    assert difference.moved == pytest.approx((0.4, 0.4, 0.4))
    assert compare(unbiased, biased).lost.mean == pytest.approx(-0.7)


def test_the_evidence_is_of_usual_backgrounds_and_leaves_blank_maps_out():
    usual, swapped = findings(30, 0.3), findings(10, 0.9)
    usual.masses["Grad-CAM"][:3] = float("nan")
    found = evidence_of(usual, swapped)
    assert (found.usual.mean, found.swapped.mean) == (0.75, 0.25)
    assert found.masses["Grad-CAM"].mean == pytest.approx(float(usual.masses["Grad-CAM"][3:].mean()))
    usual.masses["Grad-CAM"][:] = float("nan")
    with pytest.raises(WorkError, match="blank"):
        evidence_of(usual, swapped)


def test_the_report_says_every_number():
    words = evidence_lines({"biased": evidence(0.99, 0.2, 0.1), "unbiased": UNBIASED}, Difference(SURE, UNSURE))
    for number in ("99.0% (94.0% to 104.0%)", "20.0% (", "10.0% (", "97.0% (", "30.0% (20.0% to 40.0%)", "2.0% (-3.0%"):
        assert number in words


def test_intervals_by_hand():
    mean, low, high = mean_interval(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert mean == 2.5
    assert (low, high) == pytest.approx((2.5 - 1.96 * 0.645497, 2.5 + 1.96 * 0.645497))
    # Wilson's interval of 8 in 10: (0.4902, 0.9433), as in the textbooks.
    assert share_interval(torch.arange(10) < 8) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    everything = share_interval(torch.ones(200, dtype=torch.bool))
    assert everything.mean == everything.high == 1
    assert everything.low == pytest.approx(200 / (200 + 1.96**2))


def test_intervals_hold_the_truth_about_95_times_in_100():
    generator = torch.Generator().manual_seed(0)
    samples = torch.rand(2000, 60, generator=generator, dtype=torch.double) < 0.9
    shares = [share_interval(sample) for sample in samples]
    assert 0.93 < np.mean([low <= 0.9 <= high for _, low, high in shares]) < 0.98
    means = [mean_interval(sample.double() + 1) for sample in samples]
    assert 0.90 < np.mean([low <= 1.9 <= high for _, low, high in means]) < 0.98


@pytest.mark.parametrize("values", [[], [1.0], [1.0, float("nan")]])
def test_too_few_values_have_no_interval(values):
    with pytest.raises(UsageError, match="values: 2 or more finite numbers"):
        mean_interval(torch.tensor(values))


# --- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: make_pair(["star", "stra"], PAIR.kinds), "classes is 'stra'"),
        (lambda: make_pair(["star", "star"], PAIR.kinds), "classes: got star, star; give two different ones"),
        (lambda: make_pair(["star"], PAIR.kinds), "give two different ones"),
        (
            lambda: make_pair(["star", "sun"], ["clouds", "cloud"]),
            "backgrounds is 'cloud'; it must be one of: gradient",
        ),
        (lambda: make_pair(["star", "sun"], ["clouds", "clouds"]), "backgrounds: got clouds, clouds"),
        (lambda: backgrounds(PAIR, "sideways"), "arrangement: 'sideways' is unknown; allowed are biased"),
        (lambda: render_set(PAIR, "biased", 0, seed=0, size=64), "count: 0 scenes are too few"),
        (lambda: render_indexed(0, seed=0, index=0, background="snow"), "background is 'snow'"),
    ],
)
def test_wrong_arguments_are_named(call, words):
    with pytest.raises(UsageError, match=words):
        call()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--labels", "flower", "husky"], "no class is called 'husky'"),
        (["--labels", "sun", "sun"], "give two different ones"),
        (["--backgrounds", "snow", "clouds"], "backgrounds is 'snow'; it must be one of"),
        (["--scenes", "19"], "19 is not a whole number from 20"),
        (["--weights", "patterns"], "--weights"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(arguments, words, refusal):
    assert words in refusal(run, *arguments)


# --- The study ----------------------------------------------------------------------------------


@pytest.fixture
def hardly_learning(monkeypatch):
    """Networks that stay as they were drawn, with a score above 0 for every scene: three full steps may end in none."""
    begin = Training.__init__

    def positive(training, recipe):
        begin(training, recipe)
        training.network.plain.classifier[1].bias.data.fill_(0.5)

    monkeypatch.setattr(Training, "__init__", positive)
    monkeypatch.setattr("training.biased.Recipe", partial(Recipe, learning_rate=1e-6))


def test_the_study_trains_measures_draws_and_keeps_its_networks(hardly_learning, tmp_path, capsys):
    assert run(*ARGUMENTS) == 0
    said = capsys.readouterr().out
    assert said.count("training, 3 steps") == 2
    assert "over 20 scenes each, with 95 % intervals" in said
    assert "unbiased network: Grad-CAM on the object" in said
    kept = sorted((tmp_path / "visualization").glob("*.safetensors"))
    assert [path.name.rsplit("_", 1)[0] for path in kept] == ["bias_biased", "bias_unbiased"]
    path = tmp_path / "visualization" / "bias_visualization.png"
    with Image.open(path) as image:
        assert np.asarray(image).std() > 10
        assert all(file.name in image.text["Weights"] for file in kept)
    first = path.read_bytes()

    assert run(*ARGUMENTS) == 0  # from the files now, and the same to the last byte
    again = capsys.readouterr().out
    assert "training" not in again
    assert again.splitlines()[2:] == [line for line in said.splitlines() if "network: train" not in line]
    assert path.read_bytes() == first


@pytest.fixture
def network():
    """A function that makes the biased network as the study does: from its file, or by training."""

    def make(*, seed=0, fresh=False):
        recipe = make_recipe(PAIR, "biased", steps=3, seed=seed, size=SIZE)
        trained_network("biased", recipe, Report(), device="cpu", fresh=fresh)
        return max(OUTPUT_FOLDER.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)

    return make


def test_other_settings_use_another_file(network, capsys):
    first = network()
    assert network(seed=1) != first
    assert capsys.readouterr().out.count("training, 3 steps") == 2
    network()
    assert "trained before" in capsys.readouterr().out


def test_a_damaged_file_is_made_again_and_fresh_trains_again(network, capsys):
    path = network()
    before = weights_in(path)
    path.write_bytes(b"nonsense")
    capsys.readouterr()
    network()
    assert "is damaged and is made again" in capsys.readouterr().out
    after = weights_in(path)
    assert all(torch.equal(after[name], value) for name, value in before.items())
    network(fresh=True)
    assert "training, 3 steps" in capsys.readouterr().out


def test_a_stopped_training_goes_on_where_it_was(network, capsys, monkeypatch):
    path = network()
    straight = weights_in(path)
    path.unlink()
    checkpoint = path.with_suffix(".checkpoint.pt")
    plain = Training.train_one

    def stopping(training, *arguments):
        if training.step == 2:
            training.save(checkpoint)
            raise KeyboardInterrupt
        plain(training, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "train_one", stopping)
        assert run(*ARGUMENTS) == 130
    captured = capsys.readouterr()
    assert "stopped; run the same command to go on" in captured.err
    assert not path.exists()
    network()
    assert "going on after step 2 of 3" in capsys.readouterr().out
    resumed = weights_in(path)
    assert all(torch.equal(resumed[name], value) for name, value in straight.items())
    assert not checkpoint.exists()
