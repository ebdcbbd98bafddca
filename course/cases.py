"""The small fixed inputs on which a hand-in is checked: plain data, the same for everyone.

Names of the inputs are the courses' argument names. A tensor is a float32 array, a label array int64, a list of tensors
a tuple of arrays. What the student's code gives back is compared under these names (`outputs` everywhere in course/):

    content_loss, tv_loss              loss: scalar, gradient: d loss / d content_current or img, of its shape
    style_loss, guided_style_loss      loss: scalar, gradient: d loss / d feats, all of them, flattened and concatenated
                                       in their order into (P,), zeros where a layer is not used
    gram_matrix                        gram: (N, C, C), plain: the same with normalize=False
    guided_gram_matrix                 gram: (N, R, C, C)
    saliency, grad_cam                 maps: (N, H, W)
    guided_backprop                    maps: (N, H, W, 3)
    fooling, class_visualization,      images: (T, 3, H, W), the pictures that the network saw, one after the other, and
    style_update                       what came last; a picture seen twice in a row may be there twice
    preprocess                         image: (1, 3, h, w)

fooling has cases for learning rate 10 and 1: an edition takes those of its own. class_visualization has two kinds:
"step ..." for editions whose function takes `img` and makes one step (`images`: it before and after), and "loop ..."
for those whose function makes its own start (no `img`; jitter off; at least the first three pictures of 224 x 224).
style_update: the pictures of the content's size, from the very first pass on, which takes the content's target; at
least 6 of them, and 184 for the lower learning rate to be checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import nn

from course.network import as_double, layers_of, scores_of
from patterns.scenes import render_indexed

MEAN = np.array([0.485, 0.456, 0.406])
STD = np.array([0.229, 0.224, 0.225])
_kept: WeakKeyDictionary[nn.Module, dict[str, list["Case"]]] = WeakKeyDictionary()


@dataclass(frozen=True, eq=False)
class Case:
    """One call of one part."""

    part: str
    name: str
    inputs: dict[str, Any] = field(repr=False)  # arrays, numbers, and tuples of them
    network: bool = False  # whether the call takes the network, too


def cases_of(part: str, network: nn.Module | None = None) -> list[Case]:
    """The cases of a part; `network` is needed for those that take it. The same list each time for one network."""
    if network is None:
        return _without_network(part)
    kept = _kept.setdefault(network, {})
    if part not in kept:
        kept[part] = MAKERS[part](network) if part in MAKERS else _without_network(part)
    return kept[part]


@lru_cache
def _without_network(part: str) -> list[Case]:
    return LOSSES[part]()


def noise(*shape: int, seed: int) -> np.ndarray:
    """Normal numbers, float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def positive(*shape: int, seed: int) -> np.ndarray:
    """What a layer gives after its ReLU: numbers >= 0, a third of them 0."""
    return np.maximum(noise(*shape, seed=seed) + 0.4, 0).astype(np.float32)


def picture(label: int, index: int, height: int = 64, width: int = 80) -> np.ndarray:
    """A scene with a little noise (so that no two pixels tie), uint8 (height, width, 3)."""
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    scene = render_indexed(label, seed=5, index=index, size=side).image[top : top + height, left : left + width]
    grains = np.random.default_rng(100 + label).normal(0, 6, scene.shape)
    return np.clip(scene + grains, 0, 255).astype(np.uint8)


def prepared(*pictures: np.ndarray) -> np.ndarray:
    """uint8 pictures (H, W, 3) -> what the network takes, float32 (N, 3, H, W)."""
    return ((np.stack(pictures) / 255 - MEAN) / STD).transpose(0, 3, 1, 2).astype(np.float32)


def gram_of(features: np.ndarray) -> np.ndarray:
    """(..., C, H, W) -> (..., C, C) divided by C * H * W, float32: a target."""
    flat = features.reshape(*features.shape[:-2], -1).astype(np.float64)
    return (flat @ np.swapaxes(flat, -1, -2) / np.prod(features.shape[-3:])).astype(np.float32)


