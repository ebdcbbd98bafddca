"""Mistakes in preprocessing a picture."""

import torch
from PIL import Image
from torch import Tensor

from course.mistakes.registry import mistake
from course.reference_pictures import MEAN, STD


@mistake("preprocess", step="sides", hint="Which side should be `size` pixels long?")
def by_the_longer_side(width: int, height: int, size: int) -> tuple[int, int]:
    """the longer side becomes `size`, not the shorter one"""
    scale = size / max(width, height)
    return int(width * scale), int(height * scale)


@mistake("preprocess", step="sides", hint="What happens to a circle in your picture?")
def squeezed_to_a_square(width: int, height: int, size: int) -> tuple[int, int]:
    """squeezed to a square"""
    return size, size


@mistake("preprocess", step="sides", hint="Is `size` used at all?")
def size_not_used(width: int, height: int, size: int) -> tuple[int, int]:
    """the picture keeps its size"""
    return width, height


@mistake("preprocess", step="sides", hint="Which comes first in Pillow, width or height?")
def width_and_height_swapped(width: int, height: int, size: int) -> tuple[int, int]:
    """width and height are swapped"""
    scale = size / min(width, height)
    return int(height * scale), int(width * scale)


@mistake("preprocess", step="filter", hint="Which filter does T.Resize use if it is not told?")
def nearest_neighbour() -> Image.Resampling:
    """resized by nearest neighbour, not by the bilinear filter"""
    return Image.Resampling.NEAREST


@mistake("preprocess", step="filter", hint="Which filter does T.Resize use if it is not told?")
def bicubic_filter() -> Image.Resampling:
    """resized by the bicubic filter, not the bilinear one"""
    return Image.Resampling.BICUBIC


@mistake("preprocess", step="filter", hint="Which filter does T.Resize use if it is not told?")
def lanczos_filter() -> Image.Resampling:
    """resized by the Lanczos filter, not the bilinear one"""
    return Image.Resampling.LANCZOS


@mistake("preprocess", step="crop", hint="Is the whole picture asked for, or its middle?")
def cropped_to_the_middle(pixels: Tensor) -> Tensor:
    """cropped to the square in the middle"""
    height, width = pixels.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]


@mistake("preprocess", step="colours", hint="In which order come the three colours? Not every library agrees.")
def blue_first(pixels: Tensor) -> Tensor:
    """blue and red are swapped (BGR)"""
    return pixels.flip(-1)


@mistake("preprocess", step="scale", hint="In which range are pixels before mean and deviation come in?")
def not_divided(pixels: Tensor) -> Tensor:
    """pixels of 0..255 are not brought to 0..1"""
    return pixels


@mistake("preprocess", step="scale", hint="Which number is white? By what does white become 1?")
def divided_by_256(pixels: Tensor) -> Tensor:
    """divided by 256, not by 255"""
    return pixels / 256


@mistake("preprocess", step="scale", hint="How often are pixels brought to 0..1? ToTensor does it, too.")
def divided_twice(pixels: Tensor) -> Tensor:
    """divided by 255 twice"""
    return pixels / 255**2


@mistake("preprocess", step="scale", hint="In which range are pixels before mean and deviation come in?")
def to_minus_one(pixels: Tensor) -> Tensor:
    """pixels are brought to -1..1 first"""
    return pixels / 127.5 - 1


@mistake("preprocess", step="mean", hint="What should a picture of the mean colour become?")
def mean_left_out() -> Tensor:
    """the mean is not subtracted"""
    return torch.zeros(3).double()


@mistake("preprocess", step="mean", hint="Each channel has its own mean: which comes first?")
def means_reversed() -> Tensor:
    """the means in reverse order"""
    return MEAN.flip(0)


@mistake("preprocess", step="mean", hint="Each channel has its own mean: where do the numbers come from?")
def mean_of_a_half() -> Tensor:
    """a mean of 0.5 for each channel"""
    return torch.full((3,), 0.5).double()


@mistake("preprocess", step="std", hint="By what is each channel divided after its mean is subtracted?")
def deviation_left_out() -> Tensor:
    """not divided by the deviation"""
    return torch.ones(3).double()


@mistake("preprocess", step="std", hint="Is it the deviation that divides, or its square?")
def variance_for_deviation() -> Tensor:
    """divided by the variance, not the deviation"""
    return STD**2


@mistake("preprocess", step="std", hint="Each channel has its own deviation: which comes first?")
def deviations_reversed() -> Tensor:
    """the deviations in reverse order"""
    return STD.flip(0)


@mistake("preprocess", step="std", hint="Each channel has its own deviation: where do the numbers come from?")
def deviation_of_a_half() -> Tensor:
    """a deviation of 0.5 for each channel"""
    return torch.full((3,), 0.5).double()


@mistake("preprocess", step="normalise", hint="What comes first, the mean or the deviation?")
def divided_before_subtracting(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """divided by the deviation before the mean is subtracted"""
    return values / std - mean


@mistake("preprocess", step="normalise", hint="Is the deviation a factor, or a divisor?")
def multiplied_by_deviation(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """multiplied by the deviation, as the way back does"""
    return values * std + mean


@mistake("preprocess", step="normalise", hint="The numbers are fixed: does yours depend on the picture?")
def by_the_pictures_own(values: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """normalised by the picture's own mean and deviation"""
    return (values - values.mean(dim=(0, 1))) / values.std(dim=(0, 1))


@mistake("preprocess", step="layout", hint="In which order does a network of torch want the axes?")
def channels_last(values: Tensor) -> Tensor:
    """the channels stay last: (1, h, w, 3)"""
    return values


@mistake("preprocess", step="layout", hint="Rows come before columns: which axes does your transposition swap?")
def columns_first(values: Tensor) -> Tensor:
    """rows and columns are swapped: (1, 3, w, h)"""
    return values.permute(2, 1, 0)


@mistake("preprocess", step="batch", hint="How many axes has a batch of one picture?")
def no_batch_axis(values: Tensor) -> Tensor:
    """no axis for the batch: (3, h, w)"""
    return values
