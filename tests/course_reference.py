"""What the courses ask for, written once more in plain torch, for the contract tests: float64, loops, no shortcuts."""

from copy import deepcopy

import numpy as np
import torch
from PIL import Image
from torch import nn


class GuidedReLU(torch.autograd.Function):
    """A ReLU whose backward pass lets through what is positive on the way up and on the way down."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(ctx, gradient):
        (x,) = ctx.saved_tensors
        return gradient * (x > 0) * (gradient > 0)


class Guided(nn.Module):
    def forward(self, x):
        return GuidedReLU.apply(x)


def plain_copy(model, relu=lambda: nn.ReLU(inplace=False)):
    """A double copy of the network in eval mode, every ReLU, also those in Fire modules, replaced by relu()."""
    copy = deepcopy(model).double().eval()
    for module in list(copy.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU):
                setattr(module, name, relu())
    return copy


def gradient_of(network, image, label, l2_reg=0.0):
    """d (score - l2_reg * ||image||^2) / d image of one image (1, 3, H, W); of the network as it is handed over."""
    image = image.detach().clone().requires_grad_(True)
    value = network(image)[0, label] - l2_reg * (image**2).sum()
    return torch.autograd.grad(value, image)[0]


def saliency(model, X, y):
    model = plain_copy(model)
    return torch.cat([gradient_of(model, x[None].double(), t).abs().amax(dim=1) for x, t in zip(X, y, strict=True)])


def guided_backprop(model, X, y):
    model = plain_copy(model, Guided)
    return torch.cat([gradient_of(model, x[None].double(), t) for x, t in zip(X, y, strict=True)]).permute(0, 2, 3, 1)


def grad_cam_coarse(model, X, y):
    """relu(sum of the mean gradient times the activation) at features.12, (N, h, w)."""
    model = plain_copy(model)
    maps = []
    for x, label in zip(X, y, strict=True):
        activation = model.features(x[None].double()).detach().requires_grad_()
        model.classifier(activation).flatten(1)[0, label].backward()
        maps.append((activation.grad.mean(dim=(2, 3), keepdim=True) * activation).sum(dim=1).relu().detach())
    return torch.cat(maps)


def grad_cam(model, X, y):
    """The course's given lines after it: each map resized by Pillow's bicubic filter, all scaled together."""
    size = (X.shape[3], X.shape[2])
    coarse = grad_cam_coarse(model, X, y).float().numpy()
    maps = np.array([np.array(Image.fromarray(one).resize(size, Image.BICUBIC)) for one in coarse])
    maps -= maps.min()
    return maps / maps.max()


def climb_step(model, image, label, *, l2_reg, learning_rate):
    """image + learning_rate * g / ||g||, g the gradient of score - l2_reg * ||image||^2."""
    gradient = gradient_of(plain_copy(model), image.double(), label, l2_reg)
    return image + learning_rate * gradient / gradient.norm()


def fooling(model, image, target, *, learning_rate, most=100):
    """Steps of that length along the gradient of the target's score, until it is on top -> image, number of steps."""
    plain, image, steps = plain_copy(model), image.detach().double(), 0
    while steps < most and int(plain(image)[0].argmax()) != target:
        gradient = gradient_of(plain, image, target)
        image, steps = image + learning_rate * gradient / gradient.norm(), steps + 1
    return image, steps


def lead(network, image, target):
    """By how much the target's score is above the others'."""
    scores = network(image)[0].detach()
    return float(scores[target] - torch.cat([scores[:target], scores[target + 1 :]]).max())


def put_within_reach(network, image, target):
    """Set the target's bias so that it is behind at first, and ahead after three steps of length 1, for certain."""
    with torch.no_grad():
        network.classifier[1].bias.fill_(9)  # far from the last ReLU, so that a score rises as its bias does
    plain, moved = deepcopy(network).double().eval(), image.double()
    behind = lead(plain, moved, target)
    for _ in range(3):
        gradient = gradient_of(plain, moved, target)
        moved = moved + gradient / gradient.norm()
    ahead = lead(plain, moved, target)
    assert ahead > behind
    with torch.no_grad():
        network.classifier[1].bias[target] -= (behind + ahead) / 2
    return network


def features_of(cnn, image):
    """The output of every module; an in-place ReLU changes the one before it."""
    outputs = []
    for module in cnn.children():
        image = module(image)
        outputs.append(image)
    return outputs


def gram(features):
    N, C, H, W = features.shape
    flat = features.reshape(N, C, H * W).double()
    return torch.einsum("ncp,ndp->ncd", flat, flat) / (C * H * W)


def content_loss(weight, current, original):
    return weight * ((current.double() - original.double()) ** 2).sum()


def style_loss(feats, layers, targets, weights):
    return sum(w * ((gram(feats[i]) - t.double()) ** 2).sum() for i, t, w in zip(layers, targets, weights, strict=True))


def tv_loss(image, weight):
    x, total = image.double(), 0.0
    for i in range(x.shape[2]):
        for j in range(x.shape[3]):
            if i + 1 < x.shape[2]:
                total = total + ((x[:, :, i + 1, j] - x[:, :, i, j]) ** 2).sum()
            if j + 1 < x.shape[3]:
                total = total + ((x[:, :, i, j + 1] - x[:, :, i, j]) ** 2).sum()
    return weight * total


def preprocess(picture, size):
    """Shorter side to size, 0..1, ImageNet's mean and spread, by NumPy -> (1, 3, h, w)."""
    scale = size / min(picture.size)
    sides = [int(side * scale) for side in picture.size]
    pixels = np.asarray(picture.resize(sides, Image.Resampling.BILINEAR), dtype=np.float64) / 255
    normal = (pixels - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    return torch.from_numpy(normal.transpose(2, 0, 1)[None])


def prepared(path, size):
    """A picture file as the course prepares it."""
    with Image.open(path) as picture:
        return preprocess(picture, size)