def content_cases() -> list[Case]:
    return [
        Case(
            "content_loss",
            f"content loss, features {shape}",
            {
                "content_weight": weight,
                "content_current": noise(*shape, seed=seed),
                "content_original": noise(*shape, seed=seed + 1),
            },
        )
        for shape, weight, seed in (((1, 6, 5, 7), 0.3, 1), ((1, 4, 6, 3), 7.0, 3))  # the courses give one picture
    ]


def gram_cases() -> list[Case]:
    shapes = ((1, 6, 5, 7), (2, 4, 3, 5), (2, 7, 4, 2))
    return [
        Case("gram_matrix", f"Gram matrix, features {shape}", {"features": positive(*shape, seed=9 + i)})
        for i, shape in enumerate(shapes)
    ]


def style_cases() -> list[Case]:
    cases = []
    for count, seed in ((1, 20), (2, 40)):
        shapes = ((5, 7, 9), (5, 6, 7), (5, 5, 6), (5, 4, 5), (5, 3, 4))
        feats = tuple(positive(count, *shape, seed=seed + i) for i, shape in enumerate(shapes))
        layers = (1, 3, 4) if count == 1 else (2, 4)
        targets = tuple(gram_of(positive(count, *shapes[layer], seed=seed + 10 + layer)) for layer in layers)
        inputs = {
            "feats": feats,
            "style_layers": layers,
            "style_targets": targets,
            "style_weights": (30.0, 7.0, 2.0)[: len(layers)],
        }
        cases.append(Case("style_loss", f"style loss, layers {layers}, {count} picture(s)", inputs))
    return cases


def tv_cases() -> list[Case]:
    shapes = (((1, 3, 6, 9), 0.3, 60), ((2, 3, 7, 5), 4.0, 61))
    return [
        Case("tv_loss", f"total variation, picture {shape}", {"img": noise(*shape, seed=seed), "tv_weight": weight})
        for shape, weight, seed in shapes
    ]


def masks_of(*shape: int, seed: int) -> np.ndarray:
    """Soft masks between 0 and 1, float32 (N, R, H, W)."""
    return np.random.default_rng(seed).uniform(0, 1, shape).round(2).astype(np.float32)


def guided_gram_cases() -> list[Case]:
    cases = []
    for shape, seed in (((1, 2, 4, 5, 6), 70), ((2, 3, 5, 4, 3), 75)):
        masks = masks_of(*shape[:2], *shape[3:], seed=seed)
        inputs = {"features": positive(*shape, seed=seed), "masks": masks}
        cases.append(Case("guided_gram_matrix", f"guided Gram matrix, features {shape}", inputs))
    return cases


def guided_style_cases() -> list[Case]:
    cases = []
    for count, seed in ((1, 80), (2, 90)):
        shapes = ((2, 5, 6, 7), (2, 5, 5, 6), (2, 5, 4, 5), (2, 5, 3, 4))
        feats = tuple(positive(count, *shape, seed=seed + i) for i, shape in enumerate(shapes))
        masks = tuple(masks_of(count, shape[0], *shape[2:], seed=seed + i) for i, shape in enumerate(shapes))
        layers = (1, 2, 3) if count == 1 else (2, 3)
        targets = tuple(gram_of(positive(count, *shapes[layer], seed=seed + 5 + layer)) for layer in layers)
        inputs = {
            "feats": feats,
            "style_layers": layers,
            "style_targets": targets,
            "style_weights": (30.0, 7.0, 2.0)[: len(layers)],
            "content_masks": masks,
        }
        cases.append(Case("guided_style_loss", f"guided style loss, layers {layers}, {count} picture(s)", inputs))
    return cases


def preprocess_cases() -> list[Case]:
    sizes = ((20, 72, 96, 48), (8, 90, 60, 32))
    return [
        Case(
            "preprocess",
            f"picture of {width} x {height}, size {size}",
            {"pixels": picture(label, 3, height, width), "size": size},
        )
        for label, height, width, size in sizes
    ]


def map_cases(part: str, network: nn.Module) -> list[Case]:
    """Two pictures, and one that stands upright. The first label is the second best, the next is the prediction."""
    X = prepared(picture(8, 8), picture(13, 13)), prepared(picture(31, 31, 80, 64))
    orders = [scores_of(as_double(network), torch.from_numpy(x).double()).argsort(descending=True) for x in X]
    labels = [int(orders[0][0, 1]), int(orders[0][1, 0])], [int(orders[1][0, 2])]
    return two_cases(part, X, labels)


