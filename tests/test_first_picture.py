"""The way to the first picture: what is loaded for it, how threads wait, --no-captum, how much memory it takes."""

import gc
import os
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from captum import attr
from conftest import noise, run, tiny_squeezenet
from scipy.ndimage import gaussian_filter1d
from skimage import data
from sklearn.datasets import load_sample_image

from core import images as pictures
from core.defaults import PHOTOGRAPHS, ROOT
from core.errors import UsageError, WorkError
from core.images import default_photograph
from core.priors import blur
from measures.agreement import relative_difference
from measures.captum_reference import captum_integrated_gradients, captum_layer_conductance
from studies.shared import starting
from studies.shared.starting import WAITING, WAYS_OF_WAITING, loading, wait_kindly

SEEN = "how threads wait when torch is loaded: "
LOOKING_AT_TORCH = f"""
import os, runpy, sys
class Look:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print({SEEN!r}, {{key: os.environ[key] for key in {WAYS_OF_WAITING!r} if key in os.environ}})
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
sys.meta_path.insert(0, Look())
entry, *sys.argv[1:] = sys.argv[1:]
if entry.endswith(".py"):
    runpy.run_path(entry, run_name="__main__")
else:
    runpy.run_module(entry, run_name="__main__", alter_sys=True)
"""
ENTRIES = {
    "a script of the course's": ["saliency_visualization.py"],
    "a study": ["studies", "classes"],
    "a training": ["training", "classifier"],
}
ENDINGS = {"training": "safetensors"}  # of what the entry writes; .png else
NEEDLESS = {"IPython", "captum", "cv2", "matplotlib", "pandas", "scipy", "skimage", "sklearn", "timm"}
EVERYDAY = ("saliency", "gradcam", "explain", "classes", "fooling")
MOST = 700  # MB of the first picture's process, where torch is built for the CPU
PEAK = "import resource, sys; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, file=sys.stderr)"


def start(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    """A new process, in the project's folder, for whose threads nothing was decided but by `environment`."""
    inherited = {key: value for key, value in os.environ.items() if key not in WAYS_OF_WAITING}
    how = {"cwd": ROOT, "capture_output": True, "text": True, "check": False, "env": inherited | environment}
    return subprocess.run([sys.executable, "-c", code, *arguments], **how)


# --- How threads wait ------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES)
@pytest.mark.parametrize("own", [{}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"KMP_BLOCKTIME": "7"}])
def test_how_threads_wait_is_decided_before_torch_is_loaded_unless_the_user_has(entry, own, tmp_path):
    output = tmp_path / f"x.{ENDINGS.get(entry[0], 'png')}"
    said = start(LOOKING_AT_TORCH, *entry, "--output", str(output), **own)
    assert f"{SEEN} {own or WAITING}\n" in said.stdout, said.stderr
    assert "the package 'torch' is missing" in said.stderr


def test_how_threads_wait_is_left_alone_where_torch_has_read_it():
    environment = {}
    assert not wait_kindly(environment)
    assert environment == {}


def test_no_module_but_that_of_all_scripts_decides_for_the_process():
    callers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("core", "studies", "visualizers", "measures", "painting", "style_modules", "drawing", "training")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\bwait_kindly\(\)", path.read_text(encoding="utf-8"))
    ]
    assert callers == ["studies/shared/options.py"]


# --- What is loaded --------------------------------------------------------------------------------


def test_modules_load_without_a_search_for_garbage_in_a_new_process_alone(monkeypatch):
    frozen = []
    monkeypatch.setattr(starting.gc, "freeze", lambda: frozen.append(gc.isenabled()))
    with loading():
        assert gc.isenabled()  # torch was loaded before
    monkeypatch.delitem(sys.modules, "torch")
    with pytest.raises(ImportError), loading():
        raise ImportError
    assert gc.isenabled()
    assert frozen == []
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert frozen == [False]


def test_the_first_picture_and_the_everyday_studies_load_only_what_they_need(tmp_path):
    code = (
        "import sys; from importlib import import_module\n"
        "from studies.shared.runner import run_study\n"
        "code = run_study('saliency', sys.argv[1:])\n"
        f"for name in {EVERYDAY}: import_module(f'studies.{{name}}.study')\n"
        f"sys.exit(code or ' '.join({NEEDLESS} & set(sys.modules)) or 0)"
    )
    flags = ("--size", "64", "--nodes", "2", "--weights", "patterns", "--output", str(tmp_path / "x.png"))
    said = start(code, "--images", "chelsea", "--no-captum", *flags)
    assert said.returncode == 0, said.stderr
    assert (tmp_path / "x.png").is_file()


