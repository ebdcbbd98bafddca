"""Saliency, guided backprop and Grad-CAM, step by step."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from course.network import head, layers_of, plain_relu, scores_of
from course.steps import Work, pipeline, same, tensor

GRAD_CAM_LAYER = 12


def own_scores(scores: Tensor, y: Tensor) -> Tensor:
    """The sum of each picture's score of its label: its gradient holds each picture's own."""
    return scores[torch.arange(len(y)), y].sum()


def labels_of(inputs: dict) -> Tensor:
    return torch.as_tensor(inputs["y"])


class GatedReLU(torch.autograd.Function):
    """A ReLU whose backward pass is a function of its input and of the gradient that comes back."""

    @staticmethod
    def forward(ctx, x: Tensor, gate: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.gate = gate
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        return ctx.gate(x, gradient), None


def plain_gate(x: Tensor, gradient: Tensor) -> Tensor:
    return gradient * (x > 0)


def guided_gate(x: Tensor, gradient: Tensor) -> Tensor:
    """Open where the ReLU's input and the gradient that comes back are both positive."""
    return gradient * (x > 0) * (gradient > 0)


def everywhere(_place: str) -> bool:
    return True


def gated(gate: Callable, where: Callable[[str], bool]) -> Callable[[Tensor, str], Tensor]:
    """A ReLU with this gate where `where` says so, an ordinary one elsewhere."""
    return lambda x, place: GatedReLU.apply(x, gate) if where(place) else plain_relu(x, place)


def input_gradient(network: nn.Module, X: Tensor, objective: Callable[[Tensor], Tensor], relu=plain_relu) -> Tensor:
    """d objective(scores) / d X, like X."""
    X = X.detach().clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(objective(scores_of(network, X, relu)), X)
    return gradient


@pipeline(
    "saliency",
    objective=own_scores,
    gradient=lambda gradient, X: gradient,
    magnitude=torch.abs,
    channels=lambda values: values.amax(dim=1),
    order=lambda gradient, magnitude, channels: channels(magnitude(gradient)),
    finish=same,
)
def saliency(steps, inputs: dict, work: Work) -> dict[str, Tensor]:
    """The largest magnitude over the channels of d score_y / d X."""
    X, y = tensor(inputs["X"]), labels_of(inputs)
    found = work.once(
        steps.objective, lambda: input_gradient(work.network, X, lambda scores: steps.objective(scores, y))
    )
    return {"maps": steps.finish(steps.order(steps.gradient(found, X), steps.magnitude, steps.channels))}


@pipeline(
    "guided_backprop",
    objective=own_scores,
    gate=guided_gate,
    where=everywhere,
    gradient=lambda gradient, X: gradient,
    layout=lambda gradient: gradient.permute(0, 2, 3, 1),
    finish=same,
)
def guided_backprop(steps, inputs: dict, work: Work) -> dict[str, Tensor]:
    """d score_y / d X with every ReLU's backward pass gated twice, (N, H, W, 3)."""
    X, y = tensor(inputs["X"]), labels_of(inputs)
    relu = gated(steps.gate, steps.where)
    found = work.once(
        (steps.objective, steps.gate, steps.where),
        lambda: input_gradient(work.network, X, lambda scores: steps.objective(scores, y), relu),
    )
    return {"maps": steps.finish(steps.layout(steps.gradient(found, X)))}


def at_layer(network: nn.Module, X: Tensor, objective: Callable[[Tensor], Tensor], layer: int) -> tuple[Tensor, Tensor]:
    """The output of features.layer, (N, K, h, w), and the gradient of the objective there."""
    activation = layers_of(network, X)[layer].detach().requires_grad_(True)
    last = (layers_of(network, activation, start=layer + 1) or [activation])[-1]
    (gradient,) = torch.autograd.grad(objective(head(network, last)), activation)
    return activation.detach(), gradient


def weighted_sum(weights: Tensor, activation: Tensor) -> Tensor:
    """(N, K, 1, 1), (N, K, h, w) -> (N, h, w)"""
    return (weights * activation).sum(dim=1)


def rectified_then_resized(maps: Tensor, rectify: Callable, resize: Callable, size: tuple[int, int]) -> Tensor:
    return resize(rectify(maps), size)


def resized(maps: Tensor, size: tuple[int, int], kind: Image.Resampling = Image.Resampling.BICUBIC) -> Tensor:
    """(N, h, w) -> (N, height, width), by Pillow, as the course's given lines do it."""
    pictures = [Image.fromarray(one).resize((size[1], size[0]), kind) for one in maps.float().numpy()]
    return tensor(np.stack(pictures))


def scaled_together(maps: Tensor) -> Tensor:
    """To 0..1 by the least and the largest value of all."""
    return (maps - maps.min()) / (maps.max() - maps.min())


@pipeline(
    "grad_cam",
    layer=lambda: GRAD_CAM_LAYER,
    objective=own_scores,
    gradient=lambda gradient, activation: gradient,
    weights=lambda gradient: gradient.mean(dim=(2, 3), keepdim=True),
    combine=weighted_sum,
    order=rectified_then_resized,
    rectify=torch.relu,
    resize=resized,
    scale=scaled_together,
)
def grad_cam(steps, inputs: dict, work: Work) -> dict[str, Tensor]:
    """relu of the sum over channels of the mean gradient times the activation, resized and scaled."""
    X, y, layer = tensor(inputs["X"]), labels_of(inputs), steps.layer()
    activation, gradient = work.once(
        (steps.objective, layer),
        lambda: at_layer(work.network, X, lambda scores: steps.objective(scores, y), layer),
    )
    maps = steps.combine(steps.weights(steps.gradient(gradient, activation)), activation)
    return {"maps": steps.scale(steps.order(maps, steps.rectify, steps.resize, tuple(X.shape[2:])))}