def two_cases(part: str, X: Sequence[np.ndarray], labels: Sequence[list[int]]) -> list[Case]:
    names = ("two pictures", "one picture")
    return [
        Case(part, name, {"X": x, "y": np.array(y, dtype=np.int64)}, network=True)
        for name, x, y in zip(names, X, labels, strict=True)
    ]


def grad_cam_cases(network: nn.Module) -> list[Case]:
    """Square pictures, and for each the class with the best score that not every cell speaks for.

    Square: the lines that the course gives resize to `X_tensor[i, 0].shape`, which Pillow takes for (width, height).
    Where all cells speak for a class, the gradient is the same at each of them, and many a mistake is not seen.
    """
    X = prepared(picture(27, 27, 112, 112), picture(20, 20, 112, 112)), prepared(picture(31, 31, 112, 112))
    labels = []
    for x in X:
        maps = as_double(network).classifier[1](layers_of(as_double(network), torch.from_numpy(x).double())[-1])
        share = (maps > 0).double().mean(dim=(2, 3))  # of cells that speak for a class
        mixed = (share > 0.3) & (share < 0.75)
        scores = maps.relu().mean(dim=(2, 3)) * mixed.all(dim=0)  # a label of one picture counts at the other, too
        labels.append([])
        for row in scores:
            row[labels[-1]] = -1
            labels[-1].append(int(row.argmax()))
    return two_cases("grad_cam", X, labels)


def fooling_cases(network: nn.Module) -> list[Case]:
    cases = []
    for label, rate in ((3, 10), (8, 10), (3, 1), (8, 1)):
        X = prepared(picture(label, label))
        order = scores_of(as_double(network), torch.from_numpy(X).double())[0].argsort(descending=True)
        inputs = {"X": X, "target_y": int(order[9]), "learning_rate": rate}
        cases.append(Case("fooling", f"towards class {int(order[9])}, learning rate {rate}", inputs, network=True))
    return cases


def class_cases(network: nn.Module) -> list[Case]:
    common = {"l2_reg": 1e-3, "learning_rate": 25.0, "max_jitter": 0, "blur_every": 1000, "num_iterations": 3}
    cases = []
    for label, l2_reg, rate in ((27, 3e-2, 5.0), (11, 1e-2, 2.0)):
        img = 0.7 * prepared(picture(label, label))
        order = scores_of(as_double(network), torch.from_numpy(img).double())[0].argsort(descending=True)
        target = int(order[2])
        inputs = {"img": img.astype(np.float32), "target_y": target, "l2_reg": l2_reg, "learning_rate": rate}
        cases.append(Case("class_visualization", f"step, class {target}", inputs, network=True))
    return [*cases, Case("class_visualization", "loop, class 12", {"target_y": 12} | common, network=True)]


def update_cases(network: nn.Module) -> list[Case]:
    inputs = {
        "content_image": picture(27, 27, 48, 64),
        "style_image": picture(8, 8, 56, 56),
        "image_size": 48,
        "style_size": 40,
        "content_layer": 3,
        "content_weight": 6e-2,
        "style_layers": (1, 4, 6),
        "style_weights": (2000.0, 500.0, 12.0),
        "tv_weight": 5e-2,
    }
    return [Case("style_update", "a scene in the style of another", inputs, network=True)]


LOSSES = {
    "content_loss": content_cases,
    "gram_matrix": gram_cases,
    "style_loss": style_cases,
    "tv_loss": tv_cases,
    "guided_gram_matrix": guided_gram_cases,
    "guided_style_loss": guided_style_cases,
    "preprocess": preprocess_cases,
}
MAKERS = {
    "saliency": lambda network: map_cases("saliency", network),
    "guided_backprop": lambda network: map_cases("guided_backprop", network),
    "grad_cam": grad_cam_cases,
    "fooling": fooling_cases,
    "class_visualization": class_cases,
    "style_update": update_cases,
}
