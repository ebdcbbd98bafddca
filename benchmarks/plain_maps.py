"""Every map of the catalogue written once more, as plainly as its formula: what ours are compared with.

One image, one layer, one sample at a time, through the whole network, with PyTorch's own autograd. Nothing of ours is
used but the random masks of RISE, which are chance and no part of its formula.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from visualizers.rise import random_masks

Places = Callable[[Tensor], Tensor]  # what a layer gives -> its places (N, K, h, w)

RELUS = {functional.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_}
SETTINGS = {"nodes": 2, "samples": 2, "masks": 4, "grid": 4, "channels": 4, "patch": 32, "stride": 32}
NOISE, PROBABILITY, SEED = 0.15, 0.5, 7


class Guided(torch.autograd.Function):
    """A ReLU that passes back what is positive, where it was open."""

    @staticmethod
    def forward(context, values: Tensor) -> Tensor:
        context.save_for_backward(values)
        return values.clamp(min=0)

    @staticmethod
    def backward(context, gradient: Tensor) -> Tensor:
        return (context.saved_tensors[0] > 0) * gradient.clamp(min=0)


class Deconvolved(Guided):
    """A ReLU that passes back what is positive, wherever it was open."""

    @staticmethod
    def backward(_context, gradient: Tensor) -> Tensor:
        return gradient.clamp(min=0)


class OtherRelus(TorchFunctionMode):
    """Within the block every ReLU, module or function, is another one; `count` says how many ran."""

    def __init__(self, relu: type[Guided] | None = None) -> None:
        super().__init__()
        self.relu, self.count = relu, 0

    def __torch_function__(self, function, _types, arguments=(), named=None):
        if function not in RELUS:
            return function(*arguments, **(named or {}))
        self.count += 1
        return arguments[0].clamp(min=0) if self.relu is None else self.relu.apply(arguments[0])


def relus_of(model: nn.Module, images: Tensor) -> tuple[int, int]:
    """How many ReLUs run in a forward pass, and how many of them are modules."""
    modules: list[nn.Module] = []
    handles = [
        module.register_forward_hook(lambda module, *_: modules.append(module))
        for module in model.modules()
        if isinstance(module, nn.ReLU)
    ]
    with OtherRelus() as every, torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return every.count, len(modules)


def score(model: nn.Module, image: Tensor, label: int) -> float:
    """Of one image (3, H, W)."""
    with torch.no_grad():
        return float(model(image[None])[0, label])


def gradient(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Of one image (3, H, W) -> (3, H, W)."""
    image = image.clone().requires_grad_(True)
    (result,) = torch.autograd.grad(model(image[None])[0, label], [image])
    return result


def guided(model: nn.Module, image: Tensor, label: int, relu: type[Guided] = Guided) -> Tensor:
    """The gradient (3, H, W) through other ReLUs."""
    with OtherRelus(relu):
        return gradient(model, image, label)


