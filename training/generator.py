"""How the generator learns to draw scenes from their codes: its recipe, one training step, its state.

    loss = mean |G(code) - scene| + weight * sum over layers ||F_l(G(code)) - F_l(scene)||^2 / ||F_l(scene)||^2

F_l: what layer l of the embedded network, which stays as it is, gives for a square cut out of the picture. The first
term alone would draw a blurred mean of all scenes with about this code; the second asks for edges and textures that the
network takes for the scene's own (Dosovitskiy and Brox, 2016; without their discriminator). The codes are made a little
noisy, since an ascent will ask for codes that no scene has.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.activations import sequence_features
from core.errors import WorkError
from core.generator import COMPONENTS, LAYER, SIZE, WIDTHS, Generator, code_sources
from core.images import preprocess
from core.squeezenet import load_squeezenet
from drawing.curves import Learning
from training.checkpoints import Resumable, halved
from training.learning import augment
from training.pool import ScenePool, render_round
from training.seeds import GENERATOR_SEED, HELD_OUT_SEED

LEARNING_RATE = 2e-3
WHITENED = 576  # scenes that say what the codes' mean and variance are


@dataclass(frozen=True)
class GeneratorRecipe:
    """All that decides what the training of a generator ends in (with the machine's arithmetic)."""

    steps: int
    seed: int
    classes: tuple[int, ...]
    widths: tuple[int, ...] = WIDTHS
    components: int = COMPONENTS
    batch: int = 16
    learning_rate: float = LEARNING_RATE  # the highest; Adam
    warm_up: float = 0.05  # share of the steps in which the learning rate rises
    code_noise: float = 0.2  # standard deviation; a code's own is 1
    layers: tuple[int, ...] = (2, 5, 8, 12)  # of `features`, that the picture is to agree in
    feature_weight: float = 1.0
    cut: int = 112  # side of the square that the features are compared in
    rounds: int = 48  # scenes of each class in the pool
    steps_per_round: int = 16  # one new scene of each class every so many steps
    evaluate_every: int = 200
    held_out_rounds: int = 2  # held-out scenes of each class for the learning curve
    half_precision: bool = True  # bfloat16 arithmetic where torch deems it safe

    def learning_rate_at(self, step: int) -> float:
        """A straight rise, then half a cosine down to nearly 0."""
        done = (step + 1) / self.steps
        if done < self.warm_up:
            return self.learning_rate * done / self.warm_up
        fallen = (done - self.warm_up) / (1 - self.warm_up)
        return self.learning_rate * (0.001 + 0.999 * 0.5 * (1 + math.cos(math.pi * fallen)))


class GeneratorTraining(Resumable):
    """The state of a generator's training. `run` goes on from where it is; `save` and `load` keep it."""

    kept: ClassVar[tuple[str, ...]] = (*Resumable.kept, "sources")
    widths: ClassVar[dict[str, int]] = {"losses": 2, "accuracies": 2}

    def __init__(self, recipe: GeneratorRecipe) -> None:
        self.recipe = recipe
        self.encoder = load_squeezenet("patterns", "cpu")
        self.generator = torch.Generator().manual_seed(recipe.seed)
        with torch.random.fork_rng(devices=[]):  # the initial weights come from torch's own generator
            torch.manual_seed(recipe.seed)
            self.network = Generator(recipe.components, recipe.widths).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate, betas=(0.9, 0.99))
        self.step = 0
        self.seconds = 0.0  # of training so far, over all runs
        self.losses: list[tuple[float, float]] = []  # one a step: of the pixels, of the features
        self.accuracies: list[tuple[int, float]] = []  # (steps done, held-out scenes named from their reconstruction)
        self.sources: list[Tensor] = []  # before the first step: what the codes are to be fitted to, batch by batch

    def kept_misfit(self, state: dict[str, Any]) -> str:
        """What is wrong with what was prepared before the first step, in words; or nothing."""
        shape = (self.network.components.shape[1], *self.network.centre.shape[1:])  # (515, 13, 13)
        sources = state["sources"] if isinstance(state["sources"], list) else [None]
        for each in sources:
            fits = isinstance(each, Tensor) and each.dtype == torch.float32 and each.shape[1:] == shape
            if not fits or state["step"] or not 0 < len(each) <= self.recipe.batch or not each.isfinite().all():
                return "holds prepared scenes that are damaged"
        return ""

    def run(
        self,
        *,
        workers: int = 1,
        until: int | None = None,
        after_step: Callable[["GeneratorTraining"], None] = lambda _: None,
    ) -> None:
        """Take the steps up to `until` (all of them if None).

        `after_step` sees the training after each one, and before the first step whenever a part of it is prepared.
        """
        recipe = self.recipe
        until = recipe.steps if until is None else until
        seed = GENERATOR_SEED + recipe.seed
        settings = {"seed": seed, "size": SIZE, "capacity": recipe.rounds, "workers": workers}
        with ScenePool(recipe.classes, **settings) as pool:
            # What it holds follows from the step, so a resumed training finds the same scenes.
            pool.fill(recipe.rounds + self.step // recipe.steps_per_round)
            if self.step == 0:
                self._fit_codes(pool, after_step)
            while self.step < until:
                began = time.perf_counter()
                self.train_one(pool)
                if recipe.held_out_rounds and self._time_to_evaluate():
                    self.accuracies.append((self.step, self._accuracy(*self._held_out)))
                self.seconds += time.perf_counter() - began
                after_step(self)

    def _fit_codes(self, pool: ScenePool, after_part: Callable[["GeneratorTraining"], None]) -> None:
        """Make the codes of the first scenes white: twenty seconds of work, so what is done of it is kept, too."""
        count, batch = min(WHITENED, len(pool.labels)), self.recipe.batch
        for start in range(len(self.sources) * batch, count, batch):
            self.sources.append(self._sources(pool.take(range(start, min(start + batch, count)))))
            after_part(self)
        self.network.fit_codes(torch.cat(self.sources))
        self.sources = []

    def train_one(self, pool: ScenePool) -> None:
        recipe = self.recipe
        if (self.step + 1) % recipe.steps_per_round == 0:
            pool.refresh()
        chosen = torch.randint(len(pool.labels), (recipe.batch,), generator=self.generator).numpy()
        images = augment(pool.take(chosen), self.generator)
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.learning_rate_at(self.step)
        down, right = torch.randint(SIZE - recipe.cut + 1, (2,), generator=self.generator).tolist()
        square = (..., slice(down, down + recipe.cut), slice(right, right + recipe.cut))
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.half_precision), torch.no_grad():
            sources = code_sources(self.encoder.features(images).float(), images)
            wanted = sequence_features(self.encoder.features, images[square], recipe.layers)
        codes = self.network.encode(sources)
        codes = codes + recipe.code_noise * torch.randn(codes.shape, generator=self.generator)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=recipe.half_precision):
            pictures = self.network(codes)
            got = sequence_features(self.encoder.features, pictures[square], recipe.layers)
        pixels = (pictures.float() - images).abs().mean()
        features = sum(relative_error(got[index].float(), wanted[index].float()) for index in recipe.layers)
        loss = pixels + recipe.feature_weight * features
        if not math.isfinite(loss.item()):
            raise WorkError(f"training: the loss at step {self.step} is not finite; use a smaller --learning-rate")
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.losses.append((pixels.item(), features.item()))
        self.step += 1

    def _sources(self, pictures: np.ndarray) -> Tensor:
        """What the codes are made of, (N, 515, 13, 13), for uint8 pictures (N, 224, 224, 3)."""
        starts = range(0, len(pictures), self.recipe.batch)
        with torch.no_grad():
            chunks = (preprocess(pictures[start : start + self.recipe.batch]) for start in starts)
            return torch.cat([code_sources(self.encoder.features(chunk), chunk) for chunk in chunks])

    @cached_property  # rendered when first needed, so that the first step need not wait for it
    def _held_out(self) -> tuple[Tensor, Tensor]:
        """What the codes of held-out scenes are made of, (N, 515, 13, 13), and their labels (N,)."""
        classes, rounds = self.recipe.classes, range(self.recipe.held_out_rounds)
        pictures = np.concatenate([render_round(classes, HELD_OUT_SEED, n, SIZE) for n in rounds])
        return self._sources(pictures), torch.tensor(classes).repeat(len(rounds))

    def _time_to_evaluate(self) -> bool:
        return self.step % self.recipe.evaluate_every == 0 or self.step == self.recipe.steps

    def _accuracy(self, sources: Tensor, labels: Tensor) -> float:
        """The share of held-out scenes that the embedded network names from what the generator draws of them."""
        draw = self.network
        with torch.no_grad():
            chunks = sources.split(self.recipe.batch)
            named = torch.cat([self.encoder(draw(draw.encode(chunk))).argmax(dim=1) for chunk in chunks])
        return (named == labels).float().mean().item()

    def news(self) -> str:
        """What the last step brought to tell: the line of an evaluation, mostly nothing."""
        if not self.accuracies or self.accuracies[-1][0] != self.step:
            return ""
        recent = torch.tensor(self.losses[-self.recipe.evaluate_every :]).mean(dim=0).tolist()
        share = self.accuracies[-1][1]
        return f"pixels {recent[0]:.3f}, features {recent[1]:.3f}, held-out reconstructions named {share:.1%}"

    def shipped(self) -> tuple[dict[str, Tensor], dict[str, str]]:
        """What is stored: the weights in half precision, and what they say of themselves."""
        recipe = self.recipe
        return halved(self.network), {
            "architecture": "core.generator.Generator",
            "widths": json.dumps(recipe.widths),
            "encoder": f"{LAYER} of {self.encoder.weights_name}",
            "data": "procedural scenes rendered by patterns.scenes",
            "steps": str(recipe.steps),
            "seed": str(recipe.seed),
            "layers": json.dumps(recipe.layers),
            "feature_weight": str(recipe.feature_weight),
            "code_noise": str(recipe.code_noise),
            "learning_rate": str(recipe.learning_rate),
        }

    def closing(self) -> str:
        """What it ended in."""
        return f"{self.accuracies[-1][1]:.1%} of the held-out scenes named when drawn again"

    def curve(self) -> Learning:
        """Both losses and the share of held-out scenes named against steps."""
        pixels, features = zip(*self.losses, strict=True)
        return Learning(
            {"pixels": pixels, "features": features},
            up="loss",
            evaluated=[step for step, _ in self.accuracies],
            shares=[share for _, share in self.accuracies],
            right="held-out scenes named when drawn again",
        )


def relative_error(got: Tensor, wanted: Tensor) -> Tensor:
    """The squared difference over the square of what is wanted, a number."""
    return F.mse_loss(got, wanted) / wanted.square().mean()
