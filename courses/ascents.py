"""The step towards a class that the courses' notebooks drive by themselves."""

from torch import Tensor, nn

from core.gradients import as_labels, to_network
from core.measuring import measuring
from core.passes import gradients_of
from core.zero_scores import label_climb


def regularised_gradient(img: Tensor, model: nn.Module, target_y: int, l2_reg: float) -> Tensor:
    """d (score_y - l2_reg * ||img||^2) / d img, like img (1, 3, H, W). img and network are left as they are.

    A class whose score is 0 has no gradient: the mean of its class map is climbed instead (core.zero_scores).
    """
    pixels = to_network(model, img)
    labels = as_labels(target_y, len(pixels), model)
    with measuring(model):
        pixels.requires_grad_(True)
        (gradient,) = gradients_of(label_climb(model, pixels, labels).sum(), [pixels])
    return (gradient - 2 * l2_reg * pixels.detach()).to(img)
