"""One pass through a network, forward or back. Whatever fails there is said in one sentence, as a UsageError.

A network is somebody else's code: it may take other sizes, give a dictionary, or have no gradient. None of that is an
error of PyTorch's to the caller of a map. What the owner's code raises of its own kinds, Ctrl-C and a lack of memory
pass through as they are.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from core.errors import UsageError, WorkError
from core.inputs import precise
from core.measuring import refuse_meta
from core.relu_rules import apply_rules

# What PyTorch, and code that is given something else than it expects, raises.
FAILURES = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
NOT_FINITE = "is not finite; look for NaN or infinity in its weights; where it is in half precision, use model.float()"


@contextmanager
def in_one_sentence(words: str) -> Iterator[None]:
    """A failure within the block becomes a UsageError: the words, and the first line of the reason."""
    try:
        yield
    except (UsageError, WorkError, MemoryError, torch.OutOfMemoryError):
        raise
    except FAILURES as error:
        if any(lack in str(error) for lack in ("out of memory", "allocate memory")):
            raise
        reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise UsageError(f"{words}: {reason[:200]}") from error


def home_of(model: nn.Module, images: Tensor) -> Tensor:
    """A tensor on the network's device and in its type: its first weights, or the images where it has none."""
    result = next((parameter for parameter in model.parameters() if parameter.is_floating_point()), images)
    refuse_meta(model, result)
    return result


def run_network(model: nn.Module, images: Tensor) -> object:
    """What the network gives for images (N, 3, H, W), which it gets on its device and in its type, in their graph.

    Raises UsageError, one sentence with the network's own reason, where it cannot take them.
    """
    home = home_of(model, images)
    with in_one_sentence(f"model: {type(model).__name__} cannot take images of shape {tuple(images.shape)}"):
        return model(images.to(home.device, home.dtype))


def scores_of(model: nn.Module, images: Tensor) -> Tensor:
    """The scores (N, K) of images (N, 3, H, W), in their graph, in the network's type, but at least in float32.

    Raises UsageError where the network cannot take the images, or gives something else than a tensor (N, K); WorkError
    where a score is NaN.
    """
    scores = run_network(model, images)
    if not isinstance(scores, Tensor) or scores.dim() != 2 or len(scores) != len(images) or not scores.numel():
        remedy = "wrap it in a module that returns the scores alone"
        got = described(scores, f" for {len(images)} images")
        raise UsageError(f"model: {type(model).__name__} gives {got}, not scores (N, K); {remedy}")
    if check_held(scores).detach().isnan().any():
        raise WorkError(f"model: a score {NOT_FINITE}")
    return precise(scores)


def check_held(scores: Tensor) -> Tensor:
    """The scores, or class maps; a UsageError for some that float16 does not hold: probabilities of them are none."""
    if scores.dtype == torch.float16 and scores.detach().isinf().any():
        words = "its scores are more than torch.float16 holds, 65504; give model.float() or model.bfloat16()"
        raise UsageError(f"model: {words}")
    return scores


def described(output: object, of: str = "") -> str:
    """In words what a network gave instead of a tensor of the right shape: "a dictionary with out, aux"."""
    if isinstance(output, Tensor):
        return f"a tensor of shape {tuple(output.shape)}{of}"
    if isinstance(output, Mapping):
        return f"a dictionary with {', '.join(map(str, output)):.80}"
    return f"a {type(output).__name__}" + (f" of {len(output)}" if isinstance(output, Sequence) else "")


def check_finite(values: Tensor, what: str = "the score of a label") -> Tensor:
    """The values, or a WorkError if one of them is NaN or infinite. what: they are."""
    # A sum is finite if all numbers are; if it is not, it may only have grown too large.
    if not values.detach().sum().isfinite() and not values.detach().isfinite().all():
        raise WorkError(f"model: {what} {NOT_FINITE}")
    return values


def check_graph(values: Tensor) -> Tensor:
    """The values, or a UsageError where they have no gradient."""
    if not values.requires_grad:
        words = "it is quantised, has no layers, or cuts its graph; use occlusion, rise or score_cam, which need none"
        raise UsageError(f"model: its scores have no gradient ({words})")
    return values


def gradients_of(
    total: Tensor, tensors: Sequence[Tensor], *, check: bool = True, retain_graph: bool = False
) -> tuple[Tensor, ...]:
    """`torch.autograd.grad`, by the rules of `core.relu_rules`; a UsageError says where there is no gradient.

    Raises WorkError for a gradient that is not finite, unless the caller checks that.
    """
    check_graph(total)
    apply_rules(total)
    with in_one_sentence("model: its gradient cannot be computed"):
        gradients = torch.autograd.grad(total, tensors, allow_unused=True, retain_graph=retain_graph)
    for gradient in gradients:
        if gradient is None:
            words = "the score does not depend on it, or not on this output of it, or its graph is cut"
            raise UsageError(f"layer: {words}; choose another, or a map without gradients: occlusion, rise, score_cam")
        if check:
            check_finite(gradient, "its gradient")
    return gradients
