"""Mistakes in the total variation loss."""

import torch
from torch import Tensor

from course.mistakes.registry import mistake
from course.reference_losses import slopes


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
