"""What to paint as: the styles by themselves, one blend, or several from one style to another."""

from collections.abc import Sequence

from core.errors import UsageError
from studies.shared.options import find_technique


def choose_paintings(
    style: Sequence[str], known: Sequence[str], *, blend: Sequence[float] = (), blends: int = 0
) -> dict[str, list[float]]:
    """Title -> the weight of each style that the network knows.

    style: the styles named, all if none. blend: a weight for each of these. blends: how many from one to the other.
    Raises UsageError for an unknown style and where the numbers do not fit.
    """
    for text in style:
        try:
            find_technique(text, known)
        except UsageError as error:
            raise UsageError(str(error).replace("technique", "style", 1)) from None
    named = list(style or known)
    if blend:
        return one_blend(named, blend, known)
    if blends:
        if len(named) != 2:
            raise UsageError(f"blends: they lead from one style to another, got {len(named)}; give --style A B")
        return dict(between(*named, index / (blends - 1), known) for index in range(blends))
    return {name: [float(name == other) for other in known] for name in named}


def one_blend(named: Sequence[str], blend: Sequence[float], known: Sequence[str]) -> dict[str, list[float]]:
    """The blend of the styles named, by their weights."""
    if len(blend) != len(named) or sum(blend) <= 0:
        got = f"got {len(blend)} weights for {len(named)} styles"
        raise UsageError(f"blend: {got}; give a weight of 0 or more for each, not all 0")
    mixed = {name: sum(w for n, w in zip(named, blend, strict=True) if n == name) for name in named}
    total = sum(mixed.values())
    title = " + ".join(f"{100 * weight / total:.0f} % {name}" for name, weight in mixed.items() if weight)
    return {title: [mixed.get(name, 0.0) / total for name in known]}


def between(one: str, other: str, way: float, known: Sequence[str]) -> tuple[str, list[float]]:
    """The blend at `way` from one style (0) to the other (1), and its title."""
    title = f"{100 - 100 * way:.0f} % {one}, {100 * way:.0f} % {other}"
    return title, [(1 - way) * (name == one) + way * (name == other) for name in known]
