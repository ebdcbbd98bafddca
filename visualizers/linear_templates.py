"""Linear templates: what one picture does a linear classifier compare each image with? (as the CS231n notes recall it)

    score_k = sum over pixels of W_k * image + b_k
    W, b    = argmin  mean over images of -log softmax(score)_y + weight_decay / 2 * ||W||^2

W_k has the shape of an image, so it can be looked at: where it is bright in a colour, that colour speaks for the
class. There is one template a class and no place in it for two poses or two colours: all of them are laid over
each other. That is what a linear classifier can know, and why networks have more than one layer.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from core.errors import UsageError
from core.gradients import as_pairs
from core.inputs import as_images
from core.measuring import without_autocast


class LinearClassifier(NamedTuple):
    """One template and one number a class."""

    templates: Tensor  # (K, 3, H, W), in score per unit of the images
    biases: Tensor  # (K,)

    def scores(self, images: Tensor) -> Tensor:
        """images (N, 3, H, W) -> (N, K), in the type of the images or of the templates, whichever is finer."""
        images = as_images(images)
        like = torch.promote_types(images.dtype, self.templates.dtype)
        with without_autocast():
            templates, biases = (each.to(images.device, like) for each in self)
            return images.flatten(1).to(like) @ templates.flatten(1).T + biases

    def accuracy(self, images: Tensor, labels) -> float:
        """The share of the images whose own class has the highest score."""
        images, labels = as_pairs(images, labels)
        return float((self.scores(images).argmax(dim=1).cpu() == labels).double().mean())


def linear_templates(images: Tensor, labels, *, weight_decay: float = 0.1, iterations: int = 200) -> LinearClassifier:
    """images (N, 3, H, W), RGB in [0, 1]; labels (N,), from 0 to K - 1 -> the softmax classifier trained on them.

    weight_decay: the larger, the smoother the templates; small ones learn the training images by heart. iterations: at
    most so many steps of L-BFGS on all images at once, from zero. The loss has one minimum, so no chance is in it.
    Raises UsageError for fewer than two classes, one without images, or a weight decay that is not positive.
    """
    images, labels = as_pairs(images, labels)
    labels = labels.to(images.device)
    counts = labels.bincount()
    if len(counts) < 2 or not counts.all():
        got = f"{len(counts)} class" if len(counts) < 2 else f"no image of class {int(counts.argmin())}"
        raise UsageError(f"labels: got {got}; two or more classes with images of each are needed, 0 to K - 1")
    if not weight_decay > 0:
        raise UsageError(f"weight_decay: {weight_decay} is out of range; it must be larger than 0")
    # The mean goes into the bias in the end; without it L-BFGS is there in a tenth of the steps.
    with torch.inference_mode(False), torch.enable_grad(), without_autocast():
        mean = images.detach().mean(dim=0, keepdim=True)
        pixels = (images.detach() - mean).flatten(1).clone()  # (N, 3HW)
        weights = pixels.new_zeros(len(counts), pixels.shape[1], requires_grad=True)
        biases = pixels.new_zeros(len(counts), requires_grad=True)
        optimizer = torch.optim.LBFGS([weights, biases], max_iter=iterations, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimizer.zero_grad()
            value = cross_entropy(pixels @ weights.T + biases, labels) + weight_decay / 2 * weights.square().sum()
            value.backward()
            return value

        optimizer.step(loss)
        templates = weights.detach().view(len(counts), *images.shape[1:])
        return LinearClassifier(templates, biases.detach() - templates.flatten(1) @ mean.flatten())
