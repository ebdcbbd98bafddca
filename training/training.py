"""A training from first to last step: its recipe, its checkpoint, and going on from there.

Everything random comes from the recipe's seed, and the state of a training is (weights, optimiser, step,
generator), all of it in the checkpoint: a training that was stopped and resumed ends in the same weights as
one that was not.
"""

import io
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import UsageError, WorkError
from core.files import write_whole
from core.images import preprocess
from patterns.scenes import CLASS_NAMES
from training.evaluate import HIGHEST_SEED
from training.learning import TrainingNet, as_shipped, augment, freeze_statistics, shipped_state, train_step
from training.pool import Backgrounds, ScenePool, render_round

STAGES_PER_SEED = 16  # room for the stages' scene seeds
HELD_OUT_SEED = 424_242  # scenes for the learning curve only; the final figure uses other ones


@dataclass(frozen=True)
class Stage:
    """Part of a training: scenes rendered at this side, for this share of all steps.

    Every third batch is scaled down to one of the sides in `scaled_to`, drawn at random: the network does not
    carry over to another scale by itself.
    """

    size: int
    share: float
    batch: int
    scaled_to: tuple[int, ...] = ()


STAGES = (Stage(96, 0.42, 64), Stage(144, 0.27, 64), Stage(224, 0.31, 32, (112, 160)))
# The second sanity check of Adebayo et al. (2018) needs a network that learned labels without meaning. It can only
# learn them by heart: few scenes, always the same, not augmented, not perturbed.
BY_HEART = {
    "stages": (Stage(112, 1.0, 48),),
    "rounds": 6,
    "steps_per_round": 10**9,
    "perturbation": 0.0,
    "smoothing": 0.0,
    "held_out_rounds": 2,
    "shuffled_labels": True,
}


@dataclass(frozen=True)
class Recipe:
    """All that decides what a training ends in (with the machine's arithmetic)."""

    steps: int
    seed: int
    classes: tuple[int, ...]
    stages: tuple[Stage, ...] = STAGES
    learning_rate: float = 3e-3  # the highest; AdamW
    weight_decay: float = 0.05
    smoothing: float = 0.05  # of the labels
    perturbation: float = 8.0  # see `learning.perturb`; on half of each batch
    perturbation_ramp: float = 0.5  # share of the steps in which it grows from 0
    warm_up: float = 0.05  # share of the steps in which the learning rate rises
    slope_end: float = 0.4  # share of the steps after which the last ReLU is the plain one
    freeze_from: float = 0.96  # share of the steps after which the BatchNorms' statistics stay
    rounds: int = 144  # scenes of each class in the pool
    steps_per_round: int = 2  # one new scene of each class every so many steps
    evaluate_every: int = 500
    held_out_rounds: int = 14  # held-out scenes of each class for the learning curve
    half_precision: bool = True  # bfloat16 arithmetic where torch deems it safe
    backgrounds: Backgrounds | None = None  # drawn without knowing the class, if None
    shuffled_labels: bool = False  # the scenes of the pool get each other's labels, and stay as they are

    def first_steps(self) -> list[int]:
        """The step at which each stage begins, and the number of steps."""
        shares = [sum(stage.share for stage in self.stages[:index]) for index in range(len(self.stages))]
        return [*(round(self.steps * share) for share in shares), self.steps]

    def stage_at(self, step: int) -> int:
        """The number of the stage that a step belongs to."""
        return max(index for index, first in enumerate(self.first_steps()[:-1]) if first <= step)

    def learning_rate_at(self, step: int) -> float:
        """A straight rise, then half a cosine down to nearly 0."""
        done, rise = (step + 1) / self.steps, self.warm_up
        if done < rise:
            return self.learning_rate * done / rise
        return self.learning_rate * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * (done - rise) / (1 - rise))))

    def scene_seed(self, stage: int) -> int:
        """The seed of a stage's scenes, which no other stage, training or evaluation uses."""
        return HIGHEST_SEED + 1 + self.seed * STAGES_PER_SEED + stage

    def slope_at(self, step: int) -> float:
        """Slope of the last ReLU below zero: 1 at first, 0 from `slope_end` on."""
        return max(0.0, 1 - step / (self.steps * self.slope_end)) if self.slope_end else 0.0

    def perturbation_at(self, step: int) -> float:
        """The norm of the perturbations: from 0 to its full size, then constant."""
        return self.perturbation * min(1.0, step / max(1.0, self.steps * self.perturbation_ramp))


