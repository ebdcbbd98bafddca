"""Mistakes in what climbs a score: fooling and class visualization."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from course.mistakes.registry import also_right, mistake
from course.reference_climbs import unit

CLIMBS = ("fooling", "class_visualization")


@also_right("class_visualization", step="normalise")
def plain_step(gradient: Tensor) -> Tensor:
    """a step along the gradient as it is, as EECS 498 takes it"""
    return gradient


@mistake(*CLIMBS, step="objective", hint="Of which number do you take the gradient? A loss falls where a score rises.")
def climbs_the_loss(scores: Tensor, target: int) -> Tensor:
    """climbs the cross-entropy loss of the target, away from it"""
    return cross_entropy(scores, torch.tensor([target]))


@mistake(*CLIMBS, step="objective", hint="Of which number do you take the gradient: the loss, or the class's score?")
def descends_the_loss(scores: Tensor, target: int) -> Tensor:
    """goes down the cross-entropy loss of the target (or up its probability), in the place of up its score"""
    return -cross_entropy(scores, torch.tensor([target]))


@mistake(
    "class_visualization",
    step="objective",
    hint="Is the score what comes out of the network, or what softmax makes of it?",
)
def climbs_the_probability(scores: Tensor, target: int) -> Tensor:
    """climbs the probability after softmax, not the score"""
    return scores.softmax(dim=1)[0, target]


@mistake(
    *CLIMBS, step="objective", hint="Towards which class does your picture move? Watch both scores during the loop."
)
def climbs_the_prediction(scores: Tensor, target: int) -> Tensor:
    """climbs the class that is on top, not the target"""
    return scores.max()


@mistake(*CLIMBS, step="objective", hint="Towards which class does your picture move?")
def climbs_all_scores(scores: Tensor, target: int) -> Tensor:
    """climbs the sum of all scores"""
    return scores.sum()


@mistake(*CLIMBS, step="objective", hint="Is it one score whose gradient is asked for, or the difference of two?")
def climbs_the_margin(scores: Tensor, target: int) -> Tensor:
    """climbs the target's score minus the largest, not the score"""
    return scores[0, target] - scores.max()


@mistake(*CLIMBS, step="gather", hint="What does .grad hold after the second backward()? Print its norm at each step.")
def gradients_add_up(at: Callable[[int], Tensor], k: int) -> Tensor:
    """the gradient is not set to zero between the steps, so all of them add up"""
    return sum(at(j) for j in range(k + 1))


@mistake(*CLIMBS, step="gather", hint="Is the gradient taken anew at each step, for the picture as it is by then?")
def first_gradient_again(at: Callable[[int], Tensor], k: int) -> Tensor:
    """the first gradient is used at every step"""
    return at(0)


@mistake("fooling", step="normalise", hint="How long is your step? The assignment divides by something.")
def not_normalised(gradient: Tensor) -> Tensor:
    """the gradient is not normalised"""
    return gradient


@mistake(*CLIMBS, step="normalise", hint="Which norm is meant: the length, or the largest entry?")
def by_the_largest(gradient: Tensor) -> Tensor:
    """divided by the largest magnitude, not by the norm"""
    return gradient / gradient.abs().max()


@mistake(
    *CLIMBS, step="normalise", hint="Which norm is meant: the root of the sum of squares, or the sum of magnitudes?"
)
def by_the_sum_of_magnitudes(gradient: Tensor) -> Tensor:
    """divided by the sum of magnitudes, not by the norm"""
    return gradient / gradient.abs().sum()


@mistake(*CLIMBS, step="normalise", hint="Which length has a step that is divided by the square of the norm?")
def by_the_square(gradient: Tensor) -> Tensor:
    """divided by the square of the norm"""
    return gradient / gradient.square().sum()


@mistake(*CLIMBS, step="normalise", hint="The norm of what: of the whole gradient, or of each channel?")
def channel_by_channel(gradient: Tensor) -> Tensor:
    """each channel is divided by its own norm"""
    return gradient / gradient.norm(dim=(2, 3), keepdim=True)


@mistake(*CLIMBS, step="normalise", hint="The norm over which axes? Print the shape of what you divide by.")
def position_by_position(gradient: Tensor) -> Tensor:
    """each pixel's gradient is divided by its own norm over the channels"""
    return gradient / gradient.norm(dim=1, keepdim=True).clamp(min=1e-12)


@mistake(*CLIMBS, step="normalise", hint="Is the step along the gradient, or along its signs?")
def signs_only(gradient: Tensor) -> Tensor:
    """only the signs of the gradient"""
    return gradient.sign()


