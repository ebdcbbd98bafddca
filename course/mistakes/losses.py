"""Mistakes that all losses share, and those in the content loss."""

from torch import Tensor

from course.mistakes.registry import mistake

SQUARED = ("content_loss", "style_loss", "tv_loss", "guided_style_loss")
SEVERAL = SQUARED[1:]  # the courses give the content loss one picture at a time

# --- what all losses share: sum of weight * differences squared


@mistake(*SQUARED, step="reduce", hint="Does your loss grow with the number of entries, as the formula's sum does?")
def mean_for_sum(values: Tensor) -> Tensor:
    """the mean where the sum is asked for"""
    return values.mean()


@mistake(
    *SQUARED, step="reduce", hint="Compare the factor before the sum with the assignment's formula, not the paper's."
)
def half_the_sum(values: Tensor) -> Tensor:
    """a factor 1/2 before the sum"""
    return values.sum() / 2


@mistake(*SQUARED, step="reduce", hint="Is there a root in the assignment's formula? A norm is not yet its square.")
def root_of_the_sum(values: Tensor) -> Tensor:
    """the root of the sum: a norm that is not squared"""
    return values.sum().sqrt()


@mistake(*SEVERAL, step="reduce", hint="With several pictures at once, whose part of the loss is in your result?")
def first_picture_only(values: Tensor) -> Tensor:
    """only the first picture of the batch counts"""
    return values[:1].sum()


@mistake(*SEVERAL, step="reduce", hint="A batch of two is two pictures: does the formula divide by their number?")
def divided_by_the_batch(values: Tensor) -> Tensor:
    """divided by the number of pictures in the batch"""
    return values.sum() / len(values)


@mistake(*SQUARED, step="power", hint="What happens in the formula to each difference before it is added up?")
def not_squared_but_absolute(values: Tensor) -> Tensor:
    """absolute differences where squared ones are asked for"""
    return values.abs()


@mistake(*SQUARED, step="power", hint="Can differences of opposite sign cancel in your sum? Should they?")
def not_squared(values: Tensor) -> Tensor:
    """differences added up without squaring them"""
    return values


@mistake(*SQUARED, step="weigh", hint="Change the weight you pass in by a factor of ten: does your loss follow?")
def weight_missing(weight: float, value: Tensor) -> Tensor:
    """the weight is not used"""
    return value


@mistake(*SQUARED, step="weigh", hint="Where does the weight stand in the formula, inside the square or before it?")
def weight_squared(weight: float, value: Tensor) -> Tensor:
    """the weight is squared along with the difference"""
    return weight**2 * value


@mistake(*SQUARED, step="weigh", hint="Does a larger weight make this term count more, or less?")
def divided_by_the_weight(weight: float, value: Tensor) -> Tensor:
    """divided by the weight"""
    return value / weight


@mistake(*SQUARED, step="enter", hint="Your number is right: can a gradient still find its way back to the input?")
def cut_from_the_graph(values: Tensor) -> Tensor:
    """the input is cut off the graph (.detach(), .data, .item(), torch.no_grad), so no gradient comes back"""
    return values.detach()


# --- content loss


@mistake("content_loss", step="difference", hint="Between which two tensors is the difference taken?")
def original_not_used(current: Tensor, original: Tensor) -> Tensor:
    """the original's features are not subtracted"""
    return current


@mistake(
    "content_loss", step="difference", hint="Are it the features' places that are compared, or only their mean values?"
)
def only_means_compared(current: Tensor, original: Tensor) -> Tensor:
    """only each channel's mean is compared, not each position"""
    return (current - original).mean(dim=(2, 3))


@mistake("content_loss", step="difference", hint="Which sign stands between the two features in the formula?")
def added_not_subtracted(current: Tensor, original: Tensor) -> Tensor:
    """the features are added where they should be subtracted"""
    return current + original


@mistake(
    "content_loss",
    step="difference",
    hint="The features go into the formula as they are: is anything done to them first?",
)
def normalised_features(current: Tensor, original: Tensor) -> Tensor:
    """each tensor of features is divided by its norm first"""
    return current / current.norm() - original / original.norm()
