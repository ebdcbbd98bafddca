"""Guided backpropagation: the image in terms of what excites the class. (Springenberg et al., 2015)

    R_image = d score_y / d image, but each ReLU passes back only what is positive:
    R_in = 1[f > 0] * 1[R_out > 0] * R_out

The picture is crisp because negative influences, which make a gradient grainy, are cut off at each layer.
For the same reason it says less about the class than it seems to: it is close to an edge detector
(Adebayo et al., 2018).
"""

from torch import Tensor, nn

from core.gradients import input_gradient, to_network, warn_of_blank_maps
from core.measuring import measuring
from core.passes import check_graph, scores_of
from core.relu_rules import apply_rules, guided_relus


def guided_backprop(model: nn.Module, images: Tensor, labels) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> signed (N, 3, H, W), in score per normalised unit.

    Raises UsageError for a label out of range or a network without ReLUs; warns of a blank map.
    """
    with guided_relus(model):
        guided = input_gradient(model, images, labels)
    warn_of_blank_maps(model, images, labels, guided)
    return guided


def check_relus(model: nn.Module, images: Tensor) -> None:
    """Raise NoRelus, a UsageError, if no ReLU of the network runs or can be seen, for images (N, 3, H, W)."""
    with measuring(model), guided_relus(model):
        picture = to_network(model, images[:1]).requires_grad_(True)
        apply_rules(check_graph(scores_of(model, picture).sum()))
