"""Mistakes in the Gram matrix and the style loss."""

import torch
from torch import Tensor

from course.mistakes.registry import mistake

STYLES = ("style_loss", "guided_style_loss")
GRAMS = ("gram_matrix", "style_loss")


@mistake(*GRAMS, step="divisor", hint="By which three numbers does the assignment divide? One of them is missing.")
def divided_by_positions(shape: torch.Size) -> float:
    """divided by H * W alone"""
    return shape[2] * shape[3]


@mistake(*GRAMS, step="divisor", hint="By which three numbers does the assignment divide? Two of them are missing.")
def divided_by_channels(shape: torch.Size) -> float:
    """divided by C alone"""
    return shape[1]


@mistake(
    *GRAMS,
    step="divisor",
    hint="Does one picture's Gram matrix change when another picture joins the batch? It should not.",
)
def divided_by_the_batch_too(shape: torch.Size) -> float:
    """divided by N * C * H * W, the batch included"""
    return shape[0] * shape[1] * shape[2] * shape[3]


@mistake(*GRAMS, step="divisor", hint="What does normalize=True ask you to divide by?")
def not_normalised(shape: torch.Size) -> float:
    """not normalised"""
    return 1.0


@mistake(
    *GRAMS, step="divisor", hint="Which factor stands before the product in the assignment? The paper's is another."
)
def twice_the_divisor(shape: torch.Size) -> float:
    """divided by twice C * H * W"""
    return 2.0 * shape[1] * shape[2] * shape[3]


@mistake(*GRAMS, step="divisor", hint="Each size counts once in the divisor: is there one that counts twice in yours?")
def divided_by_squared_channels(shape: torch.Size) -> float:
    """divided by C * C * H * W: C counts twice"""
    return shape[1] ** 2 * shape[2] * shape[3]


@mistake(*GRAMS, step="arrange", hint="Which axis must be the last one before you flatten? `view` does not move axes.")
def viewed_after_permuting(features: Tensor) -> Tensor:
    """channels moved last, then reshaped as if they were first: channels and positions are mixed"""
    return features.permute(0, 2, 3, 1).reshape(features.shape[0], features.shape[1], -1)


@mistake(
    *GRAMS,
    step="arrange",
    hint="Which entries does your reshape put into one row: one channel's, or several channels'?",
)
def reshaped_by_position(features: Tensor) -> Tensor:
    """reshaped to (positions, channels) and transposed: `view` does not move axes"""
    return features.reshape(features.shape[0], -1, features.shape[1]).transpose(1, 2)


@mistake(*GRAMS, step="arrange", hint="Are the features taken as they are, or is something subtracted from them first?")
def centred(features: Tensor) -> Tensor:
    """each channel's mean is subtracted first: a covariance"""
    flat = features.flatten(2)
    return flat - flat.mean(dim=2, keepdim=True)


@mistake(*GRAMS, step="arrange", hint="Are the features taken as they are, or is each channel scaled first?")
def cosines(features: Tensor) -> Tensor:
    """each channel is scaled to length 1 first"""
    return torch.nn.functional.normalize(features.flatten(2), dim=2)


@mistake(
    "gram_matrix",
    step="products",
    hint="Which index is summed over, and which two are left? Look at the shape that should come out.",
)
def positions_for_channels(flat: Tensor) -> Tensor:
    """products of positions, summed over channels: the factors are the wrong way round"""
    return flat.transpose(1, 2) @ flat


@mistake(
    *GRAMS,
    step="products",
    hint="Pictures of a batch have nothing to do with each other: is there a sum that mixes yours?",
)
def batch_summed(flat: Tensor) -> Tensor:
    """the pictures of the batch are added up"""
    return (flat @ flat.transpose(1, 2)).sum(dim=0, keepdim=True).expand(len(flat), -1, -1)


@mistake(*GRAMS, step="products", hint="With a batch of two, which picture's Gram matrix stands in the second place?")
def first_of_the_batch(flat: Tensor) -> Tensor:
    """the first picture's matrix stands for all"""
    return (flat[:1] @ flat[:1].transpose(1, 2)).expand(len(flat), -1, -1)