def test_the_list_of_studies_and_each_help_load_nothing_heavy():
    code = (
        "import sys; from studies.__main__ import main\n"
        "main([])\n"
        f"for name in {EVERYDAY}:\n"
        "    try: main([name, '--help'])\n"
        "    except SystemExit: pass\n"
        f"heavy = {NEEDLESS | {'torch', 'torchvision', 'numpy', 'PIL', 'tqdm'}} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    said = start(code)
    assert said.returncode == 0, said.stderr
    assert said.stdout.count("usage: ") == len(EVERYDAY)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is counted in other units there")
def test_the_first_picture_needs_little_memory(tmp_path):
    bare = float(start(f"import torch, torchvision\n{PEAK}").stderr.split()[-1])
    code = f"import sys; from studies.shared.runner import run_study\nrun_study('saliency', sys.argv[1:])\n{PEAK}"
    flags = ("--images", "chelsea", "--weights", "patterns", "--output", str(tmp_path / "x.png"))
    said = start(code, *flags, OMP_NUM_THREADS="2")
    assert (tmp_path / "x.png").is_file(), said.stderr
    # torch built for CUDA needs nearly as much for itself; ours besides is the same.
    assert float(said.stderr.split()[-1]) < (MOST if torch.version.cuda is None else bare + 250)


# --- The photographs, and the blur -----------------------------------------------------------------


def test_the_photographs_are_those_of_their_packages():
    theirs = {
        "chelsea": data.chelsea(),
        "coffee": data.coffee(),
        "rocket": data.rocket(),
        "motorcycle": data.stereo_motorcycle()[0],
        "china": load_sample_image("china.jpg"),
    }
    assert set(theirs) == set(PHOTOGRAPHS)
    for name, pixels in theirs.items():
        np.testing.assert_array_equal(np.asarray(default_photograph(name)), pixels)


def test_a_photograph_that_is_not_there_is_told(monkeypatch):
    with pytest.raises(UsageError, match="'dog' is unknown; allowed are chelsea"):
        default_photograph("dog")
    monkeypatch.setitem(pictures.PHOTOGRAPH_FILES, "chelsea", ("skimage", "data/gone.png"))
    with pytest.raises(WorkError, match=r"gone.png' is not there; install the packages of requirements.txt anew"):
        default_photograph("chelsea")
    monkeypatch.setitem(pictures.PHOTOGRAPH_FILES, "chelsea", ("no_such_package", "data/chelsea.png"))
    with pytest.raises(ModuleNotFoundError) as missing:
        default_photograph("chelsea")
    assert missing.value.name == "no_such_package"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sigma", [0.2, 0.7, 1.0, 5.0])  # the last reaches farther than the picture is wide
def test_the_blur_is_scipys(sigma, dtype):
    images = noise(2, 3, 12, 7).to(dtype)
    expected = gaussian_filter1d(gaussian_filter1d(images.numpy(), sigma, axis=2), sigma, axis=3)
    np.testing.assert_allclose(blur(images, sigma).numpy(), expected, rtol=1e-5, atol=1e-6)


# --- The comparison with Captum --------------------------------------------------------------------


def test_captums_paths_are_the_same_in_batches_and_at_once():
    model, images, labels = tiny_squeezenet().double(), noise(2, 3, 40, 40).double(), torch.tensor([1, 4])
    layer = model.get_submodule("features.4")
    ours = captum_integrated_gradients(model, images, labels, nodes=50)
    theirs = attr.IntegratedGradients(model).attribute(images, target=labels, n_steps=50)
    assert relative_difference(ours, theirs).max() < 1e-9
    ours = captum_layer_conductance(model, images, labels, layer="features.4", nodes=20)
    theirs = attr.LayerConductance(model, layer).attribute(images, target=labels, n_steps=20).sum(dim=1)
    assert relative_difference(ours, theirs).max() < 1e-9


def test_no_captum_leaves_out_the_comparison_and_its_columns(weights, picture, drawn, capsys, tmp_path):
    assert run("saliency", "--images", picture, "--size", "64", "--nodes", "2", "--no-captum") == 0
    assert list(drawn) == ["image", "saliency", "integrated\ngradients"]
    said = capsys.readouterr().out
    assert "Captum" not in said
    assert "completeness error" in said
    output = tmp_path / "cam.png"
    assert run("gradcam", "--images", picture, "--size", "64", "--no-captum", "--output", output) == 0
    assert "Captum" not in capsys.readouterr().out
    assert sorted(path.name for path in tmp_path.glob("cam*")) == ["cam.png"]
