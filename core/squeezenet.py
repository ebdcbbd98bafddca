"""The shared network: SqueezeNet 1.1 (Iandola et al., 2016), its weights and its class names.

    image (N, 3, H, W) -> features (N, 512, h, w) -> classifier.1 (N, K, h, w) -> ReLU -> mean -> scores (N, K)

h = w = 13 for a 224-pixel image. The last ReLU means that every score is >= 0, and that a class whose
map is nowhere positive has score 0 and no gradient; `core.zero_scores` says what is done then.
"""

import hashlib
import http.client
import json
import os
import threading
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torchvision.models import SqueezeNet1_1_Weights, WeightsEnum, squeezenet1_1

from core.defaults import ROOT
from core.errors import UsageError, WorkError
from core.paths import as_path

WEIGHTS_VARIABLE = "SQUEEZENET_WEIGHTS"
EMBEDDED_WEIGHTS = ROOT / "weights" / "squeezenet1_1.safetensors"
IMAGENET = SqueezeNet1_1_Weights.IMAGENET1K_V1
SECONDS_TO_REACH_THE_HUB = 5
MANUAL_WAYS = (
    f"pass --weights FILE (.pth, .pt or .safetensors), or set {WEIGHTS_VARIABLE}=FILE, or connect to the network once"
)


def load_squeezenet(weights: str | Path = "auto", device: str | torch.device | None = None) -> nn.Module:
    """Return SqueezeNet 1.1 in eval mode with frozen parameters.

    The model carries `class_names` (tuple of K strings), `weights_name` (for figures: file and hash)
    and `weights_note` (one line for people: which weights, and where they were found).

    weights: "auto" takes the first of: the file named by SQUEEZENET_WEIGHTS; torchvision's ImageNet
        weights, cached or downloaded; the weights embedded in this repository. "imagenet" and
        "patterns" ask for the second or the third alone. Anything else is a path.
    device: "cpu", "cuda", "mps" or None, the best there is.

    Raises UsageError if a named file or device cannot be used, WorkError if no weights can be had.
    """
    state, names, weights_name, source = _find_weights(weights)
    model = squeezenet1_1(num_classes=_check_state(state, weights_name))
    model.load_state_dict(state)
    model.requires_grad_(False).eval()
    # In channels-last order the CPU convolutions run about twice as fast; the numbers are the same.
    model = model.to(device=choose_device(device), memory_format=torch.channels_last)
    model.class_names = _class_names(names, model.classifier[1].out_channels)
    model.weights_name = weights_name
    model.weights_note = f"weights: {weights_name}, from {source}"
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


def _find_weights(weights) -> tuple[dict[str, Tensor], list[str] | None, str, str]:
    """Search in the documented order; return (state dict, class names or None, name, where found)."""
    choice = str(weights)
    if choice == "imagenet":
        return _imagenet_weights()
    if choice == "patterns":
        if not EMBEDDED_WEIGHTS.exists():
            raise WorkError(f"weights: this repository holds no embedded weights yet; {MANUAL_WAYS}")
        return *_read_weights(EMBEDDED_WEIGHTS), "the repository"
    if choice != "auto":
        return *_read_weights(as_path(choice, "weights")), "the path given"
    if os.environ.get(WEIGHTS_VARIABLE):
        path = as_path(os.environ[WEIGHTS_VARIABLE], "weights")
        return *_read_weights(path), f"the environment variable {WEIGHTS_VARIABLE}"
    try:
        return _imagenet_weights()
    except WorkError as error:
        if not EMBEDDED_WEIGHTS.exists():
            raise
        reason = str(error).removeprefix("weights: ").split(";")[0]
        return *_read_weights(EMBEDDED_WEIGHTS), f"the repository, because {reason}"


def _imagenet_weights():
    path, source = torchvision_file(IMAGENET, MANUAL_WAYS)
    return *_read_weights(path), source


def torchvision_file(weights: WeightsEnum, ways: str) -> tuple[Path, str]:
    """The file of torchvision's own weights, and where it was found: its cache first, else its download.

    The hash is checked both times. ways: what else a person can do, for the WorkError if the file cannot be had.
    """
    file_name = Path(urlparse(weights.url).path).name  # its end is the start of the file's SHA-256
    cached = Path(torch.hub.get_dir()) / "checkpoints" / file_name
    expected = cached.stem.rpartition("-")[2]
    source = "torchvision's cache" if cached.exists() else "torchvision's download"
    if not cached.exists():
        reach_or_raise(weights, cached, ways)
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(weights.url, str(cached), expected)
        except (OSError, RuntimeError, ValueError, http.client.HTTPException) as error:
            raise WorkError(f"weights: the download of {weights.url} failed ({error}); {ways}") from None
    if not sha256_of(cached).startswith(expected):  # torchvision trusts its cache; a cut-off copy is common
        raise WorkError(f"weights: '{cached}' is damaged (its SHA-256 does not start with {expected}); delete it")
    return cached, source


