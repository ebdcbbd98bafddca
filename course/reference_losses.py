"""The losses, step by step."""

import torch
from torch import Tensor

from course.steps import Work, leaf, pipeline, same, tensor


def multiplied(weight: float, value: Tensor) -> Tensor:
    return weight * value


def with_gradient(loss: Tensor, *leaves: Tensor) -> dict[str, Tensor]:
    """The loss and its gradient: of the leaf's shape if it is one, else concatenated."""
    gradients = [torch.zeros_like(each) for each in leaves]
    if loss.requires_grad:
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        gradients = [g if g is not None else zero for g, zero in zip(found, gradients, strict=True)]
    joined = gradients[0] if len(leaves) == 1 else torch.cat([each.flatten() for each in gradients])
    return {"loss": loss.detach(), "gradient": joined}


@pipeline(
    "content_loss",
    enter=same,
    difference=torch.sub,
    power=torch.square,
    reduce=torch.sum,
    weigh=multiplied,
)
def content_loss(steps, inputs: dict, _work: Work) -> dict[str, Tensor]:
    """weight * sum of (F - P)^2"""
    current, original = leaf(inputs["content_current"]), tensor(inputs["content_original"])
    distance = steps.reduce(steps.power(steps.difference(steps.enter(current), original)))
    return with_gradient(steps.weigh(inputs["content_weight"], distance), current)


def by_position(features: Tensor) -> Tensor:
    """(N, C, H, W) -> (N, C, P)"""
    return features.reshape(*features.shape[:2], -1)


def products(flat: Tensor) -> Tensor:
    """(N, C, P) -> (N, C, C)"""
    return flat @ flat.transpose(-1, -2)


def sizes_product(shape: torch.Size) -> float:
    """C * H * W of features (N, C, H, W)"""
    return shape[1] * shape[2] * shape[3]


GRAM = {"arrange": by_position, "products": products, "divisor": sizes_product}


def gram(steps, features: Tensor) -> Tensor:
    return steps.products(steps.arrange(features)) / steps.divisor(features.shape)


@pipeline(
    "gram_matrix",
    **GRAM,
    plain=lambda gram, divisor: gram,
    normalised=lambda gram, divisor: gram / divisor,
)
def gram_matrix(steps, inputs: dict, _work: Work) -> dict[str, Tensor]:
    """F F' / (C * H * W), and F F'."""
    features = tensor(inputs["features"])
    sums, divisor = steps.products(steps.arrange(features)), steps.divisor(features.shape)
    return {"gram": steps.normalised(sums, divisor), "plain": steps.plain(sums, divisor)}


def each_layer(terms: list[Tensor]) -> Tensor:
    """The sum over the layers."""
    return sum(terms[1:], terms[0])


STYLE = {
    "enter": same,
    "layer": lambda i, layer: layer,
    "weight": lambda weights, i: weights[i],
    "target": lambda targets, i, gram: targets[i],
    "power": torch.square,
    "reduce": torch.sum,
    "weigh": multiplied,
    "total": each_layer,
}


def style_terms(steps, inputs: dict, gram_at) -> Tensor:
    """The sum over layers of weight * sum of (G - A)^2; gram_at(index of the layer) -> (..., C, C)."""
    targets, terms = [tensor(target) for target in inputs["style_targets"]], []
    for i, layer in enumerate(inputs["style_layers"]):
        matrix = gram_at(steps.layer(i, layer))
        target = steps.target(targets, i, matrix)
        if matrix.shape[-1] != target.shape[-1]:  # where the wrong layer is taken, a student's code stops here
            raise ValueError("Gram matrices of different sizes")
        distance = steps.reduce(steps.power(matrix - target))
        terms.append(steps.weigh(steps.weight(inputs["style_weights"], i), distance))
    return steps.total(terms)


@pipeline("style_loss", **GRAM, **STYLE)
def style_loss(steps, inputs: dict, _work: Work) -> dict[str, Tensor]:
    leaves = [leaf(features) for features in inputs["feats"]]
    loss = style_terms(steps, inputs, lambda layer: gram(steps, steps.enter(leaves[layer])))
    return with_gradient(loss, *leaves)


def slopes(img: Tensor) -> tuple[Tensor, Tensor]:
    """The differences of neighbours: one below the other, one beside the other."""
    return img[:, :, 1:] - img[:, :, :-1], img[..., 1:] - img[..., :-1]


@pipeline(
    "tv_loss",
    enter=same,
    slopes=slopes,
    power=torch.square,
    reduce=torch.sum,
    total=lambda down, right: down + right,
    weigh=multiplied,
)
def tv_loss(steps, inputs: dict, _work: Work) -> dict[str, Tensor]:
    """weight * (sum of squared differences downwards + sum of those to the right)"""
    img = leaf(inputs["img"])
    down, right = steps.slopes(steps.enter(img))
    total = steps.total(steps.reduce(steps.power(down)), steps.reduce(steps.power(right)))
    return with_gradient(steps.weigh(inputs["tv_weight"], total), img)


def masked(features: Tensor, masks: Tensor) -> Tensor:
    """(N, R, C, H, W), (N, R, H, W) -> (N, R, C, H, W)"""
    return features * masks[:, :, None]


GUIDED = {
    "mask": masked,
    "products": products,
    "divisor": lambda shape, masks: shape[2] * shape[3] * shape[4],
    "regions": same,
}


def guided_gram(steps, features: Tensor, masks: Tensor) -> Tensor:
    """The Gram matrix of what each region's mask leaves, (N, R, C, C)."""
    flat = steps.mask(features, masks).flatten(-2)
    return steps.regions(steps.products(flat) / steps.divisor(features.shape, masks))


@pipeline("guided_gram_matrix", **GUIDED)
def guided_gram_matrix(steps, inputs: dict, _work: Work) -> dict[str, Tensor]:
    return {"gram": guided_gram(steps, tensor(inputs["features"]), tensor(inputs["masks"]))}


@pipeline("guided_style_loss", **GUIDED, **STYLE)
def guided_style_loss(steps, inputs: dict, _work: Work) -> dict[str, Tensor]:
    leaves = [leaf(features) for features in inputs["feats"]]
    masks = [tensor(mask) for mask in inputs["content_masks"]]
    loss = style_terms(steps, inputs, lambda k: guided_gram(steps, steps.enter(leaves[k]), masks[k]))
    return with_gradient(loss, *leaves)
