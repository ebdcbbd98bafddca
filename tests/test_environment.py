"""What the tests run in: which warnings are errors, and that both lists of versions agree."""

import re
import subprocess
import sys
import tomllib

from core.defaults import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = sorted(path.parent for path in ROOT.glob("*/__init__.py"))

THEIRS = """
import warnings

import numpy as np


def deprecated():
    warnings.warn("old", DeprecationWarning, stacklevel=2)


def own():
    deprecated()
    warnings.warn("mine", UserWarning)
    warnings.warn("mine", FutureWarning)


def mean(values):
    return np.mean(values)
"""
SAYING = """
import gc
import warnings

import numpy as np
import pytest
import theirs


def in_module(name, code):
    exec(code, {"__name__": name, "warnings": warnings, "theirs": theirs, "np": np})


def test_their_own():
    theirs.own()


@pytest.mark.parametrize("name", ["core.new", "visualizers", "some_visualization", "patterns.paintings.new"])
@pytest.mark.parametrize("code", ["warnings.warn('x')", "theirs.deprecated()", "np.array([1.0]) / 0"])
def test_ours(name, code):
    in_module(name, code)


def test_ours_in_a_test():
    theirs.deprecated()


def test_ours_a_blank_map():
    in_module("theirs", "warnings.warn('the map of image 0 for class 1 is blank: no reason')")


def test_ours_numbers_in_their_code():
    theirs.mean([])


def test_ours_a_file_left_open():
    open(__file__).read
    gc.collect()


def test_ours_a_destructor_that_fails():
    class Fails:
        def __del__(self):
            raise ValueError

    Fails()
    gc.collect()
"""


def test_warnings_are_errors_where_our_code_raises_or_causes_them_and_not_inside_other_libraries(tmp_path):
    (tmp_path / "theirs.py").write_text(THEIRS, encoding="utf-8")
    (tmp_path / "test_saying.py").write_text(SAYING, encoding="utf-8")
    settings = ["-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider", "-rA", "--tb=no"]
    command = [sys.executable, "-m", "pytest", *settings, "test_saying.py"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    outcomes = re.findall(r"^(PASSED|FAILED|ERROR) [^:\n]*::(\w+)", said, flags=re.MULTILINE)
    assert {name for outcome, name in outcomes if outcome == "PASSED"} == {"test_their_own"}, said
    assert sum(outcome == "FAILED" and name == "test_ours" for outcome, name in outcomes) == 12
    others = {name for outcome, name in outcomes if outcome == "FAILED"}
    assert others == set(re.findall(r"def (test_ours\w*)", SAYING)), said


def test_every_module_of_ours_is_among_those_whose_warnings_are_errors():
    filters = [line.split(":") for line in SETTINGS["tool"]["pytest"]["ini_options"]["filterwarnings"]]
    modules = [parts[3] for parts in filters if parts[0] == "error" and len(parts) == 4]
    ours = [path.stem for path in [*ROOT.glob("*.py"), *(ROOT / "tests").glob("*.py")]]
    ours += [f"{package.name}.anything" for package in PACKAGES]
    assert {"core.anything", "benchmarks.anything", "conftest", "style_utils"} <= set(ours)
    assert not [name for name in ours if not any(re.match(module, name) for module in modules)]
    assert not [name for name in ("matplotlib.pyplot", "torch", "testing", "corelib") if re.match(modules[0], name)]


def test_conda_gets_the_bounds_that_pip_gets():
    called = {"torch": "pytorch", "matplotlib": "matplotlib-base", "opencv-python-headless": "py-opencv"}
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    bounds = [line.split(">=") for line in lines if line and not line.startswith("#")]
    pip = {called.get(name, name): version for name, version in bounds}
    conda = dict(re.findall(r"- (\S+)>=(\S+)", (ROOT / "environment.yaml").read_text(encoding="utf-8")))
    assert f">={conda.pop('python')}" == SETTINGS["project"]["requires-python"]
    assert conda == pip
