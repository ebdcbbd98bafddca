"""Mistakes in saliency maps, and those that they share with guided backprop and Grad-CAM."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from course.mistakes.registry import mistake
from course.reference_maps import own_scores

MAPS = ("saliency", "guided_backprop", "grad_cam")

# --- of what the gradient is taken


@mistake(
    *MAPS,
    step="objective",
    hint="Of which number is the gradient: of the loss, or of what the network says of the class?",
)
def loss_for_score(scores: Tensor, y: Tensor) -> Tensor:
    """the gradient of the cross-entropy loss, not of the score"""
    return cross_entropy(scores, y, reduction="sum")


@mistake(
    "saliency",
    "guided_backprop",
    step="objective",
    hint="Of which number is the gradient: and what does an average over the batch do to each picture's?",
)
def mean_loss_for_score(scores: Tensor, y: Tensor) -> Tensor:
    """the gradient of the mean cross-entropy loss, not of the score"""
    return cross_entropy(scores, y)


@mistake(*MAPS, step="objective", hint="Is the score what comes out of the network, or what softmax makes of it?")
def probability_for_score(scores: Tensor, y: Tensor) -> Tensor:
    """the gradient of the probability after softmax, not of the score"""
    return own_scores(scores.softmax(dim=1), y)


@mistake(
    "guided_backprop",
    "grad_cam",
    step="objective",
    hint="Is the score what comes out of the network, or what log-softmax makes of it?",
)
def log_probability_for_score(scores: Tensor, y: Tensor) -> Tensor:
    """the gradient of the log-probability, not of the score"""
    return own_scores(scores.log_softmax(dim=1), y)


@mistake(
    *MAPS, step="objective", hint="Where does `y` come into your function? Try a label that is not the prediction."
)
def predicted_class(scores: Tensor, y: Tensor) -> Tensor:
    """the class with the largest score, not the label that was given"""
    return scores.amax(dim=1).sum()


@mistake(*MAPS, step="objective", hint="The sum of how many scores do you differentiate? Each picture has one label.")
def all_scores(scores: Tensor, y: Tensor) -> Tensor:
    """the sum of the scores of all classes"""
    return scores.sum()


@mistake(
    *MAPS,
    step="objective",
    hint="How many numbers should the indexing of scores give for a batch of N? Print its shape.",
)
def every_label_for_every_picture(scores: Tensor, y: Tensor) -> Tensor:
    """scores[:, y]: every picture with the labels of all pictures"""
    return scores[:, y].sum()


@mistake(*MAPS, step="objective", hint="Has each picture its own label in your function?")
def first_label_for_all(scores: Tensor, y: Tensor) -> Tensor:
    """the first picture's label for all pictures"""
    return scores[:, y[0]].sum()


@mistake(
    "saliency",
    "guided_backprop",
    step="objective",
    hint="Does one picture's map change when another picture joins the batch? It should not.",
)
def mean_over_the_batch(scores: Tensor, y: Tensor) -> Tensor:
    """the mean of the scores over the batch, so each gradient is divided by N"""
    return own_scores(scores, y) / len(y)


@mistake(
    *MAPS,
    step="objective",
    hint="How do the scores of a batch become one number without changing each picture's gradient?",
)
def product_of_scores(scores: Tensor, y: Tensor) -> Tensor:
    """the scores are squared before they are added up"""
    return (scores[torch.arange(len(y)), y] ** 2).sum()


# --- saliency


@mistake("saliency", step="gradient", hint="A saliency map is made of the gradient alone: what else is in yours?")
def times_the_picture(gradient: Tensor, X: Tensor) -> Tensor:
    """the gradient is multiplied with the picture"""
    return gradient * X


@mistake("saliency", step="gradient", hint="Whose gradient is the second map made of?")
def batch_averaged(gradient: Tensor, X: Tensor) -> Tensor:
    """the gradients are averaged over the batch"""
    return gradient.mean(dim=0, keepdim=True).expand_as(gradient)