@mistake(*CLIMBS, step="normalise", hint="Which norm is meant: the root of the sum of squares, or of their mean?")
def by_the_root_mean_square(gradient: Tensor) -> Tensor:
    """divided by the root of the mean square, not of the sum"""
    return gradient / gradient.square().mean().sqrt()


@mistake(*CLIMBS, step="normalise", hint="Is it a division by the norm that is asked for, or by the deviation?")
def standardised(gradient: Tensor) -> Tensor:
    """the gradient's mean is subtracted, and the rest divided by its deviation"""
    return (gradient - gradient.mean()) / gradient.std()


@mistake("fooling", step="rate", hint="Where does the learning rate stand in your step?")
def learning_rate_missing(rate: float) -> float:
    """the learning rate is not used: steps of length 1 where 10 is given, or 10 where 1 is"""
    return 10.0 if rate == 1 else 1.0


@mistake(*CLIMBS, step="rate", hint="Does the step grow with the learning rate, or with its square?")
def learning_rate_squared(rate: float) -> float:
    """the learning rate is used twice"""
    return rate**2 if rate != 1 else 2.0


@mistake("class_visualization", step="rate", hint="Where does the learning rate stand in your step?")
def rate_not_used(rate: float) -> float:
    """the learning rate is not used"""
    return 1.0


@mistake(*CLIMBS, step="move", hint="Uphill or downhill: which sign has your step?")
def descends(image: Tensor, step: Tensor) -> Tensor:
    """goes down where it should climb"""
    return image - step


@mistake(*CLIMBS, step="move", hint="What is left of the picture after your step?")
def picture_replaced(image: Tensor, step: Tensor) -> Tensor:
    """the picture is replaced by the step, not moved by it"""
    return step


@mistake(*CLIMBS, step="move", hint="Does your step really change the picture that the next pass sees?")
def never_moves(image: Tensor, step: Tensor) -> Tensor:
    """the picture stays as it is: the step is made on a copy"""
    return image


@mistake("fooling", step="base", hint="From which picture does the second step set out?")
def always_from_the_start(start: Tensor, image: Tensor) -> Tensor:
    """every step sets out from the first picture"""
    return start


@mistake(
    "class_visualization",
    step="penalty",
    hint="Which sign has the regulariser in the formula? It should keep pixels small.",
)
def penalty_added(image: Tensor, l2_reg: float) -> Tensor:
    """the sign of the L2 term: it is added where it should be subtracted"""
    return 2 * l2_reg * image


@mistake("class_visualization", step="penalty", hint="Which two terms has the formula?")
def penalty_missing(image: Tensor, l2_reg: float) -> Tensor:
    """no regulariser"""
    return torch.zeros_like(image)


@mistake("class_visualization", step="penalty", hint="What is the derivative of x squared?")
def factor_two_missing(image: Tensor, l2_reg: float) -> Tensor:
    """the derivative of the L2 term without its factor 2"""
    return -l2_reg * image


@mistake("class_visualization", step="penalty", hint="Is it the norm that is penalised, or its square?")
def norm_not_squared(image: Tensor, l2_reg: float) -> Tensor:
    """the norm is penalised, not its square"""
    return -l2_reg * image / image.norm()


@mistake("class_visualization", step="penalty", hint="Which norm is penalised: of squares, or of magnitudes?")
def magnitudes_penalised(image: Tensor, l2_reg: float) -> Tensor:
    """the sum of magnitudes is penalised, not that of squares"""
    return -l2_reg * image.sign()


@mistake("class_visualization", step="penalty", hint="Is it a sum over the pixels that is penalised, or a mean?")
def mean_penalised(image: Tensor, l2_reg: float) -> Tensor:
    """the mean of squares is penalised, not their sum"""
    return -2 * l2_reg * image / image.numel()


@mistake("class_visualization", step="penalty", hint="Where does `l2_reg` stand in your objective?")
def strength_not_used(image: Tensor, l2_reg: float) -> Tensor:
    """the strength l2_reg of the regulariser is not used"""
    return -2 * image


@mistake("class_visualization", step="mix", hint="What comes first, the regulariser or the norm?")
def penalty_after_normalising(gradient: Tensor, penalty: Tensor, normalise) -> Tensor:
    """only the score's gradient is normalised, the regulariser comes after"""
    return unit(gradient) + penalty


@mistake("class_visualization", step="mix", hint="Which of the two terms really gets into your step?")
def penalty_alone(gradient: Tensor, penalty: Tensor, normalise) -> Tensor:
    """the step follows the regulariser alone"""
    return normalise(penalty)
