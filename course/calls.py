"""How each part is called, in the child: inputs of course.cases in, arrays under the names of course.cases out."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from course.call_climbs import class_loop, class_step, fooling, style_update
from course.calling import Setting, close, given, kind_of, plain, something
from course.side_effects import Traces, note


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
    left = traces.left()
    setting.notes += left
    if any(key == "mode" for key, _ in left):  # dropout makes each call another one: that is no second fault
        return {"maps": result}
    try:
        again = plain(function(given(inputs["X"]), given(inputs["y"]), network))
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


def gradcam_of_predicted(function: Callable, inputs: dict, setting: Setting) -> dict[str, np.ndarray]:
    """The edition whose class takes 8-bit pictures and finds the labels itself; `function` is the class."""
    pixels = inputs["pixels"].copy()
    pairs = something(function(pixels).gradcam())
    if not np.array_equal(pixels, inputs["pixels"]):
        setting.notes.append(note("input changed", "X"))
    return {"maps": np.stack([plain(pair[1]) for pair in pairs])}


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
