"""Attention relevance: which patches does a class get its score from, through all the blocks? (Chefer et al., 2021)

    C_l = mean over heads of relu( A_l * d score_y / d A_l )      A_l: the weights of block l, (N, heads, T, T)
    R   = I, then R = R + C_l R for each block in turn
    map = R's row of the class token, at the patches

Rollout with a reason: a token that is attended to counts as far as more attention to it would raise the score of the
class. So, unlike rollout, the map is one of the class. (arXiv:2103.15679, eq. 5 and 6)
"""

from torch import Tensor, nn

from core.attention import attention_of, on_patches, token_roles
from core.gradients import as_pairs, class_scores, in_chunks, warn_of_blank_maps
from core.measuring import measuring
from core.passes import gradients_of


def attention_relevance(model: nn.Module, images: Tensor, labels) -> Tensor:
    """images (N, 3, H, W), labels (N,) or one number -> maps (N, rows, columns) of the patches, >= 0.

    The scores are read from the class token, or from several: then the map is the mean of their rows. Raises UsageError
    for a label out of range, and as `attention_rollout` does; warns of a blank map.
    """
    images, labels = as_pairs(images, labels, model)
    roles = token_roles(model, images[:1])

    def relevant(chunk: Tensor, chunk_labels: Tensor) -> Tensor:
        scores, weights = attention_of(model, chunk)
        gradients = gradients_of(class_scores(scores, chunk_labels).sum(), weights)
        pairs = zip(weights, gradients, strict=True)
        return on_patches(add_up([(each.detach() * slope).relu().to(chunk.dtype) for each, slope in pairs]), roles)

    with measuring(model):
        maps = in_chunks(relevant, model, images, labels)
    warn_of_blank_maps(model, images, labels, maps)
    return maps


def add_up(contributions: list[Tensor]) -> Tensor:
    """relu(A * gradient) of each block, (N, heads, T, T) -> R - I (N, T, T): what each token, a row, has of the others.

    Without I, what a token has of itself to begin with: next to it the rest would be lost to rounding, and in the class
    token's row it is no patch's.
    """
    gained = 0.0
    for each in contributions:
        step = each.mean(dim=1)
        gained = gained + step + step @ gained if isinstance(gained, Tensor) else step
    return gained
