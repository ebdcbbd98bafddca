"""Checks a hand-in part by part: the student's code runs in the sandbox, its numbers are compared here."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import save_file
from torch import nn

from core.errors import UsageError
from core.squeezenet import load_squeezenet
from course.adapting import cases_for, in_form
from course.parts import PARTS, Part, Place
from course.results import PartResult
from course.sandbox import Answer, Sandbox
from course.submission import Submission, open_submission
from course.verdict import judge, missing

TIME_LIMIT = 30.0  # seconds a part


def check_submission(
    path: str | Path,
    parts: Sequence[str] | None = None,
    network: str | Path = "patterns",
    time_limit: float = TIME_LIMIT,
    *,
    sandbox: Sandbox | None = None,
    told: Callable[[PartResult], None] | None = None,
) -> list[PartResult]:
    """Check a folder or a zip; one result for each part of its editions, in the order of PARTS.

    parts: keys of PARTS; all parts of the hand-in's editions if None. network: as load_squeezenet takes weights.
    time_limit: seconds that one part may take. sandbox: one that runs already; it is left open. told: called with each
    result as soon as it is known. Raises UsageError for what is no hand-in, an unknown part or a wrong limit.
    """
    unknown = [part for part in parts or () if part not in PARTS]
    if unknown:
        raise UsageError(f"parts: '{unknown[0]}' is unknown; allowed are {', '.join(PARTS)}")
    if not 0.1 <= time_limit <= 3600:
        raise UsageError(f"time limit: {time_limit:g} is not allowed; give seconds, 0.1 to 3600")
    own = Sandbox() if sandbox is None else sandbox
    own.time_limit = float(time_limit)
    folder = own.new_folder("hand-in")
    try:
        handed_in = open_submission(path, folder / "copy")
        model = load_squeezenet(network, "cpu")
        weights = weights_file(model, own)
        results = {}
        for result in run(handed_in, parts, model, weights, own):
            results[result.part] = result
            if told is not None:
                told(result)
        return [results[key] for key in PARTS if key in results]
    finally:
        own.waiting.clear()  # jobs that nobody waits for any more, after an error
        shutil.rmtree(folder, ignore_errors=True)
        if sandbox is None:
            own.close()


def weights_file(model: nn.Module, sandbox: Sandbox) -> Path:
    """The network's weights where the sandbox reads them."""
    path = sandbox.root / "network.safetensors"
    if not path.exists():
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, path)
    return path


def places_of(part: Part, handed_in: Submission) -> list[Place]:
    return [place for place in part.places if place.edition in handed_in.editions]


def is_there(place: Place, root: Path) -> bool:
    path = root.joinpath(*place.module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def run(
    handed_in: Submission, parts: Sequence[str] | None, model: nn.Module, weights: Path, sandbox: Sandbox
) -> Iterator[PartResult]:
    """Yield a PartResult for each part, as they come."""
    sent, cases = {}, {}
    keys = [key for key in PARTS if parts is None or key in parts]
    waiting = []
    for key in keys:
        places = places_of(PARTS[key], handed_in)
        here = [place for place in places if is_there(place, handed_in.root)]
        if here:
            waiting.append((key, here[0]))
        elif parts is not None or any(not place.given for place in places):
            yield missing(PARTS[key], places, handed_in.root)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    side_by_side = min(4, cores)

    def send() -> None:
        key, place = waiting.pop(0)
        cases[key] = cases_for(key, place, model)
        job = {
            "part": key,
            "place": {"module": place.module, "name": place.name, "call": place.call, "settings": dict(place.settings)},
        }
        job["cases"], arrays = folded([inputs for inputs, _ in cases[key]])
        sent[sandbox.submit(job, arrays, handed_in.root, weights)] = key, place

    while waiting and len(sent) < side_by_side:
        send()
    for name, answer in sandbox.answers():
        if waiting:
            send()  # it runs while this one is compared
        key, place = sent[name]
        if place.given and parts is None and "missing" in answer.facts:
            continue  # this year's course does not hand it out
        yield result_of(PARTS[key], place, cases[key], answer, model, handed_in.root)


def result_of(
    part: Part, place: Place, cases: list[tuple[dict, Any]], answer: Answer, model: nn.Module, root: Path
) -> PartResult:
    pairs = []
    for index, (_, case) in enumerate(cases):
        outputs = {
            name.partition("/")[2]: array
            for name, array in answer.arrays.items()
            if name.partition("/")[0] == str(index)
        }
        if outputs:
            pairs.append((case, in_form(place, outputs, model)))
    return judge(part, place, pairs, len(cases), answer, model, root)


def folded(cases: list[Mapping[str, Any]]) -> tuple[list[dict], dict[str, np.ndarray]]:
    """Inputs as plain words and numbers, and the arrays that they name."""
    arrays: dict[str, np.ndarray] = {}

    def fold(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            name = f"a{len(arrays)}"
            arrays[name] = value
            return {"array": name}
        if isinstance(value, (list, tuple)):
            return [fold(each) for each in value]
        return value.item() if isinstance(value, np.generic) else value

    return [{name: fold(value) for name, value in inputs.items()} for inputs in cases], arrays
