"""Attention rollout: which patches does the class token see, through all the blocks? (Abnar and Zuidema, 2020)

    A'_l = ( mean over heads of A_l + I ) / 2, each row divided by its sum      A_l: block l's weights (N, heads, T, T)
    R    = A'_L ... A'_2 A'_1                                                   I: the path around the attention
    map  = R's row of the class token, at the patches

A token of a deep block is a mixture of all tokens, so what one block attends to says little about the picture; rollout
follows the mixtures down to the patches. It asks neither for the class nor for the sign of what flows: the map is the
same for every label. It takes each token that is attended to for one that matters. (arXiv:2005.00928)
"""

import torch
from torch import Tensor, nn

from core.attention import attention_of, on_patches, token_roles
from core.gradients import as_pairs, check_range, in_chunks
from core.measuring import measuring


def attention_rollout(model: nn.Module, images: Tensor, labels) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> maps (N, rows, columns) of the patches, >= 0.

    The scores are read from the class token, or from several: then the map is the mean of their rows. The labels are
    checked but change nothing. Raises UsageError for a label out of range, and for a network whose attention cannot be
    followed: without any, in windows (Swin), or between different numbers of tokens.
    """
    images, labels = as_pairs(images, labels, model)
    roles = token_roles(model, images[:1])

    def seen(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        scores, weights = attention_of(model, chunk)
        check_range(chunk_labels, scores.shape[1])
        return on_patches(roll_out([each.to(chunk.dtype) for each in weights]), roles)

    with measuring(model), torch.no_grad():
        return in_chunks(seen, model, images, labels)


def roll_out(weights: list[Tensor]) -> Tensor:
    """The weights of each block, (N, heads, T, T) -> how much of each token, a column, is in each at the end."""
    own = torch.eye(weights[0].shape[-1]).to(weights[0])
    flow = own
    for each in weights:
        step = each.mean(dim=1) + own
        flow = step / step.sum(dim=2, keepdim=True) @ flow
    return flow
