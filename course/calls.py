"""How each part is called, in the child: inputs of course.cases in, arrays under the names of course.cases out."""

import inspect
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course.side_effects import Traces, note

PASSES = 4  # pictures that are recorded of a climb
NEVER = 1000  # iterations between two of what is to happen once at most


class Stop(BaseException):
    """Ends a climb once enough of it was seen. No `except Exception` catches it; each later pass raises it."""


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


def loss(function: Callable, inputs: dict, setting: Setting, names: str, leaf: str) -> dict[str, np.ndarray]:
    """A loss and its gradient with respect to the input `leaf`, a tensor or a list of them."""
    arguments = {name: given(inputs[name]) for name in names.split()}
    leaves = arguments[leaf] if isinstance(arguments[leaf], list) else [arguments[leaf]]
    tensors = {}
    for name, value in arguments.items():
        for index, each in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(each, Tensor):
                tensors[f"{name}[{index}]" if isinstance(value, list) else name] = each
    traces = Traces(None, tensors)
    for each in leaves:
        each.requires_grad_(True)
    # Features are not leaves in the course: they come out of a network.
    passed = [each * 1 for each in leaves]
    arguments[leaf] = passed if isinstance(arguments[leaf], list) else passed[0]
    before = [each.detach().clone() for each in passed]
    value = something(function(*arguments.values()))
    setting.notes += traces.left()
    if any(not torch.equal(now.detach(), then) for now, then in zip(passed, before, strict=True)):
        setting.notes.append(note("input changed", leaf))
    kind_of(value, setting)
    result = {"loss": plain(value)}
    if result["loss"].shape == (1,):
        result["loss"] = result["loss"][0:1].reshape(())  # the courses take either
    if isinstance(value, Tensor) and value.requires_grad and value.numel() == 1:
        gradients = torch.autograd.grad(value.sum(), leaves, allow_unused=True)
        gradients = [torch.zeros_like(x) if g is None else g for g, x in zip(gradients, leaves, strict=True)]
        joined = gradients[0] if len(leaves) == 1 else torch.cat([each.flatten() for each in gradients])
        result["gradient"] = plain(joined)
    elif plain(value).any():
        setting.notes.append(note("no gradient"))
    return result


