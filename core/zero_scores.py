"""A class of score 0: what it means on this network, and what each technique does then. The one place for it.

SqueezeNet ends in ReLU and mean, so score_y = mean(relu(M_y)) with the class map M_y. A class whose map is nowhere
positive has score 0, and the last ReLU lets no gradient through: maps would be blank, and ascents would never start.
mean(M_y), the score without that ReLU, always has a gradient. Who needs one takes it from there:

    a map                      stays blank, and says why          core.gradients.warn_of_blank_maps
    an ascent to a class       climbs mean(M_y) until the score is positive          label_climb, scores_and_climb
    an attack                  keeps the score and takes the gradient of mean(M_y)   live_scores
    a map of a random network  explains the network without its last ReLU            without_last_relu

Of 1000 classes none has score 0 on a photograph, a few have on noise, and about half have on a random network.
"""

import torch
from torch import Tensor, nn

from core.activations import record_activations, recorded_output
from core.duplicates import duplicate
from core.gradients import (
    check_range,
    class_map_layer,
    class_scores,
    in_chunks,
    is_plain,
    label_scores,
    own_class_maps,
    scores_of_maps,
)
from core.images import normalise
from core.inputs import precise
from core.measuring import is_hooked, measuring
from core.passes import run_network, scores_of


def label_climb(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """What to climb for each image's label, (N,): score_y, or where that is 0, mean(M_y).

    SqueezeNet ends in ReLU and mean: score_y = mean(relu(M_y)), M_y the class map. A class with M_y <= 0
    everywhere has score 0 and no gradient, and an ascent would never start; mean(M_y) always has one.
    """
    if class_map_layer(model) is None:
        return label_scores(model, images, labels)
    scores, own_maps = scores_and_maps(model, images, labels)
    return torch.where(scores > 0, scores, own_maps.mean(dim=(1, 2)))


def scores_and_maps(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Each image's own score, (N,), and its class map before the last ReLU, (N, h, w), of a network that has them."""
    own_maps = own_class_maps(model, images, labels)
    if own_maps is not None:
        return scores_of_maps(model, own_maps), own_maps
    head = class_map_layer(model)
    with record_activations(model, [head]) as recorded:
        scores = class_scores(scores_of(model, images), labels)
    maps = recorded_output(recorded, head)
    return scores, precise(maps[torch.arange(len(labels), device=maps.device), labels.to(maps.device)])


def scores_and_climb(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """All scores (N, K), outside the graph, and what to climb for each image's label, (N,)."""
    if class_map_layer(model) is None or not is_plain(model):
        scores = scores_of(model, images)
        return scores.detach(), class_scores(scores, labels)
    with record_activations(model, ["features"]) as recorded:
        climb = label_climb(model, images, labels)
    with torch.no_grad():
        return model.classifier(recorded["features"]).flatten(1).to(climb.dtype), climb


def live_scores(model: nn.Module, rgb: Tensor, labels: Tensor) -> Tensor:
    """All scores (N, K) of pictures in RGB; the score of each label has a gradient, also where it is 0.

    SqueezeNet's last ReLU lets nothing through where a class map is nowhere positive. The score keeps its value there
    and takes the gradient of the map's mean.
    """
    head = class_map_layer(model)
    with record_activations(model, [head] if head else []) as recorded:
        scores = scores_of(model, normalise(rgb))
    check_range(labels, scores.shape[1])
    if head is None:
        return scores
    rows = torch.arange(len(labels), device=rgb.device)
    own = precise(recorded_output(recorded, head)[rows, labels]).mean(dim=(1, 2))
    dead = scores[rows, labels] == 0
    return scores.index_put((rows, labels), dead * (own - own.detach()), accumulate=True)


def without_last_relu(model: nn.Module, images: Tensor, labels: Tensor) -> nn.Module:
    """A copy whose scores pass the last ReLU everywhere: all biases of the last convolution are raised alike.

    So its gradients are those of the class map's mean, which every class has, also one of score 0.
    """
    head = class_map_layer(model)

    def lowest(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        with record_activations(model, [head]) as recorded:
            run_network(model, chunk)
        own = recorded_output(recorded, head)[torch.arange(len(chunk)), chunk_labels.to(chunk.device)]  # (n, h, w)
        return own.amin(dim=(1, 2))

    with measuring(model), torch.no_grad():
        least = in_chunks(lowest, model, images, labels).min()
    raised = 2 * least.abs()  # twice what is needed here, since some techniques look at changed images too
    copy = duplicate(model)
    convolution = copy.get_submodule(head)
    if convolution._parameters.get("bias") is not None and not is_hooked(convolution):
        with torch.no_grad():
            convolution.bias += raised
    else:  # there is none, or it is computed from others
        convolution.register_forward_hook(lambda _module, _inputs, maps: maps + raised.to(maps))
    return copy
