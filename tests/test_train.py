"""Training on the scenes: exact folding, learning, resuming, the stored network, and the command lines."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from conftest import InterruptingBar, noise
from safetensors import safe_open
from torch import nn

from core.defaults import ROOT
from core.images import preprocess
from core.squeezenet import EMBEDDED_WEIGHTS, load_squeezenet
from drawing.curves import Learning, draw_learning_curve
from patterns.scenes import CLASS_NAMES
from training import evaluate, train
from training.__main__ import main
from training.classifier import Training
from training.flags import COMMANDS
from training.learning import TrainingNet, augment, fold, perturb, train_step
from training.pool import ScenePool, render_round
from training.recipe import BY_HEART, Recipe, Stage

MEGABYTE = 2**20
TINY = Recipe(
    steps=12,
    seed=3,
    classes=(0, 1, 16),  # stripes, checkerboard, target
    stages=(Stage(48, 0.7, 12), Stage(56, 0.3, 12, (48,))),
    perturbation=1.0,
    warm_up=0.1,
    rounds=6,
    held_out_rounds=0,
    half_precision=False,
)


@pytest.fixture(scope="module")
def trained() -> Training:
    training = Training(TINY)
    training.run(workers=0)
    return training


def norms_by_hand() -> TrainingNet:
    """A training form whose BatchNorms all have weights and statistics of their own, far from those they start with."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = TrainingNet(3).eval()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                for values, low, high in (
                    (module.weight, 0.8, 1.6),
                    (module.bias, -0.2, 0.4),
                    (module.running_mean, -0.3, 0.3),
                    (module.running_var, 0.5, 2.0),
                ):
                    nn.init.uniform_(values, low, high)
        network.plain.classifier[1].bias.data += 0.5
    return network


def test_folding_is_exact():
    network, images = norms_by_hand(), noise(4, 3, 96, 96)
    network.slope = 0.0
    with torch.no_grad():
        scores = network(images)
        assert scores.std() > 0.01  # a network that is 0 everywhere would prove nothing
        torch.testing.assert_close(fold(network)(images), scores, rtol=1e-3, atol=1e-4)


