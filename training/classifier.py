"""How a classifier learns the scenes, from first to last step: its state.

Everything random comes from the recipe's seed, and the state of a training is (weights, optimiser, step,
generator), all of it in the checkpoint: a training that was stopped and resumed ends in the same weights, to the
bit, as one that was not.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import WorkError
from core.images import preprocess
from drawing.curves import Learning
from patterns.scenes import CLASS_NAMES
from training.checkpoints import Resumable
from training.learning import TrainingNet, as_shipped, augment, freeze_statistics, shipped_state, train_step
from training.pool import ScenePool, render_round
from training.recipe import Recipe
from training.seeds import HELD_OUT_SEED


class Training(Resumable):
    """The state of a training. `run` goes on from where it is; `save` and `load` keep it."""

    loss = "loss, half of each batch perturbed"  # what the learning curve shows

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
        while self.step < until:
            stage = self.recipe.stage_at(self.step)
            with self._pool(stage, workers) as pool:
                # What it holds follows from the step, so a resumed training finds the same scenes.
                pool.fill(self.recipe.rounds + self._steps_in(stage) // self.recipe.steps_per_round)
                end = min(until, self.recipe.first_steps()[stage + 1])
                while self.step < end:
                    began = time.perf_counter()
                    self.train_one(pool, stage)
                    if self.recipe.held_out_rounds and self._time_to_evaluate():
                        self.accuracies.append((self.step, self._accuracy(*self._held_out)))
                    self.seconds += time.perf_counter() - began
                    after_step(self)

    def train_one(self, pool: ScenePool, stage: int) -> None:
        recipe = self.recipe
        if (self._steps_in(stage) + 1) % recipe.steps_per_round == 0:
            pool.refresh()
        chosen = torch.randint(len(pool.labels), (recipe.stages[stage].batch,), generator=self.generator).numpy()
        pictures = pool.take(chosen)
        if recipe.shuffled_labels:
            images, labels = preprocess(pictures), self._shuffled(pool.labels)[chosen]
        else:
            images = self._scale(augment(pictures, self.generator), recipe.stages[stage].scaled_to)
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

    @cached_property  # rendered when first needed, so that the first step need not wait for it
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
        }

    def closing(self) -> str:
        """What it ended in."""
        return f"{self.accuracies[-1][1]:.1%} of the held-out scenes named correctly"

    def curve(self) -> Learning:
        """The loss and the held-out accuracy against steps, and where each stage began."""
        recipe = self.recipe
        stages = zip(recipe.first_steps(), recipe.stages, strict=False)
        return Learning(
            {"loss": self.losses},
            up=self.loss,
            evaluated=[step for step, _ in self.accuracies],
            shares=[share for _, share in self.accuracies],
            right=f"held-out accuracy at {recipe.stages[-1].size} px, as stored",
            marks=[(first, f"{stage.size} px") for first, stage in stages],
        )
