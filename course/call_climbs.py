"""How what climbs is called, in the child: the network is watched for a few passes, then the loop is ended."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course.calling import Nothing, Setting, given, kind_of
from course.side_effects import Traces

PASSES = 4  # pictures that are recorded of a climb
NEVER = 1000  # iterations between two of what is to happen once at most


class Stop(BaseException):
    """Ends a climb once enough of it was seen. No `except Exception` catches it; each later pass raises it."""


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
