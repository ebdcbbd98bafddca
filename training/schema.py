"""What must be in a checkpoint for a training to go on from it, beside the network: each check says what is wrong."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

MOST_SECONDS = 1e9  # thirty years
SET_EACH_STEP = "lr"  # the trainings set it themselves; all else of the optimiser's settings stays as it was made


def optimiser_misfit(state: Any, optimiser: torch.optim.Optimizer, step: int) -> str:
    """What keeps an optimiser's state after so many steps from being loaded into this one, in words; or nothing.

    Its settings must be this one's, and each parameter's running means finite and of the parameter's shape.
    """
    wanted = optimiser.state_dict()
    if not isinstance(state, dict) or state.keys() != {"state", "param_groups"} or not isinstance(state["state"], dict):
        return "holds no state of an optimiser"
    groups = state["param_groups"]
    if not isinstance(groups, list) or len(groups) != len(wanted["param_groups"]):
        return "holds the state of another optimiser"
    for group, like in zip(groups, wanted["param_groups"], strict=True):
        if not isinstance(group, dict) or not is_number(group.get(SET_EACH_STEP)):
            return "holds the state of another optimiser"
        for name in like.keys() - {SET_EACH_STEP}:
            if name not in group or not _same(group[name], like[name]):
                return f"holds the state of an optimiser with another {name}"
    shapes = [values.shape for group in optimiser.param_groups for values in group["params"]]
    if state["state"].keys() != (set(range(len(shapes))) if step else set()):
        return "holds an optimiser's state of other parameters"
    for number, values in state["state"].items():
        if not isinstance(values, dict) or values.keys() != {"step", "exp_avg", "exp_avg_sq"}:  # of Adam and AdamW
            return "holds the state of another optimiser"
        for name, value in values.items():
            shape = torch.Size() if name == "step" else shapes[number]
            fits = isinstance(value, Tensor) and value.shape == shape and value.dtype == torch.float32
            if not fits or value.layout != torch.strided or value.device.type == "meta" or not value.isfinite().all():
                return f"holds an optimiser's {name} that is damaged"
            if name != "exp_avg" and (value < 0).any():
                return f"holds an optimiser's {name} below 0"
            if value.numel() * value.element_size() > value.untyped_storage().nbytes():
                return f"holds an optimiser's {name} with fewer numbers than it says"
    taken = {float(values["step"]) for values in state["state"].values()}
    if len(taken) > 1 or not all(each.is_integer() for each in taken):
        return "holds an optimiser's steps that differ"
    return ""


def progress_misfit(state: Mapping[str, Any], steps: int, widths: Mapping[str, int]) -> str:
    """What is wrong with the step, the seconds and the rows of numbers of a training of so many steps; or nothing.

    widths: how many numbers are in a row of each list; 0 where they are no rows but numbers.
    """
    step, seconds = state["step"], state["seconds"]
    if type(step) is not int or not 0 <= step <= steps:
        return f"is at a step that is not from 0 to {steps}"
    if not is_number(seconds) or not 0 <= seconds <= MOST_SECONDS:
        return "does not tell its seconds of training"
    for name, width in widths.items():
        rows, what = state[name], name.replace("_", " ")
        if not isinstance(rows, list) or not all(_is_row(row, width) for row in rows):
            return f"holds {what} that are not {width or 'single'} finite numbers each"
        if name == "losses" and len(rows) != step:
            return f"holds {len(rows)} losses at step {step}"
        if name != "losses" and not all(type(row[0]) is int and 0 < row[0] <= step for row in rows):
            return f"holds {what} of steps that were not taken"
    return ""


def is_number(value: Any) -> bool:
    """Whether it is a finite int or float."""
    return type(value) in (int, float) and math.isfinite(value)


def _is_row(row: Any, width: int) -> bool:
    if not width:
        return is_number(row)
    return isinstance(row, (list, tuple)) and len(row) == width and all(map(is_number, row))


def _same(one: Any, other: Any) -> bool:
    """Equal, a list being as good as a tuple."""
    if isinstance(other, (list, tuple)):
        return isinstance(one, (list, tuple)) and len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and one == other
