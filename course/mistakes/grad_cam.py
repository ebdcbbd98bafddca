"""Mistakes in Grad-CAM. `maps.py` has those about the score that it shares with the other maps."""

from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from course.mistakes.registry import mistake
from course.reference_maps import resized


@mistake("grad_cam", step="layer", hint="Which module's output does the assignment ask for? Count from 0.")
def layer_before() -> int:
    """the layer before, features.11"""
    return 11


@mistake("grad_cam", step="layer", hint="Which module's output does the assignment ask for? Count from 0.")
def two_layers_before() -> int:
    """two layers before, features.10"""
    return 10


@mistake("grad_cam", step="layer", hint="Which module's output does the assignment ask for? Count from 0.")
def three_layers_before() -> int:
    """three layers before, features.9"""
    return 9


@mistake("grad_cam", step="gradient", hint="What multiplies the activations: a gradient, or another activation?")
def activations_for_gradients(gradient: Tensor, activation: Tensor) -> Tensor:
    """the weights are the means of the activations, not of the gradients"""
    return activation


@mistake("grad_cam", step="gradient", hint="Should a channel that speaks against the class lose its sign?")
def magnitudes_of_gradients(gradient: Tensor, activation: Tensor) -> Tensor:
    """the absolute value of the gradients"""
    return gradient.abs()


@mistake(
    "grad_cam",
    step="weights",
    hint="A channel has one weight, the same at every position: over which axes is the average?",
)
def weights_not_averaged(gradient: Tensor) -> Tensor:
    """the weights are not averaged over positions: gradient times activation"""
    return gradient


@mistake("grad_cam", step="weights", hint="A channel has one weight: over which axes is your average?")
def averaged_over_channels(gradient: Tensor) -> Tensor:
    """the gradients are averaged over the channels, not over positions"""
    return gradient.mean(dim=1, keepdim=True)


@mistake(
    "grad_cam",
    step="weights",
    hint="A channel has one weight for the whole map: how many axes does your average run over?",
)
def averaged_over_rows_only(gradient: Tensor) -> Tensor:
    """averaged over one of the two axes of positions, the rows"""
    return gradient.mean(dim=2, keepdim=True)


@mistake(
    "grad_cam",
    step="weights",
    hint="A channel has one weight for the whole map: how many axes does your average run over?",
)
def averaged_over_columns_only(gradient: Tensor) -> Tensor:
    """averaged over one of the two axes of positions, the columns"""
    return gradient.mean(dim=3, keepdim=True)


@mistake(
    "grad_cam", step="weights", hint="Each picture has weights of its own: does your average run over the batch, too?"
)
def averaged_over_the_batch(gradient: Tensor) -> Tensor:
    """averaged over the batch, too"""
    return gradient.mean(dim=(0, 2, 3), keepdim=True)


@mistake(
    "grad_cam", step="weights", hint="How do a channel's gradients become one number: which kind of pooling is it?"
)
def largest_gradient(gradient: Tensor) -> Tensor:
    """the largest gradient of each channel, not the mean"""
    return gradient.amax(dim=(2, 3), keepdim=True)


@mistake("grad_cam", step="weights", hint="Are the weights used as they are, or is something done to them first?")
def softmax_of_weights(gradient: Tensor) -> Tensor:
    """softmax over the channels' weights"""
    return gradient.mean(dim=(2, 3), keepdim=True).softmax(dim=1)


@mistake("grad_cam", step="weights", hint="Are the weights used as they are, or is something done to them first?")
def weights_of_length_one(gradient: Tensor) -> Tensor:
    """each picture's weights are scaled to length 1"""
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    return weights / weights.norm(dim=1, keepdim=True)


@mistake("grad_cam", step="weights", hint="Should a channel that speaks against the class be left out before the sum?")
def positive_weights(gradient: Tensor) -> Tensor:
    """negative weights are set to 0"""
    return gradient.mean(dim=(2, 3), keepdim=True).clamp(min=0)


