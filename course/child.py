"""Runs one part of a hand-in, in a process of its own: finds the function, calls it on the cases, sends arrays back.

What it says is not trusted: it holds no verdict, and whatever the student's code may do to this process, the numbers
are compared elsewhere.
"""

import difflib
import importlib
import inspect
import io
import json
import linecache
import os
import sys
import traceback
import types
import zipfile
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy

import numpy as np
import torch
import torchvision
from safetensors.torch import load_file
from torch import nn

from course import calling, calls, given

MOST_WORDS = 400
NETWORK: list[nn.Module] = []
END, WRITE, DUMPS, SAVE = os._exit, os.write, json.dumps, np.lib.format.write_array  # as they are before others come


class Missing(Exception):
    """A module or a name is not there; the message says which, and what is near."""


def load_network(path: str) -> nn.Module:
    """SqueezeNet 1.1 of a file of weights, for all jobs of this process and those forked from it."""
    state = load_file(path)
    network = torchvision.models.squeezenet1_1(num_classes=len(state["classifier.1.bias"]))
    network.load_state_dict(state)
    NETWORK[:] = [network.requires_grad_(False).eval()]
    return network


def run(job: dict, result: int) -> None:
    """Do the job and end the process."""
    facts: dict = {"notes": []}
    arrays: dict[str, np.ndarray] = {}
    finder = prepare(job)
    try:
        work_through(job, facts, arrays)
    except Missing as error:
        facts["missing"] = str(error)
    except calling.Nothing:
        facts["nothing"] = True
    except BaseException as error:
        facts["crash"] = described(error, job["work"])
    facts["stood in"] = finder.missing[:20]
    with suppress(BaseException):
        sys.stdout.flush()
        sys.stderr.flush()
    data = packed(facts, arrays)
    while data:
        data = data[WRITE(result, data) :]
    END(0)


def prepare(job: dict) -> given.Finder:
    """Let the hand-in come first on the path, none of this project, and the courses' own files last."""
    work = job["work"]
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    sys.path[:] = [work, *(entry for entry in sys.path if os.path.realpath(entry or ".") != os.path.realpath(ours))]
    for name in [name for name in sys.modules if name == "course" or name.startswith(("course.", "core."))]:
        del sys.modules[name]
    sys.argv[:] = ["check_submission.py"]
    sys.dont_write_bytecode = True

    def network(*_arguments: object, **_settings: object) -> nn.Module:
        return deepcopy(NETWORK[0]).requires_grad_(True)

    torchvision.models.squeezenet1_1 = torchvision.models.squeezenet.squeezenet1_1 = network
    return given.serve_given()