class Training:
    """The state of a training. `run` goes on from where it is; `save` and `load` keep it."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self.generator = torch.Generator().manual_seed(recipe.seed)
        with torch.random.fork_rng(devices=[]):  # the initial weights come from torch's own generator
            torch.manual_seed(recipe.seed)
            self.network = TrainingNet(len(recipe.classes)).to(memory_format=torch.channels_last)
        decayed = [value for value in self.network.parameters() if value.dim() > 1]
        others = [value for value in self.network.parameters() if value.dim() == 1]
        groups = [{"params": decayed, "weight_decay": recipe.weight_decay}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.99))
        self.step = 0
        self.seconds = 0.0  # of training so far, over all runs
        self.losses: list[float] = []  # one a step
        self.accuracies: list[tuple[int, float]] = []  # (steps done, held-out accuracy as shipped)

    def run(
        self,
        *,
        workers: int = 1,
        until: int | None = None,
        after_step: Callable[["Training"], None] = lambda _: None,
    ) -> None:
        """Take the steps up to `until` (all of them if None). `after_step` sees the training after each one."""
        until = self.recipe.steps if until is None else until
        held_out = self._held_out() if self.recipe.held_out_rounds else None
        while self.step < until:
            stage = self.recipe.stage_at(self.step)
            with self._pool(stage, workers) as pool:
                # What it holds follows from the step, so a resumed training finds the same scenes.
                pool.fill(self.recipe.rounds + self._steps_in(stage) // self.recipe.steps_per_round)
                end = min(until, self.recipe.first_steps()[stage + 1])
                while self.step < end:
                    began = time.perf_counter()
                    self._train_one(pool, stage)
                    if held_out is not None and self._time_to_evaluate():
                        self.accuracies.append((self.step, self._accuracy(*held_out)))
                    self.seconds += time.perf_counter() - began
                    after_step(self)

    def _train_one(self, pool: ScenePool, stage: int) -> None:
        recipe = self.recipe
        if (self._steps_in(stage) + 1) % recipe.steps_per_round == 0:
            pool.refresh()
        chosen = torch.randint(len(pool.labels), (recipe.stages[stage].batch,), generator=self.generator).numpy()
        if recipe.shuffled_labels:
            images, labels = preprocess(pool.images[chosen]), self._shuffled(pool.labels)[chosen]
        else:
            images = self._scale(augment(pool.images[chosen], self.generator), recipe.stages[stage].scaled_to)
            labels = pool.labels[chosen]
        self.network.train().slope = recipe.slope_at(self.step)
        if self.step >= recipe.steps * recipe.freeze_from:
            freeze_statistics(self.network)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(self.step)
        loss = self._learn(images, torch.from_numpy(labels))
        if not math.isfinite(loss):
            raise WorkError(f"training: the loss at step {self.step} is not finite; use a smaller --learning-rate")
        self.losses.append(loss)
        self.step += 1

    def _learn(self, images: Tensor, labels: Tensor) -> float:
        """One step of the optimiser; the loss."""
        recipe = self.recipe
        return train_step(
            self.network,
            self.optimizer,
            images,
            labels,
            norm=recipe.perturbation_at(self.step),
            smoothing=recipe.smoothing,
            half_precision=recipe.half_precision,
        )

    def _shuffled(self, labels: np.ndarray) -> np.ndarray:
        """The pool's labels in an order that follows from the seed alone, so that each scene keeps its one."""
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(self.recipe.seed))
        return labels[order.numpy()]

    def _scale(self, images: Tensor, sides: tuple[int, ...]) -> Tensor:
        if not sides or self.step % 3:
            return images
        side = sides[torch.randint(len(sides), (1,), generator=self.generator).item()]
        scaled = F.interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)
        return scaled.contiguous(memory_format=torch.channels_last)

    def _pool(self, stage: int, workers: int) -> ScenePool:
        """The stage's pool of scenes, empty."""
        recipe = self.recipe
        return ScenePool(
            recipe.classes,
            seed=recipe.scene_seed(stage),
            size=recipe.stages[stage].size,
            capacity=recipe.rounds,
            workers=workers,
            backgrounds=recipe.backgrounds,
        )

    def _steps_in(self, stage: int) -> int:
        return self.step - self.recipe.first_steps()[stage]

    def _held_out(self) -> tuple[Tensor, Tensor]:
        """Pictures (N, 3, H, W) of the last stage's side, normalised, and their labels (N,)."""
        recipe, size = self.recipe, self.recipe.stages[-1].size
        rounds = range(recipe.held_out_rounds)
        settings = {"size": size, "backgrounds": recipe.backgrounds}
        pictures = [picture for n in rounds for picture in render_round(recipe.classes, HELD_OUT_SEED, n, **settings)]
        return preprocess(pictures), torch.arange(len(recipe.classes)).repeat(len(rounds))

    def _time_to_evaluate(self) -> bool:
        return self.step % self.recipe.evaluate_every == 0 or self.step == self.recipe.steps

    def _accuracy(self, images: Tensor, labels: Tensor) -> float:
        model = as_shipped(self.network)
        with torch.no_grad():
            named = torch.cat([model(chunk).argmax(dim=1) for chunk in images.split(36)])
        return (named == labels).float().mean().item()

    def news(self) -> str:
        """What the last step brought to tell: the line of an evaluation, mostly nothing."""
        if not self.accuracies or self.accuracies[-1][0] != self.step:
            return ""
        recent = self.losses[-self.recipe.evaluate_every :]
        return f"loss {sum(recent) / len(recent):.3f}, held-out accuracy {self.accuracies[-1][1]:.1%}"

    def shipped(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """What is stored: the folded weights in half precision, and what they say of themselves."""
        recipe = self.recipe
        return shipped_state(self.network), {
            "class_names": json.dumps([CLASS_NAMES[label] for label in recipe.classes]),
            "architecture": "torchvision squeezenet1_1",
            "data": "procedural scenes rendered by patterns.scenes",
            "steps": str(recipe.steps),
            "seed": str(recipe.seed),
            "labels": "shuffled" if recipe.shuffled_labels else "true",
            "stages": json.dumps([asdict(stage) for stage in recipe.stages]),
            "backgrounds": json.dumps(recipe.backgrounds),  # null: drawn without knowing the class
            "learning_rate": str(recipe.learning_rate),
            "perturbation": str(recipe.perturbation),
            "licence": "MIT",
        }

    def save(self, path: Path) -> None:
        """Write the checkpoint, whole or not at all."""
        save_checkpoint(path, self)

    @classmethod
    def load(cls, path: Path, recipe: Recipe) -> "Training":
        """The training that `save` wrote. Raises UsageError if it followed another recipe."""
        training = cls(recipe)
        load_checkpoint(path, training)
        return training


KEPT = ("step", "seconds", "losses", "accuracies")  # of a training, besides what has a state of its own


def save_checkpoint(path: Path, training, kept: Sequence[str] = KEPT) -> None:
    """Write a training beside its place, then rename: a kill leaves the old or the new file."""
    data = io.BytesIO()
    state = {
        "recipe": asdict(training.recipe),
        "network": training.network.state_dict(),
        "optimizer": training.optimizer.state_dict(),
        "generator": training.generator.get_state(),
    }
    torch.save(state | {name: getattr(training, name) for name in kept}, data)
    write_whole(path, data.getvalue())


def load_checkpoint(path: Path, training, kept: Sequence[str] = KEPT) -> None:
    """Go on from what `save_checkpoint` wrote. Raises UsageError if that training followed another recipe."""
    try:
        state = torch.load(path, weights_only=True)
        saved = state["recipe"]
    except Exception:  # zipfile, pickle and torch raise a dozen kinds for a bad file
        raise UsageError(f"checkpoint: '{path}' is not readable; delete it, or pass --fresh") from None
    wanted = asdict(training.recipe)
    for name in wanted:
        if _plain(saved.get(name)) != _plain(wanted[name]):
            raise UsageError(
                f"checkpoint: '{path}' belongs to a training with another {name.replace('_', ' ')}; "
                "give the same flags to go on with it, or --fresh to start anew"
            )
    training.network.load_state_dict(state["network"])
    training.optimizer.load_state_dict(state["optimizer"])
    training.generator.set_state(state["generator"])
    for name in kept:
        setattr(training, name, state[name])


def _plain(value):
    """Lists for tuples, so that what was stored compares equal to what is asked for."""
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