def content_loss(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    return loss(function, inputs, setting, "content_weight content_current content_original", "content_current")


def style_loss(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    return loss(function, inputs, setting, "feats style_layers style_targets style_weights", "feats")


def guided_style_loss(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    return loss(function, inputs, setting, "feats style_layers style_targets style_weights content_masks", "feats")


def tv_loss(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    return loss(function, inputs, setting, "img tv_weight", "img")


def gram_matrix(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    features = given(inputs["features"])
    traces = Traces(None, {"features": features})
    value = something(function(features))
    kind_of(value, setting)
    result = {"gram": plain(value), "plain": plain(something(function(given(inputs["features"]), normalize=False)))}
    setting.notes += traces.left()
    return result


def guided_gram_matrix(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    features, masks = given(inputs["features"]), given(inputs["masks"])
    traces = Traces(None, {"features": features, "masks": masks})
    value = something(function(features, masks))
    kind_of(value, setting)
    setting.notes += traces.left()
    return {"gram": plain(value)}


def maps(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    """Maps of pictures X for labels y; called twice, and with each picture alone."""
    network, X, y = setting.copy(), given(inputs["X"]), given(inputs["y"])
    traces = Traces(network, {"X": X, "y": y})
    value = something(function(X, y, network))
    kind_of(value, setting)
    result = plain(value)
    setting.notes += traces.left()
    alone = given(inputs["X"])
    try:
        again = plain(function(alone, given(inputs["y"]), network))
        if again.shape != result.shape or not close(again, result):
            setting.notes.append(note("second call"))
        scaled_together = setting.settings.get("part") == "grad_cam"
        for index in range(len(X) if len(X) > 1 and not scaled_together else 0):
            one = slice(index, index + 1)
            single = plain(function(given(inputs["X"])[one], given(inputs["y"])[one], setting.copy()))
            if single.shape == result[one].shape and not close(single, result[one]):
                setting.notes.append(note("batch", str(index)))
    except Exception:  # what was asked first is what counts
        setting.notes.append(note("second call"))
    return {"maps": result}


def close(a: np.ndarray, b: np.ndarray) -> bool:
    """Equal but for rounding, which at a ReLU may open a gate: most numbers agree, and so does the whole."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    size = np.linalg.norm(b)
    return bool(np.linalg.norm(a - b) <= 0.02 * size + 1e-12) or bool(np.isnan(a).all() and np.isnan(b).all())


def gradcam_of_predicted(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    """The edition whose class takes 8-bit pictures and finds the labels itself; `function` is the class."""
    pixels = inputs["pixels"].copy()
    pairs = something(function(pixels).gradcam())
    if not np.array_equal(pixels, inputs["pixels"]):
        setting.notes.append(note("input changed", "X"))
    return {"maps": np.stack([plain(pair[1]) for pair in pairs])}


def watch(module: nn.Module, most: int) -> tuple[list[Tensor], Any]:
    """Record the pictures that a module is given, the same one twice in a row once; Stop at the last."""
    seen: list[Tensor] = []

    def look(_module: nn.Module, arguments: tuple) -> None:
        image = arguments[0].detach().cpu().float().contiguous().clone()
        new = not seen or seen[-1].shape != image.shape or not torch.equal(seen[-1], image)
        if new and len(seen) < most:
            seen.append(image)
        if len(seen) >= most:
            raise Stop

    return seen, module.register_forward_pre_hook(look)


def climb(
    call: Callable[[], Any], network: nn.Module, setting: Setting, most: int, X: Tensor | None = None
) -> list[Tensor]:
    """The first pictures that the network sees during a call, and what came last where the call ended by itself."""
    traces = Traces(network, {} if X is None else {"X": X})
    seen, handle = watch(network.features[0], most)
    value = None
    try:
        value = call()
    except Stop:
        pass
    finally:
        handle.remove()
    setting.notes += [each for each in traces.left() if each[0] not in ("mode", "gradients left", "flags")]
    if isinstance(value, Tensor) and len(seen) < most and value.dim() == 4:
        kind_of(value, setting)
        last = value.detach().cpu().float()
        if not seen or last.shape != seen[-1].shape or not torch.equal(last, seen[-1]):
            seen.append(last)
    return seen


def pictures(seen: list[Tensor]) -> dict[str, np.ndarray]:
    if not seen:
        return {"images": np.zeros((0, 3, 1, 1), np.float32)}
    last = [each for each in seen if each.shape[1:] == seen[-1].shape[1:]]
    return {"images": torch.cat(last).numpy()}


def accepted(function: Callable, settings: dict[str, Any]) -> dict[str, Any]:
    """Those settings that the function takes."""
    parameters = inspect.signature(function).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return settings
    return {name: value for name, value in settings.items() if name in parameters}


def fooling(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    network, X = setting.copy(), given(inputs["X"])
    settings = {
        name: value for name, value in {"verbose": False}.items() if name in inspect.signature(function).parameters
    }
    return pictures(climb(lambda: function(X, inputs["target_y"], network, **settings), network, setting, PASSES, X))


def class_loop(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    network, parameters = setting.copy(), inspect.signature(function).parameters
    names = {index: f"class {index}" for index in range(1000)}
    positional = [inputs["target_y"], names, network] + [torch.FloatTensor] * ("dtype" in parameters)
    settings = {name: inputs[name] for name in ("l2_reg", "learning_rate", "max_jitter", "blur_every")}
    settings |= {"num_iterations": inputs["num_iterations"] + 1, "show_every": NEVER, "generate_plots": False}
    settings = accepted(function, settings)
    return pictures(climb(lambda: function(*positional, **settings), network, setting, inputs["num_iterations"] + 1))


def class_step(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    """The editions whose function makes one step of a picture, by position or, in the later one, by name."""
    network, img = setting.copy(), given(inputs["img"]).requires_grad_(True)
    traces = Traces(network, {})
    seen = [img.detach().clone()]
    for _ in range(2):
        if "l2_reg" in inspect.signature(function).parameters:
            value = function(img, network, inputs["target_y"], inputs["l2_reg"], inputs["learning_rate"])
        else:
            settings = {"l2_reg": inputs["l2_reg"], "learning_rate": inputs["learning_rate"]}
            value = function(img, inputs["target_y"], network, **settings)
        returned = isinstance(value, Tensor) and value is not img and value.shape == img.shape
        if returned and not torch.equal(value.detach(), img.detach()):
            img = value.detach().clone().requires_grad_(True)
        seen.append(img.detach().clone())
    setting.notes += traces.left()
    if torch.equal(seen[0], seen[-1]) and value is None:
        raise Nothing
    return pictures(seen)


def style_update(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    """The update rule, with right losses."""
    network = setting.copy()
    for name in ("content_image", "style_image"):
        Image.fromarray(inputs[name]).save(f"{name}.png")
    settings = {name: given(value) for name, value in inputs.items() if not name.endswith("_image")}
    settings |= {name: f"{name}.png" for name in ("content_image", "style_image")}
    settings |= {"content_loss": right_content_loss, "style_loss": right_style_loss, "tv_loss": right_tv_loss}
    settings |= {"name": "check", "cnn": network.features, "dtype": torch.FloatTensor, "init_random": False}
    return pictures(climb(lambda: function(**accepted(function, settings)), network, setting, PASSES + 2))


def right_content_loss(weight: float, current: Tensor, original: Tensor) -> Tensor:
    return weight * ((current - original) ** 2).sum()


class RightStyleLoss:
    """Called as the loss, with the Gram matrix as a method, as style_transfer of the courses uses it."""

    def gram_matrix(self, features: Tensor, normalize: bool = True) -> Tensor:
        N, C, H, W = features.shape
        flat = features.reshape(N, C, H * W)
        gram = flat @ flat.transpose(1, 2)
        return gram / (C * H * W) if normalize else gram

    def __call__(self, feats: list[Tensor], layers: list[int], targets: list[Tensor], weights: list[float]) -> Tensor:
        pairs = zip(layers, targets, weights, strict=True)
        return sum(w * ((self.gram_matrix(feats[layer]) - target) ** 2).sum() for layer, target, w in pairs)


right_style_loss = RightStyleLoss()


def right_tv_loss(img: Tensor, weight: float) -> Tensor:
    down, right = img[:, :, 1:] - img[:, :, :-1], img[:, :, :, 1:] - img[:, :, :, :-1]
    return weight * ((down**2).sum() + (right**2).sum())


def preprocess(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    value = something(function(Image.fromarray(inputs["pixels"]), size=inputs["size"]))
    kind_of(value, setting)
    return {"image": plain(value)}


CALLS: dict[str, Callable[[Callable, dict, Setting], dict[str, np.ndarray]]] = {
    each.__name__: each
    for each in (
        content_loss,
        gram_matrix,
        style_loss,
        tv_loss,
        guided_gram_matrix,
        guided_style_loss,
        maps,
        gradcam_of_predicted,
        fooling,
        class_loop,
        class_step,
        style_update,
        preprocess,
    )
}
WITH_A_CLASS = {"gradcam_of_predicted"}  # they get the class itself, not a method of an instance