def noisy(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Gradients (S, 3, H, W) of noisy copies."""
    chance = torch.Generator().manual_seed(SEED)
    disturbances = torch.randn(SETTINGS["samples"], *image.shape, generator=chance).to(image)
    level = NOISE * (image.max() - image.min())
    return torch.stack([gradient(model, image + level * each, label) for each in disturbances])


def integrated(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """By Gauss-Legendre quadrature of few nodes (3, H, W)."""
    places, weights = np.polynomial.legendre.leggauss(SETTINGS["nodes"])
    nodes = zip((places + 1) / 2, weights / 2, strict=True)
    return image * sum(weight * gradient(model, image * place, label) for place, weight in nodes)


def covered(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Drops of the score (gh, gw) where a window has the mean colour."""
    patch, stride, whole, rows = SETTINGS["patch"], SETTINGS["stride"], score(model, image, label), []
    for top in range(0, image.shape[1] - patch + stride, stride):
        rows.append([])
        for left in range(0, image.shape[2] - patch + stride, stride):
            changed = image.clone()
            changed[:, top : top + patch, left : left + patch] = 0
            rows[-1].append(whole - score(model, changed, label))
    return torch.tensor(rows, dtype=image.dtype)


def seen_through_masks(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """RISE (H, W), less the expected score."""
    chance = torch.Generator().manual_seed(SEED)
    count, size = SETTINGS["masks"], image.shape[1:]
    masks = random_masks(count, size, grid=SETTINGS["grid"], probability=PROBABILITY, generator=chance).to(image)
    scores = [score(model, image * mask, label) for mask in masks]
    middle = sum(scores) / count
    return sum((each - middle) * mask for each, mask in zip(scores, masks, strict=True)) / (PROBABILITY * count)


class AtLayer:
    """A layer of a network, its places (N, K, h, w) and what the score owes to them."""

    def __init__(self, model: nn.Module, layer: str, places: Places) -> None:
        self.model, self.layer, self.places = model, model.get_submodule(layer), places

    def values(self, image: Tensor, label: int) -> tuple[Tensor, Tensor]:
        """Of one image (3, H, W): activation and gradient, both (K, h, w)."""
        kept = []

        def keep(_module, _inputs, output: Tensor) -> Tensor:
            kept.append(output)
            return output.clone()  # what follows may work in place

        handle = self.layer.register_forward_hook(keep)
        total = self.model(image[None].clone().requires_grad_(True))[0, label]
        handle.remove()
        (slope,) = torch.autograd.grad(total, kept)
        return self.places(kept[0].detach())[0], self.places(slope)[0]

    def gradcam(self, image: Tensor, label: int) -> Tensor:
        activation, slope = self.values(image, label)
        return sum(a * g.mean() for a, g in zip(activation, slope, strict=True)).clamp(min=0)

    def hires(self, image: Tensor, label: int) -> Tensor:
        activation, slope = self.values(image, label)
        return sum(a * g for a, g in zip(activation, slope, strict=True)).clamp(min=0)

    def xgrad(self, image: Tensor, label: int) -> Tensor:
        activation, slope = self.values(image, label)
        weights = [(a * g).sum() / a.sum() if a.sum() != 0 else 0 for a, g in zip(activation, slope, strict=True)]
        return sum(w * a for w, a in zip(weights, activation, strict=True)).clamp(min=0)

    def plus_plus(self, image: Tensor, label: int) -> Tensor:
        """The paper's second and third derivatives of exp(score), by powers of the first."""
        total = 0
        for a, g in zip(*self.values(image, label), strict=True):
            below = 2 * g**2 + a.clamp(min=0).sum() * g**3
            alpha = torch.where((below != 0) & (g > 0), g**2 / torch.where(below != 0, below, 1), 0)
            total = total + (alpha * g.clamp(min=0)).sum() * a
        return total.clamp(min=0)

    def layercam(self, image: Tensor, label: int) -> Tensor:
        activation, slope = self.values(image, label)
        return sum(a * g.clamp(min=0) for a, g in zip(activation, slope, strict=True)).clamp(min=0)

    def eigen(self, image: Tensor, label: int) -> Tensor:
        """By numpy, with the sign by which it is positive where the channels fire."""
        activation = self.values(image, label)[0].numpy()
        positions = activation.reshape(len(activation), -1).T
        result = positions @ np.linalg.svd(positions, full_matrices=False)[2][0]
        result = result if result @ positions.clip(min=0).sum(axis=1) >= 0 else -result
        return torch.from_numpy(result.reshape(activation.shape[1:])).clamp(min=0)

    def scorecam(self, image: Tensor, label: int) -> Tensor:
        """Of the channels that vary most."""
        activation = self.values(image, label)[0]
        varied = sorted(activation, key=lambda channel: float(channel.std(correction=0)), reverse=True)
        chosen, scores = varied[: SETTINGS["channels"]], []
        for channel in chosen:
            mask = enlarged(channel, image)
            span = mask.max() - mask.min()
            scores.append(score(self.model, image * (mask - mask.min()) / (span if span else 1), label))
        shares = np.exp(np.array(scores) - max(scores))
        return sum(share * each for share, each in zip(shares / shares.sum(), chosen, strict=True)).clamp(min=0)

    def guided(self, image: Tensor, label: int) -> Tensor:
        return guided(self.model, image, label) * enlarged(self.gradcam(image, label), image)


def enlarged(coarse: Tensor, image: Tensor) -> Tensor:
    """(h, w) -> (H, W), bilinear."""
    return functional.interpolate(coarse[None, None], image.shape[1:], mode="bilinear", align_corners=False)[0, 0]


def fused(model: nn.Module, image: Tensor, label: int, layers: tuple[str, ...], places: Places) -> Tensor:
    """Layer-CAM at several layers (H, W), each by its largest value."""
    maps = [enlarged(AtLayer(model, layer, places).layercam(image, label), image) for layer in layers]
    return sum(each / each.max() if each.max() > 0 else each for each in maps) / len(maps)


def class_map(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Of SqueezeNet: a row of its last convolution, by numpy, (h, w)."""
    with torch.no_grad():
        features, last = model.features(image[None])[0].numpy(), model.classifier[1]
    row = np.einsum("khw,k->hw", features, last.weight[label, :, 0, 0].detach().numpy())
    return torch.from_numpy(row + float(last.bias[label])).clamp(min=0)


def attended(model: nn.Module, image: Tensor, label: int) -> tuple[list[Tensor], list[Tensor]]:
    """Of torchvision's ViT, its forward pass written out: weights (heads, T, T) of each block, and their gradients."""
    tokens = torch.cat([model.class_token, model._process_input(image[None])], dim=1)[0]
    state, weights = tokens + model.encoder.pos_embedding[0], []
    for block in model.encoder.layers:
        given, attention = block.ln_1(state), block.self_attention
        query, key, value = (
            part.unflatten(1, (attention.num_heads, -1)).transpose(0, 1)
            for part in (given @ attention.in_proj_weight.T + attention.in_proj_bias).chunk(3, dim=1)
        )
        product = query @ key.transpose(1, 2) / query.shape[2] ** 0.5
        weights.append(product.softmax(dim=2).requires_grad_(True))
        mixed = (weights[-1] @ value).transpose(0, 1).flatten(1)
        state = state + mixed @ attention.out_proj.weight.T + attention.out_proj.bias
        state = state + block.mlp(block.ln_2(state))
    slopes = torch.autograd.grad(model.heads(model.encoder.ln(state)[0])[label], weights)
    return [each.detach() for each in weights], list(slopes)


def rollout(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Patches in a square (h, w)."""
    flow = np.eye(attended(model, image, label)[0][0].shape[1])
    for weights in attended(model, image, label)[0]:
        flow = (weights.mean(dim=0).numpy() + np.eye(len(flow))) / 2 @ flow
    return torch.from_numpy(flow[0, 1:].reshape(round((len(flow) - 1) ** 0.5), -1))


def relevance(model: nn.Module, image: Tensor, label: int) -> Tensor:
    """Patches in a square (h, w)."""
    weights, slopes = attended(model, image, label)
    flow = np.eye(weights[0].shape[1])
    for each, slope in zip(weights, slopes, strict=True):
        flow = flow + (each * slope).clamp(min=0).mean(dim=0).numpy() @ flow
    return torch.from_numpy(flow[0, 1:].reshape(round((len(flow) - 1) ** 0.5), -1))


OF_PIXELS: dict[str, Callable[[nn.Module, Tensor, int], Tensor]] = {  # of an image and a label
    "gradient": lambda *given: gradient(*given).abs().amax(dim=0),
    "gradient-x-input": lambda model, image, label: image * gradient(model, image, label),
    "guided-backprop": guided,
    "deconvnet": lambda *given: guided(*given, Deconvolved),
    "smoothgrad": lambda *given: noisy(*given).mean(dim=0).abs().amax(dim=0),
    "smoothgrad-squared": lambda *given: noisy(*given).square().mean(dim=0).amax(dim=0),
    "vargrad": lambda *given: noisy(*given).var(dim=0, correction=0).amax(dim=0),
    "integrated-gradients": integrated,
    "occlusion": covered,
    "rise": seen_through_masks,
    "class-map": class_map,
    "attention-rollout": rollout,
    "attention-relevance": relevance,
}
OF_A_LAYER: dict[str, Callable[[AtLayer, Tensor, int], Tensor]] = {  # of a layer, an image and a label
    "grad-cam": AtLayer.gradcam,
    "xgrad-cam": AtLayer.xgrad,
    "hires-cam": AtLayer.hires,
    "grad-cam++": AtLayer.plus_plus,
    "layer-cam": AtLayer.layercam,
    "score-cam": AtLayer.scorecam,
    "eigen-cam": AtLayer.eigen,
    "guided-grad-cam": AtLayer.guided,
}
