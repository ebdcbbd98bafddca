"""Mistakes in the guided Gram matrix and the guided style loss: one matrix for each region of a picture."""

import torch
from torch import Tensor

from course.mistakes.registry import mistake

GUIDED = ("guided_gram_matrix", "guided_style_loss")


@mistake(*GUIDED, step="mask", hint="What would your result be if all masks were zero?")
def masks_not_used(features: Tensor, masks: Tensor) -> Tensor:
    """the masks are not used"""
    return features


@mistake(*GUIDED, step="mask", hint="Every region has its own mask: which one does the second region get?")
def first_mask_for_all(features: Tensor, masks: Tensor) -> Tensor:
    """the first region's mask for all regions"""
    return features * masks[:, :1, None]


@mistake(*GUIDED, step="mask", hint="How often is a mask multiplied with the features before the product?")
def masks_squared(features: Tensor, masks: Tensor) -> Tensor:
    """the mask is multiplied twice"""
    return features * masks[:, :, None] ** 2


@mistake(
    *GUIDED,
    step="mask",
    hint="How often should the mask count in the product of two features, if each of them is masked?",
)
def masks_counted_once(features: Tensor, masks: Tensor) -> Tensor:
    """only one of the two factors is masked"""
    return features * masks[:, :, None].sqrt()


@mistake(*GUIDED, step="mask", hint="Where a mask is 1, should a feature stay, or go?")
def masks_inverted(features: Tensor, masks: Tensor) -> Tensor:
    """features stay where the mask is 0"""
    return features * (1 - masks[:, :, None])


@mistake(*GUIDED, step="mask", hint="Masks need not be 0 or 1: what happens to one of 0.4?")
def masks_made_hard(features: Tensor, masks: Tensor) -> Tensor:
    """masks are made hard: whatever is above 0 counts in full"""
    return features * (masks[:, :, None] > 0)


@mistake(
    *GUIDED, step="mask", hint="A mask takes nothing away from another region: are your masks shared between regions?"
)
def masks_summed(features: Tensor, masks: Tensor) -> Tensor:
    """the sum of all masks for each region"""
    return features * masks.sum(dim=1, keepdim=True)[:, :, None]


@mistake(*GUIDED, step="divisor", hint="By which three numbers does the assignment divide? One of them is missing.")
def divided_by_positions(shape: torch.Size, masks: Tensor) -> float:
    """divided by H * W alone"""
    return shape[3] * shape[4]


@mistake(*GUIDED, step="divisor", hint="By which three numbers does the assignment divide? Two of them are missing.")
def divided_by_channels(shape: torch.Size, masks: Tensor) -> float:
    """divided by C alone"""
    return shape[2]


@mistake(*GUIDED, step="divisor", hint="What does normalize=True ask you to divide by?")
def not_normalised(shape: torch.Size, masks: Tensor) -> float:
    """not normalised"""
    return 1.0


@mistake(*GUIDED, step="divisor", hint="Which sizes of the features stand in the divisor: those of the regions, too?")
def divided_by_regions_too(shape: torch.Size, masks: Tensor) -> float:
    """divided by R * C * H * W, the regions included"""
    return shape[1] * shape[2] * shape[3] * shape[4]


@mistake(
    *GUIDED, step="divisor", hint="Which sizes of the features stand in the divisor? A mask's area is none of them."
)
def divided_by_the_area(shape: torch.Size, masks: Tensor) -> Tensor:
    """divided by C times the area of the mask"""
    return shape[2] * masks.sum(dim=(2, 3))[..., None, None]


@mistake(
    "guided_gram_matrix",
    step="products",
    hint="Which index is summed over, and which two are left? Look at the shape that should come out.",
)
def positions_for_channels(flat: Tensor) -> Tensor:
    """products of positions, summed over channels: the factors are the wrong way round"""
    return flat.transpose(-1, -2) @ flat


@mistake(*GUIDED, step="regions", hint="How many Gram matrices should come out for one picture?")
def first_region_for_all(matrices: Tensor) -> Tensor:
    """the first region's matrix for all regions"""
    return matrices[:, :1].expand_as(matrices)


@mistake(
    *GUIDED,
    step="regions",
    hint="How many Gram matrices should come out for one picture, and do they know of each other?",
)
def regions_added_up(matrices: Tensor) -> Tensor:
    """the matrices of the regions are added up"""
    return matrices.sum(dim=1, keepdim=True).expand_as(matrices)


@mistake(*GUIDED, step="regions", hint="What is in your result for the last region when your loop is done?")
def first_region_only(matrices: Tensor) -> Tensor:
    """only the first region is filled in, the others stay 0"""
    return torch.cat([matrices[:, :1], torch.zeros_like(matrices[:, 1:])], dim=1)
