"""What makes a right result out of named steps, so that a mistake is one step replaced."""

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from course.cases import Case

Outputs = dict[str, np.ndarray]
MOST_KEPT = 400  # intermediate results of one case
_kept: WeakKeyDictionary[Case, dict[Hashable, Any]] = WeakKeyDictionary()


@dataclass(frozen=True)
class Pipeline:
    """How the right result of a part is made."""

    run: Callable[..., dict[str, Tensor]]  # of (steps, inputs, work)
    steps: dict[str, Callable]


@dataclass(frozen=True)
class Work:
    """What a pipeline may use besides its steps and the case's inputs."""

    case: Case
    network: Any  # double
    outputs: Outputs | None  # the student's own, for what climbs

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """make(), kept: many mistakes share the costly part of the work."""
        kept = _kept.setdefault(self.case, {})
        if key not in kept:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[key] = make()
        return kept[key]


PIPELINES: dict[str, Pipeline] = {}


def pipeline(*parts: str, **steps: Callable) -> Callable:
    """Register a function of (steps, inputs, work) as the right way to do these parts."""

    def register(run: Callable) -> Callable:
        for part in parts:
            PIPELINES[part] = Pipeline(run, steps)
        return run

    return register


def chosen(part: str, replaced: dict[str, Callable]) -> SimpleNamespace:
    """The steps of a part, some of them replaced."""
    return SimpleNamespace(**(PIPELINES[part].steps | replaced))


def tensor(array: np.ndarray) -> Tensor:
    """float64."""
    return torch.from_numpy(np.array(array, dtype=np.float64))


def leaf(array: np.ndarray) -> Tensor:
    """float64, of which a gradient is wanted."""
    return tensor(array).requires_grad_(True)


def fingerprint(array: Tensor) -> str:
    return hashlib.sha1(array.detach().numpy().tobytes()).hexdigest()


def same(value: Any) -> Any:
    """A step that does nothing."""
    return value