@mistake("grad_cam", step="combine", hint="The gradients are weights: what do they weigh?")
def activations_left_out(weights: Tensor, activation: Tensor) -> Tensor:
    """the activations are left out: the map is the sum of the weighted ones alone"""
    return (weights.expand_as(activation) * (activation > 0)).sum(dim=1)


@mistake(
    "grad_cam", step="combine", hint="Every activation has its own weight: what is summed over channels in your map?"
)
def weights_left_out(weights: Tensor, activation: Tensor) -> Tensor:
    """the weights are left out: a sum of activations"""
    return activation.sum(dim=1)


@mistake("grad_cam", step="combine", hint="What comes first, the sum over channels or the ReLU?")
def relu_before_the_sum(weights: Tensor, activation: Tensor) -> Tensor:
    """the ReLU comes before the sum over channels"""
    return (weights * activation).relu().sum(dim=1)


@mistake("grad_cam", step="combine", hint="By which rule do the weighted channels become one map?")
def largest_channel(weights: Tensor, activation: Tensor) -> Tensor:
    """the maximum over the channels, not the sum"""
    return (weights * activation).amax(dim=1)


@mistake("grad_cam", step="rectify", hint="What should become of places that speak against the class?")
def relu_missing(maps: Tensor) -> Tensor:
    """no ReLU at the end"""
    return maps


@mistake("grad_cam", step="rectify", hint="What should become of places that speak against the class?")
def magnitude_for_relu(maps: Tensor) -> Tensor:
    """the absolute value in the place of the ReLU"""
    return maps.abs()


@mistake("grad_cam", step="rectify", hint="Which sign has a place that speaks for the class?")
def sign_turned(maps: Tensor) -> Tensor:
    """the sign is turned round before the ReLU"""
    return (-maps).relu()


@mistake("grad_cam", step="order", hint="Does the ReLU belong to the coarse map, or to the enlarged one?")
def resized_before_relu(maps: Tensor, rectify, resize, size: tuple[int, int]) -> Tensor:
    """the map is enlarged before the ReLU"""
    return rectify(resize(maps, size))


@mistake("grad_cam", step="resize", hint="By which filter is the coarse map enlarged in the given lines?")
def bilinear(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """enlarged by bilinear interpolation, not by the given bicubic filter"""
    return interpolate(maps[:, None], size, mode="bilinear", align_corners=False)[:, 0]


@mistake("grad_cam", step="resize", hint="By which filter is the coarse map enlarged in the given lines?")
def nearest(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """enlarged to blocks (nearest neighbour), not by the given bicubic filter"""
    return resized(maps, size, Image.Resampling.NEAREST)


@mistake("grad_cam", step="resize", hint="By which filter is the coarse map enlarged in the given lines?")
def torch_bicubic(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """enlarged by torch's bicubic interpolation, which is not Pillow's"""
    return interpolate(maps[:, None], size, mode="bicubic", align_corners=False)[:, 0]


@mistake("grad_cam", step="scale", hint="Over which pictures does the given scaling take its least and largest value?")
def scaled_picture_by_picture(maps: Tensor) -> Tensor:
    """each map is scaled by itself, not all together"""
    flat = maps.flatten(1)
    low, high = (value.view(-1, 1, 1) for value in (flat.amin(dim=1), flat.amax(dim=1)))
    return (maps - low) / (high - low)


@mistake("grad_cam", step="scale", hint="In which range should the map be? Look at the given lines after your part.")
def not_scaled(maps: Tensor) -> Tensor:
    """not scaled to 0..1"""
    return maps


@mistake("grad_cam", step="scale", hint="In which range should the map be, and where is its least value?")
def only_divided(maps: Tensor) -> Tensor:
    """divided by the largest value, without the least being subtracted"""
    return maps / maps.max()


@mistake("grad_cam", step="scale", hint="In which range should the map be: up to 1, or up to 255?")
def scaled_to_255(maps: Tensor) -> Tensor:
    """scaled to 0..255"""
    return 255 * (maps - maps.min()) / (maps.max() - maps.min())
