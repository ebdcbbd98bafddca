"""What a transformer's tokens attend to: the attention weights of every block, recorded in the forward pass.

    A = softmax( Q K^T / sqrt(d) )        (N, heads, T, T): each row, a token, shares 1 out among the tokens it reads
    output = A V

PyTorch's fast attention never writes A down. So within a pass that records, `scaled_dot_product_attention` is computed
by this formula, which gives the same scores to rounding; networks that call softmax themselves are seen at work.
Nothing is replaced: PyTorch asks a mode of the calling thread at each function, and other threads run on as ever.
"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from core.errors import UsageError
from core.measuring import measuring
from core.passes import gradients_of, scores_of
from core.tokens import TokenGrid, grid_of_tokens

SOFTMAX = (torch.softmax, Tensor.softmax, functional.softmax, torch.special.softmax)
PRODUCTS = (torch.matmul, Tensor.matmul, torch.bmm, Tensor.bmm, torch.einsum)
PASSING = (functional.dropout, torch.dropout, Tensor.to, Tensor.type_as, Tensor.contiguous, Tensor.reshape, Tensor.view)
REMEDY = "use grad-cam"


class Roles(NamedTuple):
    """What the tokens of a transformer are for."""

    grid: TokenGrid  # which of them are patches
    read: Tensor  # (T,), their shares in what the scores are read from: 1 for a class token, or 1 / T each


def attention_of(model: nn.Module, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The scores (N, K) of images (N, 3, H, W), and the weights (N, heads, T, T) of every block in order of execution.

    Where gradients are on, the weights are in the graph of the scores, which begins at the first of them unless the
    network or the images want gradients, too. Raises UsageError for a network without self-attention, with attention
    in windows or between different numbers of tokens, or that changes the weights before it uses them.
    """
    recorder = _Recorder(len(images))
    with recorder:
        scores = scores_of(model, images)
    name, weights = type(model).__name__, recorder.weights
    if any(used.shape[-2] == used.shape[-1] for used, _ in recorder.waiting):
        words = "changes its attention weights after the softmax, so they do not tell what flows"
        raise UsageError(f"model: {name} {words}; {REMEDY}")
    if not weights:
        raise UsageError(f"model: {name} runs no self-attention that can be seen, so there is none to show; {REMEDY}")
    tokens = weights[0].shape[-1]
    other = [tuple(each.shape) for each in weights if each.dim() != 4 or each.shape[::2] != (len(images), tokens)]
    other += [tuple(each.shape) for each in weights if each.shape[-1] != tokens]
    if other:
        words = f"attends within windows or between different numbers of tokens, by weights of shape {other[0]}"
        raise UsageError(f"model: {name} {words}, which cannot be followed from block to block; {REMEDY}")
    return scores, weights


def token_roles(model: nn.Module, images: Tensor) -> Roles:
    """Which tokens are patches, and which the scores are read from, for images of this size (N, 3, H, W).

    Both are found by asking, with a picture of noise. A gradient of NaN shows what the scores depend on, also by
    weights that are 0: in the last block's attention it comes down to the rows of the tokens that are read from.
    Raises UsageError as `attention_of` does, and where the tokens are no grid.
    """
    noise = torch.randn(1, *images.shape[1:], generator=torch.Generator().manual_seed(0)).to(images)
    with measuring(model):
        scores, weights = attention_of(model, noise)
        (gradient,) = gradients_of((scores * torch.nan).sum(), weights[-1:], check=False)
    read = gradient[0].isnan().any(dim=2).any(dim=0)  # (T,)
    grid = grid_of_tokens(model, images, len(read))
    if grid is None:
        raise UsageError(f"model: the {len(read)} tokens of {type(model).__name__} are no grid of patches; {REMEDY}")
    return Roles(grid, read.to(images.dtype) / read.sum())


def check_attention(model: nn.Module, images: Tensor) -> None:
    """Raise UsageError, with the reason, for a network whose attention cannot be followed to the patches of images."""
    token_roles(model, images)


def on_patches(flow: Tensor, roles: Roles) -> Tensor:
    """What each token, a row, has of each token, a column, (N, T, T) -> what is read of each patch, (N, h, w)."""
    rows, columns, first = roles.grid
    read = (roles.read.to(flow).view(-1, 1) * flow).sum(dim=1)  # (N, T)
    return read[:, first : first + rows * columns].unflatten(1, (rows, columns))


class _Recorder(TorchFunctionMode):
    """Within the block it sees every function of PyTorch that this thread calls, and keeps attention weights.

    What a softmax gives counts as weights once something is multiplied by it; until then it waits.
    """

    def __init__(self, count: int) -> None:
        """count: images in the pass."""
        super().__init__()
        self.count = count
        self.weights: list[Tensor] = []
        self.waiting: list[tuple[Tensor, Tensor]] = []  # as the network holds it now, and the weights that it is

    def __torch_function__(
        self, func: Callable, types: object, args: tuple = (), kwargs: dict[str, Any] | None = None
    ) -> object:
        kwargs = kwargs or {}
        if func is functional.multi_head_attention_forward:
            with self:  # what it calls is to be seen, too
                return _without_asking_modes(func)(*args, **kwargs)
        if func is functional.scaled_dot_product_attention:
            return self.attend(*args, **kwargs)
        result = func(*args, **kwargs)
        held = next((pair for pair in self.waiting if any(pair[0] is each for each in args)), None)
        if held and func in (*PRODUCTS, *PASSING):
            self.waiting = [pair for pair in self.waiting if pair is not held]
            if func in PRODUCTS:
                self.weights.append(held[1])
            else:
                self.waiting.append((result, held[1]))
        elif func in SOFTMAX and result.dim() > 2:
            result, weights = self.in_graph(result)
            self.waiting.append((result, weights))
        return result

    def attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """`scaled_dot_product_attention`, by its formula."""
        if enable_gqa:  # several heads of the query share one of the keys
            key, value = (each.repeat_interleave(query.shape[-3] // each.shape[-3], dim=-3) for each in (key, value))
        products = query * (query.shape[-1] ** -0.5 if scale is None else scale) @ key.transpose(-2, -1)
        if is_causal:
            attn_mask = torch.ones_like(products[(0,) * (products.dim() - 2)], dtype=torch.bool).tril()
        if attn_mask is not None:
            hides = attn_mask.dtype == torch.bool
            products = products.masked_fill(~attn_mask, -torch.inf) if hides else products + attn_mask
        used, weights = self.in_graph(products.softmax(dim=-1))
        self.weights.append(weights)
        return functional.dropout(used, dropout_p) @ value

    def in_graph(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """What the network goes on with, and the weights as (N, heads, T, T) that this is made from."""
        by_heads = weights
        if weights.dim() == 3 and len(weights) % self.count == 0:  # (N heads, T, T)
            by_heads = weights.unflatten(0, (self.count, -1))
        if torch.is_grad_enabled() and not by_heads.requires_grad:
            by_heads.requires_grad_(True)
        return by_heads if by_heads is weights else by_heads.flatten(0, 1), by_heads


def _without_asking_modes(function: FunctionType) -> FunctionType:
    """A function of PyTorch's own that, within a mode, does its work at once instead of asking the mode again."""
    known = function.__globals__ | {"has_torch_function": lambda _tensors: False}
    return FunctionType(function.__code__, known, function.__name__, function.__defaults__, function.__closure__)
