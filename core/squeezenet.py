"""The shared network: SqueezeNet 1.1 (Iandola et al., 2016), its weights and its class names.

    image (N, 3, H, W) -> features (N, 512, h, w) -> classifier.1 (N, K, h, w) -> ReLU -> mean -> scores (N, K)

h = w = 13 for a 224-pixel image. The last ReLU means that every score is >= 0, and that a class whose
map is nowhere positive has score 0 and no gradient; `core.zero_scores` says what is done then.
"""

import http.client
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlparse

import torch
from torch import Tensor, nn
from torchvision.models import SqueezeNet1_1_Weights, WeightsEnum, squeezenet1_1

from core.architectures import recognised
from core.checkpoints import ENDINGS, MOST_BYTES, Checkpoint, misfit, state_of_checkpoint, stripped
from core.defaults import ROOT, SHARED, SIDE
from core.errors import UsageError, WorkError
from core.images import IMAGENET_MEAN, IMAGENET_STD
from core.kept import NoFile, Unreadable, sha256_of
from core.paths import as_path

TITLE = "SqueezeNet 1.1"
WEIGHTS_VARIABLE = "SQUEEZENET_WEIGHTS"
EMBEDDED_WEIGHTS = ROOT / "weights" / "squeezenet1_1.safetensors"
IMAGENET = SqueezeNet1_1_Weights.IMAGENET1K_V1
IMAGENET_CLASSES = len(IMAGENET.meta["categories"])
SECONDS_TO_REACH_THE_HUB = 5
MANUAL_WAYS = (
    f"pass --weights FILE (.pth, .pt or .safetensors), or set {WEIGHTS_VARIABLE}=FILE, or connect to the network once"
)
HEAD = "classifier.1.weight"  # (K, 512, 1, 1)
with torch.device("meta"):
    KEYS = frozenset(squeezenet1_1().state_dict())


class Weights(NamedTuple):
    """What a file of weights holds."""

    state: dict[str, Tensor]
    class_names: list[str] | None
    name: str  # for figures: file and hash
    note: str  # what was taken of a file that holds more, for people


def load_squeezenet(weights: str | Path = "auto", device: str | torch.device | None = None) -> nn.Module:
    """Return SqueezeNet 1.1 in eval mode with frozen parameters.

    The model carries `class_names` (tuple of K strings), `weights_name` (for figures: file and hash),
    `weights_note` (one line for people: which weights, and where they were found), and what
    `core.networks.load_network` tells of every network.

    weights: "auto" takes the first of: the file named by SQUEEZENET_WEIGHTS; torchvision's ImageNet
        weights, cached or downloaded; the weights embedded in this repository. "imagenet" and
        "patterns" ask for the second or the third alone. Anything else is a path.
    device: "cpu", "cuda", "mps" or None, the best there is.

    Raises UsageError if a named file or device cannot be used, WorkError if no weights can be had.
    """
    found, source = _find_weights(weights)
    classes = _check_state(found.state, found.name)
    model = squeezenet1_1(num_classes=classes)
    model.load_state_dict(found.state)
    model.requires_grad_(False).eval()
    # In channels-last order the CPU convolutions run about twice as fast; the numbers are the same.
    model = model.to(device=choose_device(device), memory_format=torch.channels_last)
    model.class_names = _class_names(found.class_names, classes)
    model.weights_name = found.name
    told = ", ".join(
        filter(None, (found.name, found.note, "" if classes == IMAGENET_CLASSES else f"{classes} classes"))
    )
    model.weights_note = f"weights: {told}, from {source}"
    model.model_name, model.title, model.input_size, model.takes_any_size = SHARED, TITLE, SIDE, True
    model.pixel_mean, model.pixel_std = IMAGENET_MEAN, IMAGENET_STD
    return model


def choose_device(name: str | torch.device | None = None) -> torch.device:
    """Turn "auto" (or None), "cpu", "cuda" or "mps" into a device that is really there."""
    if name is None or name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise UsageError(f"device: '{name}' is unknown; allowed are auto, cpu, cuda and mps") from None
    usable = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not usable.get(device.type, False):
        raise UsageError(f"device: '{name}' is not available here; use auto or cpu")
    return device


def _find_weights(weights: str | Path) -> tuple[Weights, str]:
    """Search in the documented order; return the weights and where they were found."""
    choice = str(weights)
    if choice == "imagenet":
        return _imagenet_weights()
    if choice == "patterns":
        if not EMBEDDED_WEIGHTS.exists():
            raise WorkError(f"weights: this repository holds no embedded weights yet; {MANUAL_WAYS}")
        return _read_weights(EMBEDDED_WEIGHTS), "the repository"
    if choice != "auto":
        return _read_weights(as_path(choice, "weights")), "the path given"
    if os.environ.get(WEIGHTS_VARIABLE):
        path = as_path(os.environ[WEIGHTS_VARIABLE], "weights")
        return _read_weights(path), f"the environment variable {WEIGHTS_VARIABLE}"
    try:
        return _imagenet_weights()
    except WorkError as error:
        if not EMBEDDED_WEIGHTS.exists():
            raise
        reason = str(error).removeprefix("weights: ").split(";")[0]
        return _read_weights(EMBEDDED_WEIGHTS), f"the repository, because {reason}"


