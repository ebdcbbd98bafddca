"""How a classifier is trained: all that decides what the training ends in."""

import math
from dataclasses import dataclass

from training.pool import Backgrounds
from training.seeds import HIGHEST_SEED

STAGES_PER_SEED = 16  # room for the stages' scene seeds
LEARNING_RATE = 3e-3
PERTURBATION = 8.0


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
    learning_rate: float = LEARNING_RATE  # the highest; AdamW
    weight_decay: float = 0.05
    smoothing: float = 0.05  # of the labels
    perturbation: float = PERTURBATION  # see `learning.perturb`; on half of each batch
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