def reach_or_raise(weights: WeightsEnum, cached: Path, ways: str) -> None:
    """Fail within seconds when offline. A thread, since looking up a host name obeys no time-out."""
    reached = threading.Event()

    def ask() -> None:
        try:
            request = urllib.request.Request(weights.url, method="HEAD")
            with urllib.request.urlopen(request, timeout=SECONDS_TO_REACH_THE_HUB):
                reached.set()
        except urllib.error.HTTPError:  # it answers; the download itself will say what is wrong
            reached.set()
        except (OSError, http.client.HTTPException, ValueError):  # ValueError: a proxy that is no address
            pass

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS_TO_REACH_THE_HUB)
    if not reached.is_set():
        megabytes = f"{weights.meta['_file_size']:.0f} MB"
        raise WorkError(
            f"weights: {urlparse(weights.url).hostname} cannot be reached and '{cached}' is not there; either "
            f"download {weights.url} ({megabytes}) elsewhere and put it at that place, or {ways}"
        )


def _read_weights(path: Path) -> tuple[dict[str, Tensor], list[str] | None, str]:
    """Read a state dict; a safetensors file may carry its class names as JSON under "class_names"."""
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "not there"
        raise UsageError(f"weights: '{path}' is {kind}; give a .pth, .pt or .safetensors file, or {MANUAL_WAYS}")
    if path.suffix not in {".pth", ".pt", ".safetensors"}:
        raise UsageError(f"weights: '{path}' ends in '{path.suffix}'; allowed are .pth, .pt and .safetensors")
    names = None
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
                names = json.loads((file.metadata() or {}).get("class_names", "null"))
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except PermissionError as error:
        raise UsageError(f"weights: '{path}' cannot be read ({error.strerror}); change its permissions") from None
    except Exception:  # torch, zipfile, pickle and safetensors raise a dozen kinds for a bad file
        raise UsageError(
            f"weights: '{path}' ({path.stat().st_size} bytes) is not a readable weights file: "
            "truncated, damaged or of another format; get it again"
        ) from None
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):  # a training checkpoint
        state = state["state_dict"]
    return state, names, f"{path.name} (sha256 {sha256_of(path)[:8]})"


def _check_state(state, name: str) -> int:
    """Return the number of classes, or say in one sentence why these weights do not fit."""
    fit = "the state dict of torchvision's squeezenet1_1 is needed"
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UsageError(f"weights: {name} holds no state dict; {fit}")
    head = state.get("classifier.1.weight")
    if head is None or head.dim() != 4 or len(head) == 0:
        raise UsageError(f"weights: {name} has no 'classifier.1.weight' of a 1x1 convolution; {fit}")
    expected = squeezenet1_1(num_classes=len(head)).state_dict()
    unknown = sorted(set(state) - set(expected))
    if unknown:
        raise UsageError(f"weights: {name} has '{unknown[0]}', which SqueezeNet 1.1 does not; {fit}")
    for key, wanted in expected.items():
        if key not in state:
            raise UsageError(f"weights: {name} lacks '{key}'; {fit}")
        if state[key].shape != wanted.shape:
            got = tuple(state[key].shape)
            raise UsageError(f"weights: {name} has '{key}' of shape {got}, not {tuple(wanted.shape)}; {fit}")
        if not state[key].isfinite().all():
            raise UsageError(f"weights: {name} has values in '{key}' that are not finite; get the file again")
    return len(head)


def _class_names(names: list[str] | None, count: int) -> tuple[str, ...]:
    if names is not None:
        if not isinstance(names, list) or len(names) != count or not all(isinstance(name, str) for name in names):
            raise UsageError(
                f"weights: the file's class_names must be a JSON list of {count} names, one for each class"
            )
        return tuple(names)
    if count == len(IMAGENET.meta["categories"]):
        return tuple(IMAGENET.meta["categories"])
    return tuple(f"class {index}" for index in range(count))


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
