"""How a result that no known mistake explains differs from the right one: a factor, a sign, swapped axes, a shift."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from torch import nn

from course.cases import Case
from course.mistakes import ways_of
from course.references import expected
from course.steps import Outputs
from course.views import compared, relative

FITS = 2e-3  # the distance at which a transformation explains a result
FARTHEST_SHIFT = 4  # pixels

Pairs = list[tuple[np.ndarray, np.ndarray]]  # theirs and the right one, of one case
Fit = Callable[[Pairs], str | None]


def describe_difference(
    part: str, case_results: Sequence[tuple[Case, Outputs]], network: nn.Module | None = None
) -> str:
    """One sentence on how the outputs differ from the right ones; the transformation must explain every case."""
    for way in ways_of(part):
        cases = [
            compared(part, case, outputs, expected(part, case, network, outputs, way)) for case, outputs in case_results
        ]
        for fit in FITTED:
            said = [fit(pairs) for pairs in cases]
            if all(said):
                more = [text for text in dict.fromkeys(said[1:]) if text != said[0]]
                return f"yours is {said[0]}" + (f" (in another case {more[0]})" if more else "")
    return what_differs(part, case_results, network)


def explains(pairs: Pairs, change: Callable[[np.ndarray], np.ndarray]) -> bool:
    """Whether change(right) is theirs, for every output; one that changes nothing explains nothing."""
    changed = [(theirs, change(aim)) for theirs, aim in pairs]
    same = all(theirs.shape == aim.shape and relative(theirs, aim) < FITS for theirs, aim in pairs)
    return not same and all(relative(theirs, aim) < FITS for theirs, aim in changed)


def telling(pairs: Pairs) -> Pairs:
    """Those that are not right already: of a climb, the start is."""
    wrong = [(theirs, aim) for theirs, aim in pairs if relative(theirs, aim) >= FITS]
    return wrong or pairs


def zeros(pairs: Pairs) -> str | None:
    return "0 everywhere" if all(not theirs.any() for theirs, _ in telling(pairs)) else None


def factor(pairs: Pairs) -> str | None:
    theirs, aim = telling(pairs)[0]
    if theirs.shape != aim.shape or not aim.any():
        return None
    times = float((theirs * aim).sum() / (aim * aim).sum())
    if abs(times) < 1e-12 or not explains(telling(pairs), lambda right: times * right):
        return None
    if abs(times + 1) < FITS:
        return "the right result with the other sign"
    return f"{times:.4g} times the right result"


def scaled_and_shifted(pairs: Pairs) -> str | None:
    theirs, aim = telling(pairs)[0]
    if theirs.shape != aim.shape or aim.size < 4 or np.ptp(aim) == 0:
        return None
    times, offset = np.polyfit(aim.ravel(), theirs.ravel(), 1)
    if not explains(telling(pairs), lambda right: times * right + offset):
        return None
    if abs(times - 1) < FITS:
        return f"the right result plus {offset:.4g}"
    return f"{times:.4g} times the right result, plus {offset:.4g}"


def picture_by_picture(pairs: Pairs) -> str | None:
    """Each picture of a batch with a factor and an offset of its own."""
    for theirs, aim in telling(pairs):
        if theirs.shape != aim.shape or aim.ndim < 2 or len(aim) < 2 or aim[0].size < 4:
            return None
        for one, right in zip(theirs, aim, strict=True):
            if np.ptp(right) == 0:
                return None
            times, offset = np.polyfit(right.ravel(), one.ravel(), 1)
            if relative(one, times * right + offset) >= FITS:
                return None
    return "the right result, but each picture is scaled by itself"


def axes_swapped(pairs: Pairs) -> str | None:
    most = min(aim.ndim for _, aim in telling(pairs))
    for first in range(most):
        for second in range(first + 1, most):
            if explains(telling(pairs), lambda right, a=first, b=second: np.swapaxes(right, a, b)):
                return f"the right result with axes {first} and {second} swapped"
    return None


def flipped(pairs: Pairs) -> str | None:
    for axis in range(-1, -1 - min(aim.ndim for _, aim in telling(pairs)), -1):
        if explains(telling(pairs), lambda right, axis=axis: np.flip(right, axis)):
            length = telling(pairs)[0][1].shape[axis]
            kind = "the channels in reverse order" if length == 3 else f"axis {axis} running backwards"
            return f"the right result with {kind}"
    return None


def shifts() -> Iterator[tuple[int, int]]:
    reach = range(-FARTHEST_SHIFT, FARTHEST_SHIFT + 1)
    return ((down, right) for down in reach for right in reach if (down, right) != (0, 0))


def shifted(pairs: Pairs) -> str | None:
    theirs, aim = telling(pairs)[0]
    if theirs.shape != aim.shape or aim.ndim < 3:
        return None
    rows, columns = (1, 2) if aim.shape[-1] == 3 and aim.ndim == 4 else (-2, -1)
    for down, right in shifts():
        moved = np.roll(aim, (down, right), (rows, columns))
        inner = [slice(None)] * aim.ndim
        inner[rows] = inner[columns] = slice(FARTHEST_SHIFT, -FARTHEST_SHIFT)
        if moved[tuple(inner)].any() and relative(theirs[tuple(inner)], moved[tuple(inner)]) < FITS:
            return f"the right result shifted by {down} rows and {right} columns"
    return None


def of_one_picture(pairs: Pairs) -> str | None:
    """One picture of the batch is right, or stands for the others."""
    theirs, aim = telling(pairs)[0]
    if theirs.shape != aim.shape or aim.ndim < 2 or len(aim) < 2:
        return None
    good = [k for k in range(len(aim)) if relative(theirs[k], aim[k]) < FITS]
    if good and len(good) < len(aim):
        wrong = next(k for k in range(len(aim)) if k not in good)
        twin = [k for k in range(len(aim)) if k != wrong and relative(theirs[wrong], aim[k]) < FITS]
        what = f"picture {twin[0]} again" if twin else "something else"
        return f"right for picture {good[0]} of the batch (counted from 0), and for picture {wrong} it is {what}"
    if relative(theirs, aim[::-1]) < FITS:
        return "the right result with the pictures of the batch in reverse order"
    return None


def one_sided(pairs: Pairs) -> str | None:
    kinds = {
        "the magnitude of the right result: its sign is lost": np.abs,
        "the right result with its negative values at 0": lambda right: np.maximum(right, 0),
        "the right result with its positive values at 0": lambda right: np.minimum(right, 0),
        "the square of the right result": np.square,
        "the root of the right result": lambda right: np.sqrt(np.abs(right)),
        "the right result cut to 0..1": lambda right: np.clip(right, 0, 1),
        "the right result rounded to whole numbers": np.round,
    }
    return next((said for said, change in kinds.items() if explains(telling(pairs), change)), None)


FITTED: tuple[Fit, ...] = (
    zeros,
    factor,
    of_one_picture,
    scaled_and_shifted,
    picture_by_picture,
    one_sided,
    axes_swapped,
    flipped,
    shifted,
)


def what_differs(part: str, case_results: Sequence[tuple[Case, Outputs]], network: nn.Module | None) -> str:
    """Which cases, which outputs, and by how much: what is left to say."""
    good, bad = [], []
    for case, outputs in case_results:
        wanted = expected(part, case, network, outputs)
        pairs = compared(part, case, outputs, wanted)
        worst = max(relative(theirs, aim) for theirs, aim in pairs)
        (good if worst < FITS else bad).append((case.name, worst, pairs, list(wanted)))
    if not bad:
        return "differs from the right result"
    name, worst, pairs, names = bad[0]
    only = f", and right for: {good[0][0]}" if good else ""
    if len(names) == len(pairs) > 1:
        wrong = [n for n, (theirs, aim) in zip(names, pairs, strict=True) if relative(theirs, aim) >= FITS]
        if len(wrong) < len(names):
            fine = ", ".join(n for n in names if n not in wrong)
            return f"the {fine} is right, but the {', '.join(wrong)} is not ({name}){only}"
    return f"differs from the right result by {worst:.0%} of its length ({name}){only}"
