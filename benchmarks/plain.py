"""The baseline: the course's loops as a student writes them, on the network as torchvision gives it.

One image at a time, all modules and all scores computed, `.backward()` into the image, no thought of memory order.
They are here to be compared with, and for nothing else.
"""

import random
from collections.abc import Callable

import torch
from scipy.ndimage import gaussian_filter1d
from torch import Tensor, nn


def class_visualization(
    model: nn.Module, target: int, *, iterations: int, learning_rate: float = 25.0, l2_reg: float = 1e-3
) -> Tensor:
    """Gradient ascent from noise, with jitter, a clamp, and a blur every ten iterations -> (1, 3, 224, 224)."""
    image = torch.randn(1, 3, 224, 224).requires_grad_()
    for iteration in range(iterations):
        right, down = random.randint(0, 16), random.randint(0, 16)
        image.data.copy_(torch.roll(image.data, (down, right), (2, 3)))
        score = model(image)[0, target] - l2_reg * (image * image).sum()
        score.backward()
        with torch.no_grad():
            image += learning_rate * image.grad / image.grad.norm()
            image.grad.zero_()
        image.data.copy_(torch.roll(image.data, (-down, -right), (2, 3)))
        for channel, (mean, spread) in enumerate(((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))):
            image.data[:, channel].clamp_(-mean / spread, (1 - mean) / spread)
        if iteration % 10 == 0:
            pixels = gaussian_filter1d(image.data.numpy(), 0.5, axis=2)
            image.data.copy_(torch.from_numpy(gaussian_filter1d(pixels, 0.5, axis=3)))
    return image.detach()


def fool(model: nn.Module, image: Tensor, target: int, *, iterations: int = 100) -> Tensor:
    """Steps of length 1 along the gradient of the target's score until it is on top; (1, 3, H, W) -> the same."""
    image = image.clone().requires_grad_()
    for _ in range(iterations):
        scores = model(image)
        if scores.argmax() == target:
            break
        scores[0, target].backward()
        with torch.no_grad():
            image += image.grad / image.grad.norm()
            image.grad.zero_()
    return image.detach()


def extract_features(image: Tensor, features: nn.Sequential) -> list[Tensor]:
    """The output of every module."""
    outputs = []
    for module in features.children():
        image = module(image)
        outputs.append(image)
    return outputs


def gram_matrix(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, C), divided by C * H * W."""
    count, channels, height, width = features.shape
    flat = features.view(count, channels, height * width)
    return torch.matmul(flat, flat.transpose(1, 2)) / (channels * height * width)


def style_transfer(
    content: Tensor,
    style: Tensor,
    features: nn.Sequential,
    *,
    content_layer: int,
    content_weight: float,
    style_layers: tuple[int, ...],
    style_weights: tuple[float, ...],
    tv_weight: float,
    iterations: int = 200,
    callback: Callable[[float], bool] | None = None,
) -> tuple[Tensor, float]:
    """Adam by the course's schedule, lr 3 and then 0.1 -> (picture (1, 3, H, W), its loss before the last step).

    callback: sees the loss before each step, and stops the loop by True.
    """
    content_target = extract_features(content, features)[content_layer].detach()
    style_outputs = extract_features(style, features)
    style_targets = [gram_matrix(style_outputs[layer]).detach() for layer in style_layers]
    image = content.clone().requires_grad_()
    optimizer = torch.optim.Adam([image], lr=3.0)
    for iteration in range(iterations):
        if iteration < 190:
            image.data.clamp_(-1.5, 1.5)
        optimizer.zero_grad()
        outputs = extract_features(image, features)
        loss = content_weight * ((outputs[content_layer] - content_target) ** 2).sum()
        for layer, target, weight in zip(style_layers, style_targets, style_weights, strict=True):
            loss = loss + weight * ((gram_matrix(outputs[layer]) - target) ** 2).sum()
        down, right = image[:, :, 1:] - image[:, :, :-1], image[:, :, :, 1:] - image[:, :, :, :-1]
        loss = loss + tv_weight * ((down**2).sum() + (right**2).sum())
        if callback is not None and callback(float(loss.detach())):
            break
        loss.backward()
        if iteration == 180:
            optimizer = torch.optim.Adam([image], lr=0.1)
        optimizer.step()
    return image.detach(), float(loss.detach())