def packed(facts: dict, arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        words = np.frombuffer(DUMPS(facts, default=str).encode(), np.uint8)
        for name, array in {**arrays, "facts": words}.items():
            with archive.open(f"{name}.npy", "w") as file:
                SAVE(file, np.ascontiguousarray(array) if array.ndim else array, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def work_through(job: dict, facts: dict, arrays: dict[str, np.ndarray]) -> None:
    place = job["place"]
    find = Finding(job["work"], facts)
    function = find.function(place["module"], place["name"], whole=place["call"] in calls.WITH_A_CLASS)
    facts["where"] = find.where(function)
    setting = calling.Setting(NETWORK[0], place["settings"] | {"part": job["part"]}, facts["notes"])
    with np.load(os.path.join(job["folder"], "inputs.npz")) as loaded:
        stored = dict(loaded)
    for index, inputs in enumerate(job["cases"]):
        values = {name: unfolded(value, stored) for name, value in inputs.items()}
        torch.manual_seed(index)
        np.random.seed(index)
        with torch.enable_grad():
            for name, array in calls.CALLS[place["call"]](function, values, setting).items():
                arrays[f"{index}/{name}"] = array
        facts["done"] = index + 1


def unfolded(value: object, stored: dict[str, np.ndarray]) -> object:
    """An input as course.cases has it, of what course.check sent."""
    if isinstance(value, dict):
        return stored[value["array"]]
    return [unfolded(each, stored) for each in value] if isinstance(value, list) else value


class Finding:
    """Imports what a part needs and finds its function."""

    def __init__(self, work: str, facts: dict) -> None:
        self.work, self.facts = work, facts

    def function(self, module: str, name: str, *, whole: bool) -> Callable:
        holder = self.module(module, name.split(".")[0])
        first, _, method = name.partition(".")
        found = getattr(holder, first, None)
        if found is None:
            raise Missing(
                self.absent(holder, first, f"{module.replace('.', '/')}.py", "class" if method else "function")
            )
        if not method:
            return found
        own = [kind for kind in found.__mro__ if kind.__module__.split(".")[0] not in ("torch", "builtins")]
        either = {method, "__call__"} if method == "forward" else {method}
        if not any(each in vars(kind) for kind in own for each in either):
            raise Missing(self.absent(found, method, f"class {first}", "method"))
        if whole:
            return found
        instance = found()
        return instance if method == "forward" else getattr(instance, method)

    @staticmethod
    def absent(holder: object, wanted: str, where: str, what: str) -> str:
        names = [each for each in vars(holder) if not each.startswith("_")]
        near = difflib.get_close_matches(wanted, names, 1, 0.6)
        if not near:
            near = [each for each in names if each.lower().replace("_", "") == wanted.lower().replace("_", "")][:1]
        return f"{where} has no {what} {wanted}" + (f"; it has {near[0]}: is that it?" if near else "")

    def module(self, name: str, wanted: str) -> types.ModuleType:
        """Import it. If its package fails over another file of it, without the package's own code."""
        path = os.path.join(self.work, *name.split("."))
        path = path + ".py" if os.path.isfile(path + ".py") else os.path.join(path, "__init__.py")
        if not os.path.isfile(path):
            raise Missing(f"there is no file {name.replace('.', '/')}.py")
        package = name.rpartition(".")[0]
        if package:
            try:
                importlib.import_module(package)
            except BaseException:
                for each in [each for each in sys.modules if each == package or each.startswith(package + ".")]:
                    del sys.modules[each]
                bare = types.ModuleType(package)
                bare.__path__ = [os.path.dirname(path)]
                sys.modules[package] = bare
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except BaseException as error:
            if getattr(module, wanted, None) is None:
                raise
            crash = described(error, self.work)
            detail = f"{crash.get('file') or path} line {crash.get('line')}: {crash['words']}"
            self.facts["notes"].append(("on import", detail))
        return module

    def where(self, function: Callable) -> list | None:
        """[file within the hand-in, line] of a function's definition."""
        with suppress(Exception):
            target = function
            if not inspect.isroutine(function) and not inspect.isclass(function):
                target = type(function).forward if hasattr(function, "forward") else type(function).__call__
            elif inspect.isclass(function):
                target = function.gradcam
            code = inspect.unwrap(target).__code__
            if code.co_filename.startswith(self.work + os.sep):
                return [os.path.relpath(code.co_filename, self.work), code.co_firstlineno]
        return None


def described(error: BaseException, work: str) -> dict:
    """The student's own line and the error's words; none of our frames."""
    places = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError):
        places.append((error.filename or "", error.lineno))
    places = [(path, line) for path, line in places if str(path).startswith(work + os.sep)]
    words = error.msg if isinstance(error, SyntaxError) else (str(error).strip() or "")
    words = " ".join(words.split())[:MOST_WORDS].replace(work + os.sep, "")
    result = {
        "kind": type(error).__name__,
        "words": f"{type(error).__name__}: {words}" if words else type(error).__name__,
    }
    if places:
        path, line = places[-1]
        result |= {
            "file": os.path.relpath(path, work),
            "line": line,
            "text": linecache.getline(path, line).strip()[:200],
        }
    return result
