"""What all calls of a student's functions share: inputs to tensors, results to arrays, notes on the way."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from course.side_effects import note


@dataclass
class Setting:
    """What a call needs besides its inputs, and what it notes."""

    network: nn.Module | None  # the one that all jobs share: `copy` gives each call its own
    settings: Mapping[str, Any]
    notes: list[tuple[str, str]] = field(default_factory=list)

    def copy(self) -> nn.Module:
        return deepcopy(self.network).requires_grad_(bool(self.settings.get("trainable"))).eval()


def given(value: Any) -> Any:
    """An input as the student's function gets it: its own copy, arrays as tensors."""
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy())
    if isinstance(value, (list, tuple)):
        return [given(each) for each in value]
    return value


def plain(value: Any) -> np.ndarray:
    """A result as an array of numbers. Raises TypeError for what is none."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().resolve_conj().resolve_neg().numpy()
    elif isinstance(value, (list, tuple)):
        value = np.stack([plain(each) for each in value])
    array = np.array(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"numbers are needed, got {type(value).__name__}")
    return array


def kind_of(value: Any, setting: Setting, like: torch.dtype = torch.float32) -> None:
    """Note a type or a device that differs from the input's."""
    if isinstance(value, Tensor) and value.dtype != like:
        setting.notes.append(note("dtype", f"{value.dtype}, the input {like}"))
    if isinstance(value, Tensor) and value.device.type != "cpu":
        setting.notes.append(note("device", str(value.device)))


class Nothing(Exception):
    """The function returned None."""


def something(value: Any) -> Any:
    if value is None:
        raise Nothing
    return value


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal but for rounding, which at a ReLU may open a gate: most numbers agree, and so does the whole."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    size = np.linalg.norm(b)
    return bool(np.linalg.norm(a - b) <= 0.02 * size + 1e-12) or bool(np.isnan(a).all() and np.isnan(b).all())