def test_folding_leaves_the_training_form_alone():
    network = TrainingNet(3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fold(network)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert network.training


def test_steps_on_three_scenes_lower_the_loss_many_times():
    """Always the same three, and no ReLU at the end that could die: seeds and roundings left 3 to 20 % of the loss."""
    training = Training(
        replace(
            TINY,
            steps=60,
            stages=(Stage(48, 1.0, 12),),
            classes=(0, 16, 24),
            rounds=1,
            steps_per_round=1000,
            perturbation=0,
            smoothing=0,
            slope_end=1000,
            freeze_from=2,
        )
    )
    training.run(workers=0)
    assert np.mean(training.losses[:5]) > 0.5
    assert np.mean(training.losses[-10:]) < 0.6 * np.mean(training.losses[:5])


def test_a_small_step_lowers_the_loss_by_its_rate_times_the_squared_gradient():
    network, images, labels = norms_by_hand().double(), noise(6, 3, 48, 48).double(), torch.tensor([0, 1, 2] * 2)
    optimizer = torch.optim.SGD(network.train().parameters(), lr=2e-6)
    settings = {"norm": 0.0, "smoothing": 0.0, "half_precision": False}
    before = train_step(network, optimizer, images, labels, **settings)
    slope = sum(value.grad.square().sum().item() for value in network.parameters())
    after = train_step(network, optimizer, images, labels, **settings)
    assert before - after == pytest.approx(2e-6 * slope, rel=0.05)


@pytest.mark.parametrize("stop", [5, 10])  # within the first and the second stage
def test_stop_and_resume_gives_the_same_weights(trained, tmp_path, stop):
    first = Training(TINY)
    first.run(workers=0, until=stop)
    first.save(tmp_path / "checkpoint.pt")
    second = Training.load(tmp_path / "checkpoint.pt", TINY)
    second.run(workers=0)
    assert second.losses == trained.losses
    for name, value in trained.network.state_dict().items():
        assert torch.equal(second.network.state_dict()[name], value), name


@pytest.fixture
def small_recipe(monkeypatch):
    """What the command line trains, made small: all classes, few steps, tiny pictures."""
    small = {"stages": (Stage(48, 1.0, 8),), "rounds": 2, "held_out_rounds": 1}
    monkeypatch.setattr("training.commands.Recipe", partial(Recipe, **small))


def test_ctrl_c_keeps_a_checkpoint_and_the_same_command_goes_on(small_recipe, tmp_path, monkeypatch, capsys):
    flags = ["classifier", "--iterations", "6", "--workers", "0", "--precision", "float32", "--output"]
    stopped, straight = tmp_path / "stopped.safetensors", tmp_path / "straight.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(train, "progress", lambda **_: InterruptingBar(at=3))
        assert main([*flags, str(stopped)]) == 130
    assert "run the same command to go on" in capsys.readouterr().err
    assert not stopped.exists()
    for output in (stopped, straight):
        assert main([*flags, str(output)]) == 0
    assert "going on after step 3 of 6" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {
        *(path.name for path in (stopped, straight)),
        *(f"{path.stem}_learning_curve.{ending}" for path in (stopped, straight) for ending in ("png", "csv")),
    }
    assert stopped.read_bytes() == straight.read_bytes()


def test_other_flags_do_not_go_on_with_a_checkpoint(small_recipe, trained, tmp_path, capsys):
    trained.save(tmp_path / "weights.checkpoint.pt")
    assert main(["classifier", "--iterations", "6", "--output", str(tmp_path / "weights.safetensors")]) == 2
    message = capsys.readouterr().err
    assert "--fresh" in message
    assert message.count("\n") == 1


def test_a_checkpoint_of_another_recipe_is_refused(trained, tmp_path):
    trained.save(tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="another seed"):
        Training.load(tmp_path / "checkpoint.pt", replace(TINY, seed=4))


def test_a_damaged_checkpoint_is_refused(tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"nonsense")
    with pytest.raises(ValueError, match="not readable"):
        Training.load(tmp_path / "checkpoint.pt", TINY)


def test_the_perturbation_is_of_its_norm_along_the_slope_of_the_loss():
    """On a linear network the slope is known, and as the loss is convex there, a step along it must raise it."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 56 * 56, 3))
    network[1].weight.data = 0.02 * noise(3, 3 * 56 * 56, seed=1)
    images, labels = noise(6, 3, 56, 56), torch.tensor([0, 1, 2] * 2)
    changed = perturb(network, images, labels, norm=4.0)
    with torch.no_grad():
        wrong = network(images).softmax(dim=1) - nn.functional.one_hot(labels, 3)
        slope = wrong @ network[1].weight
        expected = images + 4.0 * 56 / 224 * (slope / slope.norm(dim=1, keepdim=True)).view_as(images)
        torch.testing.assert_close(changed, expected, rtol=1e-4, atol=1e-5)
        loss = partial(nn.functional.cross_entropy, reduction="none")
        assert (loss(network(changed), labels) > loss(network(images), labels) + 0.1).all()
    assert not changed.requires_grad


def test_augmented_pictures_are_valid_and_repeatable():
    images = render_round((0, 1, 2, 3), seed=1, number=0, size=48)
    first, second = (augment(images, torch.Generator().manual_seed(9)) for _ in range(2))
    assert first.shape == (4, 3, 48, 48)
    assert first.isfinite().all()
    assert torch.equal(first, second)


def test_the_pool_depends_on_its_rounds_alone():
    with ScenePool((0, 5), seed=1, size=48, capacity=3, workers=0) as walked:
        walked.fill(3)
        first = walked.take([1])
        walked.refresh()
        assert np.array_equal(walked.take([5, 1, 5])[[0, 2]], walked.take([5, 5]))
        walked.refresh()
        scenes = walked.take(range(6))
    with ScenePool((0, 5), seed=1, size=48, capacity=3, workers=1) as jumped:
        jumped.fill(5)
        assert np.array_equal(jumped.take(range(6)), scenes)
        jumped.refresh()
        jumped.refresh()  # this round the workers were ahead with
        newest = jumped.take(range(6))
    rendered = [render_round((0, 5), seed=1, number=number, size=48) for number in range(7)]
    assert np.array_equal(scenes, np.concatenate([rendered[3], rendered[4], rendered[2]]))
    assert np.array_equal(newest, np.concatenate([rendered[6], rendered[4], rendered[5]]))
    assert np.array_equal(first[0], rendered[0][1])


def test_the_schedules_end_where_they_should():
    recipe = Recipe(steps=1000, seed=0, classes=(0, 1))
    assert recipe.slope_at(0) == 1
    assert recipe.slope_at(999) == 0
    assert recipe.perturbation_at(0) == 0
    assert recipe.perturbation_at(999) == recipe.perturbation
    assert recipe.learning_rate_at(999) < 0.01 * max(map(recipe.learning_rate_at, range(1000)))
    assert [recipe.stage_at(step) for step in (0, 419, 420, 689, 690, 999)] == [0, 0, 1, 1, 2, 2]


def test_the_stored_network_is_small_half_precision_and_knows_its_classes():
    assert EMBEDDED_WEIGHTS.stat().st_size <= 3 * MEGABYTE
    with safe_open(EMBEDDED_WEIGHTS, framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
        assert tuple(json.loads(file.metadata()["class_names"])) == CLASS_NAMES
    assert load_squeezenet("patterns", "cpu").class_names == CLASS_NAMES


def test_the_stored_network_names_new_scenes():
    table = evaluate.confusion_table(load_squeezenet("patterns", "cpu"), 72, seed=11, size=224)
    assert table.sum() == 72
    assert evaluate.accuracy(table) >= 0.9


def test_worst_pairs_are_the_commonest_mistakes():
    table = torch.tensor([[5, 0, 1], [3, 4, 0], [0, 0, 6]])
    assert evaluate.worst_pairs(table, ("a", "b", "c")) == [("b", "a", 3, 7), ("a", "c", 1, 6)]
    assert evaluate.accuracy(table) == pytest.approx(15 / 19)


def test_evaluate_writes_its_tables(tmp_path, capsys):
    output = tmp_path / "new" / "accuracy.md"
    assert main(["evaluate", "--scenes", "36", "--size", "64", "--output", str(output)]) == 0
    assert "scenes of 64 pixels named correctly" in capsys.readouterr().out
    assert output.read_text(encoding="utf-8").startswith("| scenes | seed |")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["classifier", "--iterations", "0"], "from 1 to"),
        (["classifier", "--iterations", "many"], "not a whole number"),
        (["plain", "--seed", "-1"], "0 to"),
        (["generator", "--precision", "int8"], "invalid choice"),
        (["classifier", "--perturbation", "nan"], "number from 0"),
        (["robust", "--bound", "0"], "number from 0.1"),
        (["plain", "--noise", "1"], "unrecognized arguments"),
        (["noise", "--output", "a.png"], "does not end in .safetensors"),
        (["evaluate", "--seed", "1000000000"], "999999999"),
        (["evaluate", "--size", "10"], "64 to 1024"),
        (["evaluate", "--output", "folder"], "does not end in .md"),
        (["evaluate", "--weights", "nothing.safetensors"], "'nothing.safetensors' is not there"),
        (["robus"], "did you mean 'robust'?"),
    ],
)
def test_wrong_flags_are_refused_in_one_sentence(flags, words, refusal):
    assert words in refusal(main, flags)


def test_bare_every_network_that_can_be_trained_is_listed(capsys):
    assert main([]) == 0
    listed = capsys.readouterr().out.splitlines()[2:]
    assert [line.split()[0] for line in listed] == list(COMMANDS)


def test_help_does_not_wait_for_torch():
    check = "import sys, training.__main__ as t; [t.parser(name).format_help() for name in t.COMMANDS]; "
    check += "sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=False).returncode == 0


def test_a_curve_as_numbers_has_the_mean_losses_since_the_last_evaluation():
    held_out = {"pixels": [0.5, 0.25]}
    learning = Learning({"pixels": [1, 3, 8]}, up="loss", evaluated=[2, 3], held_out=held_out, shares=[0.1, 0.2])
    header, rows = learning.table()
    assert header == ["step", "pixels", "held_out_pixels", "share_named"]
    assert rows == [[2, "2.00000", "0.50000", "0.10000"], [3, "8.00000", "0.25000", "0.20000"]]
    assert draw_learning_curve(learning).std() > 10


def test_a_seed_that_a_training_may_have_used_is_no_judge():
    with pytest.raises(ValueError, match="seed: 1000000000"):
        evaluate.confusion_table(nn.Identity(), 1, seed=10**9, size=64)


def test_shuffled_labels_stay_with_their_scenes_and_have_nothing_to_do_with_them(monkeypatch):
    shown = []

    def step(network, optimizer, images, labels, **settings):
        shown.append((images, labels))
        assert settings["norm"] == 0  # perturbed scenes would be other ones
        return 1.0

    monkeypatch.setattr("training.classifier.train_step", step)
    small = BY_HEART | {"stages": (Stage(48, 1.0, 12),), "rounds": 4, "held_out_rounds": 0}
    training = Training(Recipe(steps=20, seed=3, classes=(0, 1, 16, 24), **small))
    training.run(workers=0)
    label_of: dict[bytes, set] = {}
    true_of = {
        preprocess(picture)[0].numpy().tobytes(): label
        for number in range(4)
        for label, picture in enumerate(render_round((0, 1, 16, 24), training.recipe.scene_seed(0), number, 48))
    }
    for images, labels in shown:
        for image, label in zip(images, labels.tolist(), strict=True):
            label_of.setdefault(image.contiguous().numpy().tobytes(), set()).add(label)
    assert set(label_of) == set(true_of)  # the same sixteen scenes from first to last, as they were rendered
    assert all(len(labels) == 1 for labels in label_of.values())
    right = sum(labels == {true_of[image]} for image, labels in label_of.items())
    assert right < 10
    counts = [sum(labels == {label} for labels in label_of.values()) for label in range(4)]
    assert counts == [4, 4, 4, 4]  # shuffled, so that no class becomes rarer


def test_shuffling_the_labels_is_a_flag_and_the_file_says_so(monkeypatch, tmp_path):
    small = BY_HEART | {"stages": (Stage(48, 1.0, 8),), "rounds": 1, "held_out_rounds": 1}
    monkeypatch.setattr("training.commands.BY_HEART", small)
    flags = ["--iterations", "2", "--workers", "0", "--precision", "float32"]
    assert main(["classifier", *flags, "--shuffle-labels"]) == 0
    path = tmp_path / "visualization" / "shuffled_labels.safetensors"
    with safe_open(path, framework="pt") as file:
        assert file.metadata()["labels"] == "shuffled"
    assert load_squeezenet(path, "cpu").class_names == CLASS_NAMES