@mistake(
    "saliency",
    step="magnitude",
    hint="A pixel that lowers the score matters, too: what becomes of its sign in your map?",
)
def sign_kept(gradient: Tensor) -> Tensor:
    """no absolute value"""
    return gradient


@mistake(
    "saliency",
    step="magnitude",
    hint="A pixel that lowers the score matters, too: what becomes of its gradient in your map?",
)
def positive_part(gradient: Tensor) -> Tensor:
    """negative gradients are set to 0 where their magnitude is asked for"""
    return gradient.clamp(min=0)


@mistake("saliency", step="magnitude", hint="How large is the magnitude of -3? Not 9.")
def squares(gradient: Tensor) -> Tensor:
    """squares in the place of magnitudes"""
    return gradient.square()


@mistake(
    "saliency", step="channels", hint="Three channels become one number: by which rule, according to the assignment?"
)
def mean_of_channels(values: Tensor) -> Tensor:
    """the mean over the channels, not the maximum"""
    return values.mean(dim=1)


@mistake(
    "saliency", step="channels", hint="Three channels become one number: by which rule, according to the assignment?"
)
def sum_of_channels(values: Tensor) -> Tensor:
    """the sum over the channels, not the maximum"""
    return values.sum(dim=1)


@mistake(
    "saliency", step="channels", hint="Three channels become one number: by which rule, according to the assignment?"
)
def length_over_channels(values: Tensor) -> Tensor:
    """the Euclidean length over the channels, not the maximum"""
    return values.norm(dim=1)


@mistake("saliency", step="channels", hint="Which end of the three magnitudes is asked for?")
def least_of_channels(values: Tensor) -> Tensor:
    """the minimum over the channels"""
    return values.amin(dim=1)


@mistake("saliency", step="channels", hint="How many of the three channels can decide a pixel of your map?")
def first_channel(values: Tensor) -> Tensor:
    """only the first channel"""
    return values[:, 0]


@mistake("saliency", step="channels", hint="Name the four axes in order: over which one is your maximum?")
def maximum_over_the_batch(values: Tensor) -> Tensor:
    """the maximum over the batch, axis 0"""
    return values.amax(dim=0)


@mistake("saliency", step="channels", hint="Name the four axes in order: over which one is your maximum?")
def maximum_over_rows(values: Tensor) -> Tensor:
    """the maximum over the rows, axis 2"""
    return values.amax(dim=2)


@mistake("saliency", step="channels", hint="Name the four axes in order: over which one is your maximum?")
def maximum_over_columns(values: Tensor) -> Tensor:
    """the maximum over the columns, axis 3"""
    return values.amax(dim=3)


@mistake("saliency", step="order", hint="What comes first, the magnitude or the maximum? Take -3, 1, 2 as an example.")
def absolute_after_maximum(gradient: Tensor, magnitude: Callable, channels: Callable) -> Tensor:
    """the absolute value is taken after the maximum over the channels"""
    return magnitude(channels(gradient))


@mistake("saliency", "guided_backprop", step="finish", hint="Is a scaling asked for, or is it the drawing that scales?")
def scaled_each(maps: Tensor) -> Tensor:
    """each map is scaled to 0..1"""
    flat = maps.flatten(1)
    low, high = flat.amin(dim=1), flat.amax(dim=1)
    shape = (-1, *[1] * (maps.dim() - 1))
    return (maps - low.view(shape)) / (high - low).view(shape)


@mistake("saliency", "guided_backprop", step="finish", hint="Is a scaling asked for, or is it the drawing that scales?")
def scaled_all(maps: Tensor) -> Tensor:
    """all maps together are scaled to 0..1"""
    return (maps - maps.min()) / (maps.max() - maps.min())


@mistake("guided_backprop", step="finish", hint="Is a division asked for, or is it the drawing that scales?")
def divided_by_the_largest(maps: Tensor) -> Tensor:
    """the maps are divided by their largest magnitude"""
    return maps / maps.abs().max()
