"""The right result of every part, in double precision and plain torch, with named steps that a mistake replaces."""

from collections.abc import Callable, Iterable
from typing import Protocol

from torch import Tensor, nn

from course import reference_climbs, reference_losses, reference_maps, reference_pictures  # noqa: F401  they register
from course.cases import Case
from course.network import as_double
from course.steps import PIPELINES, Outputs, Work, chosen


class Flaw(Protocol):
    """A step replaced: what a mistake is."""

    step: str
    change: Callable


def expected(
    part: str, case: Case, network: nn.Module | None = None, outputs: Outputs | None = None, flaws: Iterable[Flaw] = ()
) -> Outputs:
    """What comes out, in float64, without flaws the right result.

    outputs: the student's own. For what climbs, picture k + 1 is then one step from the student's picture k; without
    them the pictures are those of a climb of its own. network: in any precision; needed where the case takes it.
    """
    steps = chosen(part, {flaw.step: flaw.change for flaw in flaws})
    work = Work(case, None if network is None else as_double(network), outputs)
    made = PIPELINES[part].run(steps, case.inputs, work)
    return {name: (value.detach().numpy() if isinstance(value, Tensor) else value) for name, value in made.items()}
