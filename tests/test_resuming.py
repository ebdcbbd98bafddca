"""A training that is stopped or killed: what it leaves, how soon, and that it ends as one that was not stopped."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from conftest import InterruptingBar, noise, random_squeezenet
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from core.defaults import ROOT
from core.errors import WorkError
from core.generator import code_sources
from training import pool, train
from training.biased import make_pair, make_recipe
from training.checkpoints import Resumable, write_network
from training.classifier import Training
from training.generator import GeneratorRecipe, GeneratorTraining
from training.pool import ScenePool
from training.recipe import BY_HEART, Recipe, Stage
from training.robust import RobustRecipe, RobustTraining
from training.squares import Squares
from training.styles import PaintingRecipe, PaintingTraining
from training.train import Stopped, finish

STEPS = 6
SMALL = {"steps": STEPS, "seed": 3, "rounds": 4, "steps_per_round": 2, "evaluate_every": 2, "held_out_rounds": 1}
CLASSES = (0, 1, 16)
PAIR = make_pair((0, 16), ("clouds", "horizon"))
STAGES = (Stage(48, 0.5, 6), Stage(56, 0.5, 6, (48,)))


class Kind(NamedTuple):
    """A kind of training: how to make it, and how to run it with so many worker processes."""

    make: Callable[[], Resumable]
    run: Callable[..., None] = lambda training, workers, after_step, _: training.run(
        workers=workers, after_step=after_step
    )


def on_scenes(kind: type, recipe: type, **settings: object) -> Kind:
    return Kind(lambda: kind(recipe(classes=CLASSES, **(SMALL | {"stages": STAGES} | settings))))


def painting() -> PaintingTraining:
    small = {"side": 64, "style_size": 64, "widths": (4, 6, 8), "blocks": 1, "batch": 3, "evaluate_every": 2}
    recipe = PaintingRecipe(("a", "b"), "random", "data", steps=STEPS, **small)
    return PaintingTraining(recipe, random_squeezenet(), [noise(1, 3, 64, 80, seed=seed) for seed in (1, 2)])


def paint(training: PaintingTraining, _workers: int, after_step: Callable, asked: Callable) -> None:
    whole = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 200, 3), dtype=np.uint8))
    squares = Squares([lambda: whole], 64, scenes=True, seed=0)
    training.run(squares, noise(1, 3, 64, 64), asked_to_stop=asked, after_step=after_step)


def make_generator() -> GeneratorTraining:
    small = {"widths": (8, 8, 8, 8), "components": 7, "batch": 2, "cut": 96, "rounds": 2}
    return GeneratorTraining(GeneratorRecipe(classes=CLASSES[:2], **(SMALL | small)))


KINDS = {
    "classifier": on_scenes(Training, Recipe),
    "shuffled labels": on_scenes(Training, Recipe, **(BY_HEART | {"stages": (Stage(48, 1.0, 6),)})),
    "robust": on_scenes(RobustTraining, RobustRecipe, linf=0.02, inner_steps=2),
    "noise": on_scenes(RobustTraining, RobustRecipe, noise=0.1),
    "plain": on_scenes(RobustTraining, RobustRecipe),
    "biased": Kind(
        lambda: Training(make_recipe(make_pair((0, 16), ("clouds", "horizon")), "biased", steps=6, size=48))
    ),
    "generator": Kind(make_generator),
    "styles": Kind(painting, paint),
}


class Bar(InterruptingBar):
    def write(self, line: str) -> None:
        pass


def go_on(kind: str, output: Path, *, workers: int = 0, fresh: bool = False) -> Resumable:
    """Train, from the checkpoint if there is one."""
    training = KINDS[kind].make()
    finish(training, output, lambda *given: KINDS[kind].run(training, workers, *given), fresh=fresh)
    return training


def stop_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """Let the next training be asked to stop in this step."""
    patch.setattr(train, "progress", lambda **_: Bar(at=step))


@pytest.mark.parametrize("kind", KINDS)
def test_stopped_or_ended_within_a_step_it_ends_as_one_that_was_not_to_the_bit(kind, tmp_path, monkeypatch, capsys):
    straight, stopped = tmp_path / "straight.safetensors", tmp_path / "stopped.safetensors"
    whole = go_on(kind, straight)
    with monkeypatch.context() as patch:
        stop_at(2 if kind == "styles" else 3, patch)  # several processes agree to stop in the step that follows
        with pytest.raises(Stopped):
            go_on(kind, stopped)
    assert "stopped.checkpoint.pt, which has 3 of 6 steps" in capsys.readouterr().err
    assert [path.name for path in tmp_path.glob("*stopped*")] == ["stopped.checkpoint.pt"]
    with monkeypatch.context() as patch:  # within the fifth step, after the batch was drawn; kept was the fourth
        patch.setattr(train, "SECONDS_BETWEEN_CHECKPOINTS", 0)
        patch.setattr(train, "LEAST_RATIO", 0)
        taken = []

        def ending(step):
            def end(self, *arguments):
                taken.append(1)
                if len(taken) == 2:
                    raise RuntimeError("ended")
                return step(self, *arguments)

            return end

        # In older versions of torch AdamW has a step of its own.
        for optimiser, step in [(each, each.step) for each in (torch.optim.Adam, torch.optim.AdamW)]:
            patch.setattr(optimiser, "step", ending(step))
        with pytest.raises(RuntimeError, match="ended"):
            go_on(kind, stopped)
    capsys.readouterr()
    resumed = go_on(kind, stopped)
    assert "going on after step 4 of 6" in capsys.readouterr().out
    assert stopped.read_bytes() == straight.read_bytes()
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert {name: getattr(resumed, name) for name in whole.kept if name != "seconds"} == {
        name: getattr(whole, name) for name in whole.kept if name != "seconds"
    }
    assert sorted(path.name for path in tmp_path.iterdir()) == ["stopped.safetensors", "straight.safetensors"]


@pytest.mark.parametrize("kind", ["classifier", "generator"])
def test_it_does_so_with_worker_processes_too_and_their_number_changes_nothing(kind, tmp_path, monkeypatch):
    straight, stopped = tmp_path / "straight.safetensors", tmp_path / "stopped.safetensors"
    go_on(kind, straight)
    with monkeypatch.context() as patch:
        stop_at(3, patch)
        with pytest.raises(Stopped):
            go_on(kind, stopped, workers=2)
    go_on(kind, stopped, workers=1)
    assert stopped.read_bytes() == straight.read_bytes()


def test_a_generator_stopped_before_its_first_step_keeps_what_is_prepared(tmp_path, monkeypatch, capsys):
    calls, plain = [], code_sources

    def counted(features, images):
        calls.append(len(images))
        if len(calls) == stop:
            signal.raise_signal(signal.SIGINT)
        return plain(features, images)

    monkeypatch.setattr("training.generator.code_sources", counted)
    stop = None
    go_on("generator", tmp_path / "straight.safetensors")
    straight, stop = list(calls), 2
    calls.clear()
    with pytest.raises(Stopped):
        go_on("generator", tmp_path / "stopped.safetensors")
    assert "which has 0 of 6 steps" in capsys.readouterr().err
    assert len(calls) == 2
    go_on("generator", tmp_path / "stopped.safetensors")
    assert calls == straight  # nothing was done twice
    assert (tmp_path / "stopped.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()


@pytest.mark.parametrize(
    ("kind", "before"), [("classifier", 64), ("robust", 64), ("biased", 32), ("generator", 32 + 16)]
)
def test_the_first_checkpoint_waits_for_one_batch_of_scenes_and_no_more(kind, before, tmp_path, monkeypatch):
    """A pool of thousands and the held-out scenes took longer than a minute where other work was on the machine."""
    classes = tuple(range(36))
    made = {
        "classifier": lambda: Training(Recipe(steps=4500, seed=0, classes=classes)),
        "robust": lambda: RobustTraining(RobustRecipe(steps=2000, seed=0, classes=classes, linf=4 / 255)),
        "biased": lambda: Training(make_recipe(PAIR, "biased")),
        "generator": lambda: GeneratorTraining(GeneratorRecipe(steps=800, seed=0, classes=classes)),
    }
    rendered = []

    def render(label, seed, number, size, background):
        rendered.append(number)
        return np.full((size, size, 3), label * 7 % 256, np.uint8)

    def saved(training, path):
        assert training.step == 1
        assert len(rendered) <= before
        raise KeyboardInterrupt

    monkeypatch.setattr(pool, "render_scene", render)
    monkeypatch.setattr(Resumable, "save", saved)
    for module in ("classifier", "robust"):
        monkeypatch.setattr(f"training.{module}.train_step", lambda *_, **__: 1.0)
    monkeypatch.setattr("training.generator.WHITENED", 32)
    monkeypatch.setitem(KINDS, kind, Kind(made[kind]))
    with pytest.raises(Stopped):
        go_on(kind, tmp_path / "a.safetensors")


def test_checkpoints_take_little_of_the_time(tmp_path, monkeypatch):
    now, kept = [0.0], []
    training = KINDS["plain"].make()
    monkeypatch.setattr(train.time, "monotonic", lambda: now[0])
    checkpoint = train.Checkpoint(tmp_path / "a.checkpoint.pt")

    def save(self, path):
        kept.append(now[0])
        now[0] += cost

    monkeypatch.setattr(Resumable, "save", save)
    for cost, seconds in ((0.1, 20), (2, 100)):  # from one to the next
        kept.clear()
        checkpoint.keep(training, now=True)
        for _ in range(600):
            now[0] += 1
            checkpoint.keep(training)
        assert np.diff(kept) == pytest.approx(seconds + cost, abs=1)


def test_equal_networks_are_equal_files_that_any_reader_reads(tmp_path):
    state = {"b.weight": noise(3, 5), "a": noise(7).half(), "c": torch.tensor(3)}
    facts = {name: f'{name} \u00fc\u4e2d"' for name in "hgfedcba"}
    written = {write_network(tmp_path / f"{k}.safetensors", state, facts).read_bytes() for k in range(8)}
    assert len(written) == 1
    for name, value in load_file(tmp_path / "0.safetensors").items():
        assert torch.equal(value, state[name])
        assert value.dtype == state[name].dtype
    with safe_open(tmp_path / "0.safetensors", framework="pt") as file:
        assert file.metadata().items() >= (facts | {"licence": "MIT"}).items()


def test_what_makes_numbers_round_differently_is_said(tmp_path, monkeypatch, capsys):
    output = tmp_path / "a.safetensors"
    with monkeypatch.context() as patch:
        stop_at(2, patch)
        patch.setattr(torch, "get_num_threads", lambda: 7)
        with pytest.raises(Stopped):
            go_on("plain", output)
    go_on("plain", output)
    assert f"not stopped: threads 7, now {torch.get_num_threads()}\n" in capsys.readouterr().out


def test_started_anew_it_does_not_promise_to_go_on_from_the_checkpoint_of_another(tmp_path, monkeypatch, capsys):
    (tmp_path / "a.checkpoint.pt").write_bytes(b"of another")
    monkeypatch.setattr(Training, "train_one", lambda *_: [signal.raise_signal(signal.SIGINT) for _ in range(2)])
    with pytest.raises(Stopped):
        go_on("plain", tmp_path / "a.safetensors", fresh=True)
    assert "stopped; nothing of this training was written yet" in capsys.readouterr().err


def test_the_last_step_asked_to_stop_is_kept_like_any_other(tmp_path, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        stop_at(STEPS, patch)
        with pytest.raises(Stopped):
            go_on("plain", tmp_path / "a.safetensors")
    go_on("plain", tmp_path / "a.safetensors")
    assert "going on after step 6 of 6" in capsys.readouterr().out
    go_on("plain", tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_worker_works_on_after_sigterm_and_one_that_was_killed_is_named():
    with ScenePool((0, 1), seed=1, size=48, capacity=30, workers=1) as scenes:
        scenes.fill(30)
        scenes.take([0])
        (worker,) = multiprocessing.active_children()
        worker.terminate()
        scenes.take(range(30))
        worker.kill()
        with pytest.raises(WorkError, match="workers: a process that renders scenes was ended"):
            scenes.take(range(60))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_real_kills_end_in_the_same_file(number, tmp_path):
    code = (
        "import sys, torch; from pathlib import Path; from dataclasses import replace; from training import train; "
        "from training.recipe import Recipe, Stage; torch.set_num_threads(1); train.SECONDS_BETWEEN_CHECKPOINTS = 0.3; "
        "r = Recipe(steps=40, seed=3, classes=(0, 1, 16), stages=(Stage(64, 0.5, 12), Stage(72, 0.5, 12)), "
        "held_out_rounds=1, evaluate_every=9)\n"
        "if __name__ == '__main__': train.train_to_file(r, Path(sys.argv[1]), workers=1)"
    )
    (tmp_path / "start.py").write_text(code)
    straight, killed = tmp_path / "straight.safetensors", tmp_path / "killed.safetensors"

    def start(output: Path) -> subprocess.Popen:
        words = [sys.executable, str(tmp_path / "start.py"), str(output)]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(words, cwd=ROOT, env=environment, start_new_session=True)

    assert start(straight).wait(120) == 0
    checkpoint = killed.with_suffix(".checkpoint.pt")
    kills = 0
    while (process := start(killed)).poll() is None and kills < 2:
        before = checkpoint.stat().st_mtime_ns if checkpoint.exists() else 0
        while process.poll() is None and not (checkpoint.exists() and checkpoint.stat().st_mtime_ns != before):
            time.sleep(0.01)
        time.sleep(0.05 * kills)
        if process.poll() is None:
            # SIGKILL reaches the trainer alone, whose workers must leave by themselves; the others reach all.
            os.kill(process.pid, number) if number == signal.SIGKILL else os.killpg(process.pid, number)
        process.wait(60)
        kills += 1
    assert process.wait(120) == 0
    assert kills == 2
    assert killed.read_bytes() == straight.read_bytes()
    assert {path.suffix for path in tmp_path.iterdir()} == {".py", ".safetensors"}


def as_one_of_two(rank: int, folder: str) -> None:
    """A process of two that train in styles: not stopped, stopped and gone on with, and without the other's folder."""
    torch.set_num_threads(1)
    address = {"init_method": f"file://{folder}/meeting", "rank": rank, "world_size": 2}
    torch.distributed.init_process_group("gloo", **address)
    output = Path(folder) / "stopped.safetensors"
    go_on("styles", Path(folder) / "straight.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        stop_at(2, patch)
        with pytest.raises(Stopped):
            go_on("styles", output)
    elsewhere = Path(folder) / "elsewhere" / "stopped.safetensors"
    with pytest.raises(WorkError, match="stand after steps 3, 0; let all of them see one --output"):
        go_on("styles", elsewhere if rank else output)
    go_on("styles", output)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_resume_to_the_bit_and_notice_that_one_has_no_checkpoint(tmp_path):
    torch.multiprocessing.spawn(as_one_of_two, (str(tmp_path),), nprocs=2)
    assert (tmp_path / "stopped.safetensors").read_bytes() == (tmp_path / "straight.safetensors").read_bytes()
