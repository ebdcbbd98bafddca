"""Mistakes in the content loss, the Gram matrix, the style loss and the total variation loss."""

import torch
from torch import Tensor

from course.mistakes.registry import mistake
from course.reference_losses import slopes

SQUARED = ("content_loss", "style_loss", "tv_loss", "guided_style_loss")
STYLES = ("style_loss", "guided_style_loss")

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


@mistake(*SQUARED, step="reduce", hint="With several pictures at once, whose part of the loss is in your result?")
def first_picture_only(values: Tensor) -> Tensor:
    """only the first picture of the batch counts"""
    return values[:1].sum()


@mistake(*SQUARED, step="reduce", hint="A batch of two is two pictures: does the formula divide by their number?")
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


# --- Gram matrix

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


# --- total variation


@mistake("tv_loss", step="slopes", hint="In how many directions has a pixel neighbours?")
def horizontal_only(img: Tensor) -> tuple[Tensor, Tensor]:
    """only neighbours side by side"""
    return torch.zeros_like(img), slopes(img)[1]


@mistake("tv_loss", step="slopes", hint="In how many directions has a pixel neighbours?")
def vertical_only(img: Tensor) -> tuple[Tensor, Tensor]:
    """only neighbours one below the other"""
    return slopes(img)[0], torch.zeros_like(img)


@mistake(
    "tv_loss",
    step="slopes",
    hint="Name the four axes of `img` in order: between which of them do you take differences?",
)
def channels_for_rows(img: Tensor) -> tuple[Tensor, Tensor]:
    """differences along axes 1 and 2: channels are taken for rows"""
    return img[:, 1:] - img[:, :-1], img[:, :, 1:] - img[:, :, :-1]


@mistake(
    "tv_loss",
    step="slopes",
    hint="Name the four axes of `img` in order: between which of them do you take differences?",
)
def channels_with_columns(img: Tensor) -> tuple[Tensor, Tensor]:
    """differences along axes 1 and 3: channels in the place of rows"""
    return img[:, 1:] - img[:, :-1], slopes(img)[1]


@mistake("tv_loss", step="slopes", hint="Which neighbour has a pixel at the last column?")
def around_the_edge(img: Tensor) -> tuple[Tensor, Tensor]:
    """the last pixel is compared with the first, around the edge (torch.roll)"""
    return img.roll(-1, 2) - img, img.roll(-1, 3) - img


@mistake("tv_loss", step="slopes", hint="How far apart are the two pixels in your difference?")
def two_apart(img: Tensor) -> tuple[Tensor, Tensor]:
    """pixels two apart are compared"""
    return img[:, :, 2:] - img[:, :, :-2], img[..., 2:] - img[..., :-2]


@mistake(
    "tv_loss",
    step="slopes",
    hint="Which pixels of the last row and column take part, and how many differences has a row?",
)
def last_row_left_out(img: Tensor) -> tuple[Tensor, Tensor]:
    """the last row and column are left out of both sums"""
    down, right = slopes(img)
    return down[..., :-1], right[:, :, :-1]


@mistake("tv_loss", step="slopes", hint="How many channels has the picture, and how many does your sum run over?")
def one_channel(img: Tensor) -> tuple[Tensor, Tensor]:
    """only the first channel counts"""
    return slopes(img[:, :1])


@mistake("tv_loss", step="total", hint="How do the two sums come together in the formula?")
def difference_of_sums(down: Tensor, right: Tensor) -> Tensor:
    """the two sums are subtracted from each other"""
    return down - right


@mistake("tv_loss", step="total", hint="How do the two sums come together in the formula? There is no root in it.")
def root_of_both(down: Tensor, right: Tensor) -> Tensor:
    """the root of the two sums together"""
    return (down + right).sqrt()


@mistake("tv_loss", step="total", hint="How do the two sums come together in the formula?")
def product_of_sums(down: Tensor, right: Tensor) -> Tensor:
    """the two sums are multiplied"""
    return down * right