def _imagenet_weights() -> tuple[Weights, str]:
    path, source = torchvision_file(IMAGENET, MANUAL_WAYS)
    return _read_weights(path), source


def cached_file(weights: WeightsEnum) -> Path:
    """Where torchvision keeps the file. The end of its name is the start of its SHA-256."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(urlparse(weights.url).path).name


def torchvision_file(weights: WeightsEnum, ways: str) -> tuple[Path, str]:
    """The file of torchvision's own weights, and where it was found: its cache first, else its download.

    The hash is checked both times. ways: what else a person can do, for the WorkError if the file cannot be had.
    """
    cached = cached_file(weights)
    expected = cached.stem.rpartition("-")[2]
    source = "torchvision's cache" if cached.exists() else "torchvision's download"
    if not cached.exists():
        reach_or_raise(weights, cached, ways)
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(weights.url, str(cached), expected)
        except (OSError, RuntimeError, ValueError, http.client.HTTPException) as error:
            raise WorkError(f"weights: the download of {weights.url} failed ({error}); {ways}") from None
    if not _begins_with(cached, expected):  # torchvision trusts its cache; a cut-off copy is common
        raise WorkError(f"weights: '{cached}' is damaged (its SHA-256 does not start with {expected}); delete it")
    return cached, source


def _begins_with(path: Path, expected: str) -> bool:
    """Whether the file's hash does; a folder or a pipe in its place has none."""
    try:
        return sha256_of(path).startswith(expected)
    except Unreadable:
        return False


def reach_or_raise(weights: WeightsEnum, cached: Path, ways: str) -> None:
    """Fail within seconds when offline."""
    if not is_reached(weights.url):
        megabytes = f"{weights.meta['_file_size']:.0f} MB"
        raise WorkError(
            f"weights: {urlparse(weights.url).hostname} cannot be reached and '{cached}' is not there; either "
            f"download {weights.url} ({megabytes}) elsewhere and put it at that place, or {ways}"
        )


def is_reached(url: str) -> bool:
    """Whether a host answers, within seconds. A thread, since looking up a host name obeys no time-out."""
    reached = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(url, method="HEAD")
            with urllib.request.urlopen(request, timeout=SECONDS_TO_REACH_THE_HUB):
                reached.set()
        except urllib.error.HTTPError:  # it answers; the download itself will say what is wrong
            reached.set()
        except (OSError, http.client.HTTPException, ValueError):  # ValueError: a proxy that is no address
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS_TO_REACH_THE_HUB)
    return reached.is_set()


def _read_weights(path: Path) -> Weights:
    """Read a file of weights, whatever a trainer put around them; UsageError if there are none in it."""
    if path.is_file() and path.suffix.lower() not in ENDINGS:
        raise UsageError(f"weights: '{path}' ends in '{path.suffix}'; allowed are {', '.join(ENDINGS)}")
    try:
        name = f"{path.name} (sha256 {sha256_of(path, MOST_BYTES)[:8]})"
        found = state_of_checkpoint(path)
        state, taken_off = stripped(found.state, KEYS)
        names, passed_over = _fitting_names(found, state)
    except NoFile as error:
        raise UsageError(
            f"weights: '{path}' {error}; give a .pth, .pt or .safetensors file, or {MANUAL_WAYS}"
        ) from None
    except Unreadable as error:
        raise UsageError(f"weights: '{path}' {error}") from None
    return Weights(state, names, name, ", ".join(filter(None, (found.note, taken_off, passed_over))))


def _fitting_names(found: Checkpoint, state: dict[str, Tensor]) -> tuple[list[str] | None, str]:
    """The class names, unless a trainer's list is of other classes than the network's; that is said."""
    head, names = state.get(HEAD), found.class_names
    classes = len(head) if head is not None and head.dim() else 0
    if found.by_trainer and names is not None and len(names) != classes:
        return None, f"without its {len(names)} class names, which are not one for each of {classes} classes"
    return names, ""


def _check_state(state: dict[str, Tensor], name: str) -> int:
    """Return the number of classes, or say in one sentence why these weights do not fit."""
    fit = "the state dict of torchvision's squeezenet1_1 is needed"
    head = state.get(HEAD)
    if not isinstance(head, Tensor) or head.dim() != 4 or len(head) == 0:
        network = recognised(state)
        kind = f", it is of {network}" if network else ""
        raise UsageError(f"weights: {name} has no '{HEAD}' of a 1x1 convolution{kind}; {fit}")
    with torch.device("meta"):  # shapes alone
        expected = squeezenet1_1(num_classes=len(head)).state_dict()
    wrong = misfit(state, expected, "SqueezeNet 1.1")
    if wrong:
        network = recognised(state)
        kind = f": it is of {network}" if network not in ("", "a SqueezeNet", "torchvision's squeezenet1_1") else ""
        raise UsageError(f"weights: {name} {wrong}{kind}; {fit}")
    return len(head)


def _class_names(names: list[str] | None, count: int) -> tuple[str, ...]:
    if names is not None:
        if not isinstance(names, list) or len(names) != count or not all(isinstance(name, str) for name in names):
            raise UsageError(
                f"weights: the file's class_names must be a JSON list of {count} names, one for each class"
            )
        return tuple(names)
    if count == IMAGENET_CLASSES:
        return tuple(IMAGENET.meta["categories"])
    return tuple(f"class {index}" for index in range(count))
