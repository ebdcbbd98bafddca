"""What the tests share. No test may reach the network: sockets are closed for all of them."""

import hashlib
import importlib
import os
import signal
import socket
import sys
from contextlib import nullcontext
from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import VisionTransformer, squeezenet1_1
from torchvision.models.squeezenet import Fire

from core import protection
from core.defaults import ROOT
from drawing import grid
from patterns import scenes
from visualizers.catalogue import TECHNIQUES, Technique

# The nets here are small: a second thread gains nothing, and on a busy machine costs a hundredfold.
torch.set_num_threads(1)

OURS = {path.stem for path in ROOT.glob("*.py")} | {path.parent.name for path in ROOT.glob("*/__init__.py")}
# The maps that SqueezeNet has, and every convolutional network with ReLUs.
SQUEEZENETS = {name: row for name, row in TECHNIQUES.items() if row.needs != "attention"}
SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*_arguments, **_settings):
        raise OSError("the tests run without a network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(autouse=True)
def _in_empty_folder(tmp_path, monkeypatch):
    """Whatever a test writes by a relative path lands in a folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _files_are_told_before_the_work(monkeypatch):
    """A study tells all files that it will write, so that it is refused before its work and not after it."""

    def fail(_protection, path):
        raise AssertionError(f"'{path}' is in no `outputs`, and `Report.expect` was not told of it")

    monkeypatch.setattr(protection.Protection, "on_surprise", fail)


@pytest.fixture(scope="session")
def imagenet_weights() -> Path:
    """The real weights, from SQUEEZENET_WEIGHTS or beside the checkout."""
    path = Path(os.environ.get("SQUEEZENET_WEIGHTS") or SHARED / "weights" / "squeezenet1_1_imagenet.pth")
    if not path.is_file():
        pytest.skip("needs ImageNet weights: set SQUEEZENET_WEIGHTS to a SqueezeNet 1.1 file")
    return path


@pytest.fixture(scope="session")
def imagenet(imagenet_weights):
    """SqueezeNet with the real weights. Shared by all tests: those of `no trace` see to it that it stays."""
    from core.squeezenet import load_squeezenet

    return load_squeezenet(imagenet_weights, "cpu")


@pytest.fixture(scope="session")
def photographs():
    """The five default photographs, cropped: uint8 (5, 224, 224, 3)."""
    from core.defaults import PHOTOGRAPHS
    from core.images import centre_crop, default_photograph

    return np.stack([np.asarray(centre_crop(default_photograph(name))) for name in PHOTOGRAPHS])


@pytest.fixture(scope="session")
def photograph_tensor(photographs):
    from core.images import preprocess

    return preprocess(photographs)


@pytest.fixture(scope="session")
def photograph_labels(imagenet, photograph_tensor):
    with torch.no_grad():
        return imagenet(photograph_tensor).argmax(dim=1)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_squeezenet(classes: int = 10, seed: int = 0) -> nn.Module:
    """SqueezeNet with random weights, every class of which has a positive score on every input used here."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = squeezenet1_1(num_classes=classes)
    with torch.no_grad():
        model.classifier[1].bias.fill_(0.5)
    return model.requires_grad_(False).eval()


def tiny_transformer(classes: int = 5, size: int = 32, seed: int = 0, **changes) -> nn.Module:
    """torchvision's ViT of two narrow blocks, in eval mode: a class token, 4 x 4 patches. changes: its arguments."""
    shape = {"image_size": size, "patch_size": size // 4, "num_layers": 2, "num_heads": 2, "hidden_dim": 16}
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = VisionTransformer(**shape | {"mlp_dim": 32, "num_classes": classes} | changes)
        nn.init.normal_(model.heads.head.weight)  # torchvision's is 0
    return model.requires_grad_(False).eval()


def network_of(row: Technique) -> nn.Module:
    """A small network of ten classes that has what the technique needs, for pictures of 64 x 64."""
    return tiny_transformer(10, 64) if row.needs == "attention" else random_squeezenet()


NO_RELUS = """
import torch
from torch import nn


def build():
    layers = nn.Conv2d(3, 6, 5, stride=4), nn.GELU(), nn.Conv2d(6, 6, 3), nn.GELU()
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))


class Own(torch.autograd.Function):
    @staticmethod
    def forward(context, maps):
        context.save_for_backward(maps)
        return maps.clamp(min=0)

    @staticmethod
    def backward(context, gradient):
        return gradient * (context.saved_tensors[0] > 0)


class OwnRelu(nn.Module):
    def forward(self, maps):
        return Own.apply(maps)


def hidden():
    model = build()
    model[1] = OwnRelu()
    return model
"""


@pytest.fixture
def no_relus(tmp_path, monkeypatch) -> str:
    """What --model takes for a small network without ReLUs, of a module in the current folder."""
    (tmp_path / "networks_without_relus.py").write_text(NO_RELUS)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "networks_without_relus:build"
    sys.modules.pop("networks_without_relus", None)


def state_of(model, images):
    """All that a technique could leave behind on a network and its input."""
    digest = hashlib.sha256()
    for value in model.state_dict().values():
        digest.update(value.numpy().tobytes())
    modules = [
        (
            name,
            module.training,
            getattr(module, "inplace", None),
            module.forward.__func__,
            sum(len(getattr(module, kind)) for kind in vars(module) if kind.endswith("_hooks")),
        )
        for name, module in model.named_modules()
    ]
    parameters = [(p.requires_grad, p.grad is None) for p in model.parameters()]
    pixels = hashlib.sha256(images.detach().numpy().tobytes()).hexdigest()
    return digest.hexdigest(), modules, parameters, pixels, images.requires_grad, images.grad is None


@pytest.fixture(scope="session")
def squeezenet():
    return random_squeezenet()


@pytest.fixture
def images():
    """Three small random pictures (3, 3, 64, 64), in the network's units."""
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(1)) * 0.8


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory) -> Path:
    """A file of random weights with 1000 classes: what a script needs to run without the real ones."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    state = random_squeezenet(1000).state_dict()
    state["classifier.1.bias"][1] += 1  # so that goldfish, the default target, is within reach
    torch.save(state, path)
    return path


@pytest.fixture
def weights(random_weights, monkeypatch) -> Path:
    """The random weights, taken by every script that is not told otherwise."""
    monkeypatch.setenv("SQUEEZENET_WEIGHTS", str(random_weights))
    return random_weights


@pytest.fixture
def picture(tmp_path) -> Path:
    """A picture file of noise."""

    path = tmp_path / "some picture.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 100, 3), dtype=np.uint8)).save(path)
    return path


@pytest.fixture
def panels(monkeypatch):
    """Every panel that a study draws, in order, wherever it is made."""
    drawn, make = [], grid.Panel.__new__

    def record(*arguments, **settings):
        drawn.append(make(*arguments, **settings))
        return drawn[-1]

    monkeypatch.setattr(grid.Panel, "__new__", record)
    return drawn


def replace_everywhere(monkeypatch, original, replacement) -> None:
    """Put another function in the place of one of ours, under whatever name a study has imported it."""
    from studies.shared.runner import study_names

    for name in study_names():
        importlib.import_module(f"studies.{name}.study")
    for module in [module for name, module in sys.modules.items() if name.split(".")[0] in OURS]:
        for name in [name for name, value in vars(module).items() if value is original]:
            monkeypatch.setattr(module, name, replacement)


@pytest.fixture
def drawn(monkeypatch):
    """What `draw_grid` is given: row names and rows of panels."""

    calls, original = {}, grid.draw_grid

    def record(rows, *, row_names=(), **settings):
        calls.update(zip(row_names, rows, strict=bool(row_names)))
        return original(rows, row_names=row_names, **settings)

    replace_everywhere(monkeypatch, original, record)
    return calls


class InterruptingBar(nullcontext):
    """A progress bar that presses Ctrl-C at one of its steps."""

    def __init__(self, at: int) -> None:
        super().__init__(self)
        self.at, self.steps = at, 0

    def update(self) -> None:
        self.steps += 1
        if self.steps == self.at:
            signal.raise_signal(signal.SIGINT)


def render_empty(label, *, seed, index=0, size=224, background=None) -> np.ndarray:
    """The picture of a scene (size, size, 3) without its object and the object's shadow: all else is drawn as ever."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenes, "put_object", lambda picture, *_: np.zeros(picture.shape[1:], bool))
        return scenes.render_indexed(label, seed=seed, index=index, size=size, background=background).image