@mistake(*GRAMS, step="products", hint="Is it a matrix product that you take, or entry by entry?")
def only_the_diagonal(flat: Tensor) -> Tensor:
    """only the diagonal: each channel is multiplied with itself alone"""
    return torch.diag_embed(flat.square().sum(dim=2))


@mistake(
    "gram_matrix",
    step="products",
    hint="Which shape is asked for with a batch of two? Channels of different pictures do not meet.",
)
def one_matrix_for_the_batch(flat: Tensor) -> Tensor:
    """batch and channels flattened into one axis: an (N*C, N*C) matrix"""
    rows = flat.flatten(0, 1)
    return rows @ rows.T


@mistake(
    "gram_matrix", step="products", hint="How many axes has the result by the assignment? The batch is one of them."
)
def batch_axis_lost(flat: Tensor) -> Tensor:
    """the batch axis is gone: one (C, C) matrix over all pictures"""
    rows = flat.transpose(0, 1).flatten(1)
    return rows @ rows.T


@mistake("gram_matrix", step="plain", hint="What is `normalize` for? Call it both ways and compare.")
def always_normalised(gram: Tensor, divisor: float) -> Tensor:
    """normalize=False is not looked at: always divided"""
    return gram / divisor


# --- style loss


@mistake(
    *STYLES,
    step="layer",
    hint="`feats` holds every layer, the targets only the chosen ones: what does each index count?",
)
def layers_by_position(i: int, layer: int) -> int:
    """feats[i] where feats[style_layers[i]] is meant"""
    return i


@mistake(*STYLES, step="layer", hint="Does the loop count style layers from the same number as the list does?")
def layer_off_by_one(i: int, layer: int) -> int:
    """the layer before the one that is asked for"""
    return layer - 1


@mistake(*STYLES, step="weight", hint="Which weight belongs to the second style layer?")
def first_weight_for_all(weights: tuple, i: int) -> float:
    """the first layer's weight is used for all layers"""
    return weights[0]


@mistake(*STYLES, step="weight", hint="In which order do weights and layers run in your loop?")
def weights_reversed(weights: tuple, i: int) -> float:
    """the weights in reverse order"""
    return weights[-1 - i]


@mistake(*STYLES, step="weight", hint="One weight a layer: is there a sum over weights where one of them is meant?")
def sum_of_weights(weights: tuple, i: int) -> float:
    """all weights added up for each layer"""
    return sum(weights)


@mistake(*STYLES, step="total", hint="What is left of the first layer's loss when your loop is done with the last?")
def last_layer_only(terms: list[Tensor]) -> Tensor:
    """only the last layer is left: the loss is set where it should be added up"""
    return terms[-1]


@mistake(*STYLES, step="total", hint="How often does your loop run? Look at where `return` stands.")
def first_layer_only(terms: list[Tensor]) -> Tensor:
    """only the first layer counts: the loop returns too early"""
    return terms[0]


@mistake(*STYLES, step="total", hint="Layers are added up: does the formula divide by their number?")
def mean_of_layers(terms: list[Tensor]) -> Tensor:
    """the mean over the layers where the sum is asked for"""
    return sum(terms) / len(terms)


@mistake(*STYLES, step="target", hint="Where does the style picture enter your loss?")
def no_target(targets: list[Tensor], i: int, gram: Tensor) -> Tensor:
    """the target is not subtracted"""
    return torch.zeros_like(gram)


@mistake(*STYLES, step="target", hint="From which picture do the two Gram matrices in your difference come?")
def target_from_the_same(targets: list[Tensor], i: int, gram: Tensor) -> Tensor:
    """both Gram matrices come from the current picture, so the loss is 0"""
    return gram


@mistake(*STYLES, step="target", hint="The targets are Gram matrices already: is something done to them once more?")
def target_multiplied_again(targets: list[Tensor], i: int, gram: Tensor) -> Tensor:
    """the target, a Gram matrix already, is multiplied with itself again"""
    return targets[i] @ targets[i].transpose(-1, -2)