def run(name: str, *arguments) -> int:
    """Run a study, or a benchmark by its module's name, in this process, and return its exit code."""
    from studies.shared.options import run_script
    from studies.shared.runner import run_study

    arguments = [str(argument) for argument in arguments]
    if "." not in name:
        return run_study(name, arguments)
    module = importlib.import_module(name)
    return run_script(module.main, module.parser(), arguments)


@pytest.fixture
def refusal(capsys):
    """What a call of a script says that refuses it as wrong use: one sentence, exit code 2, nothing written."""

    def said(call, *arguments) -> str:
        try:
            code = call(*arguments)
        except SystemExit as stop:  # from the parser itself
            code = stop.code
        words = capsys.readouterr().err
        assert code == 2, words
        assert words.count("\n") == 1
        assert not Path("visualization").exists()
        return words

    return said


def tiny_squeezenet(classes: int = 6, seed: int = 0, normalised: bool = False) -> nn.Module:
    """A new copy of `_tiny_squeezenet`."""
    return deepcopy(_tiny_squeezenet(classes, seed, normalised))


@cache
def _tiny_squeezenet(classes: int, seed: int, normalised: bool) -> nn.Module:
    """A SqueezeNet of few, narrow layers, in eval mode: a pass takes a millisecond. Its head is torchvision's."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = squeezenet1_1(num_classes=classes)
        layers = [nn.Conv2d(3, 8, 3, stride=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True)]
        layers += [Fire(8, 4, 6, 6), Fire(12, 4, 8, 8)]
        if normalised:
            layers.insert(1, nn.BatchNorm2d(8))
            layers.insert(5, nn.BatchNorm2d(12))
        model.features = nn.Sequential(*layers)
        model.classifier[1] = nn.Conv2d(16, classes, 1)
    with torch.no_grad():
        model.classifier[1].bias.fill_(0.5)
    return model.requires_grad_(False).eval()


def odd_jpeg(folder: Path, kind: str) -> Path:
    """A JPEG file that is "grey", in "CMYK", or "turned" by its EXIF entry."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 90, 3), dtype=np.uint8))
    path = folder / f"{kind}.jpg"
    if kind == "turned":
        exif = Image.Exif()
        exif[274] = 6
        picture.save(path, exif=exif)
    else:
        picture.convert("L" if kind == "grey" else kind).save(path)
    return path
