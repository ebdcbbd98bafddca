"""What a result is: right, a known mistake, two of them, or how it differs from what is right."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from course.cases import Case
from course.fits import describe_difference
from course.mistakes import Mistake, mistakes_of, pairs_of, ways_of
from course.references import expected
from course.screening import table_of
from course.steps import Outputs
from course.views import (
    CLIMBS,
    distance_of,
    largest_relative_error,
    not_finite,
    same_nan,
    seen_by,
    stands_still,
    trouble_with,
    wrong_shape,
)

ROUNDING = 1e-5  # of float32, where no ReLU's gate flips
EXACT = 1e-3  # a distance that rounding leaves
NEAR = 0.05  # the largest at which a mistake is named as likely
FIRST_LOOK = 0.3  # a mistake that is farther off at the first case is not looked at again
SIMPLER = 20.0  # how many times nearer than a single mistake a pair must be
MUCH = 5.0  # how many times nearer than the next a mistake must be to be named alone

Flaws = tuple[Mistake, ...]


@dataclass(frozen=True)
class Diagnosis:
    """What is said of a part."""

    right: bool
    error: float | None  # as the courses print it, max |x - y| / max(1e-8, |x| + |y|); None where there are no numbers
    mistakes: Flaws  # one, a pair, or none
    distance: float | None  # of the mistake's result from the student's, relative
    sentence: str
    others: tuple[Flaws, ...] = ()  # mistakes that explain the result as well


CaseResults = Sequence[tuple[Case, Outputs]]


def diagnose(part: str, case_results: CaseResults, network: nn.Module | None = None) -> Diagnosis:
    """Compare the outputs of one part's cases, and say in one sentence what they are."""
    misfit = None  # a shape that is wrong, which a known mistake may explain
    for case, outputs in case_results:
        if part in CLIMBS and stands_still(case, outputs):
            return standing_still(part)
        trouble = trouble_with(part, case, outputs)
        if trouble and not_finite(outputs) and part not in CLIMBS:
            return with_nan(part, case_results, network, trouble)
        if trouble:
            return Diagnosis(False, None, (), None, trouble)
        misfit = misfit or (None if part in CLIMBS else wrong_shape(case, outputs, expected(part, case, network)))
    if part in CLIMBS:
        case_results = [(case, seen_by(part, case, outputs)) for case, outputs in case_results]
    right, error = nearest_right(part, case_results, network)
    if right <= ROUNDING:
        return Diagnosis(True, error, (), None, "right")
    found = ranked(part, case_results, network, singles(part))
    if right <= EXACT and not (found and found[0][0] < right / 1000):
        return Diagnosis(True, error, (), None, "right")
    if not found or found[0][0] > ROUNDING:
        pairs = ranked(part, case_results, network, pairs_of(part))
        if found and found[0][0] <= EXACT:  # a late step is known by its length alone, so it would fit too easily
            pairs = [each for each in pairs if "late" not in [flaw.step for flaw in each[1]]]
        if pairs and (not found or pairs[0][0] < found[0][0] / SIMPLER):
            found = [*pairs, *found]
    error = error if np.isfinite(error) else None
    return named(found, right, error) or Diagnosis(
        False, error, (), None, misfit or describe_difference(part, case_results, network)
    )


def with_nan(part: str, case_results: CaseResults, network: nn.Module | None, trouble: str) -> Diagnosis:
    """A mistake that makes the same entries NaN, if there is just one."""
    found = []
    for flaw in mistakes_of(part):
        made = [(outputs, expected_or_none(part, case, network, outputs, (flaw,))) for case, outputs in case_results]
        if all(wanted is not None and same_nan(outputs, wanted) for outputs, wanted in made):
            found.append(flaw)
    if len(found) != 1:
        return Diagnosis(False, None, (), None, trouble)
    return Diagnosis(False, None, tuple(found), None, f"{trouble}. Perhaps: {found[0].title}. {found[0].hint}")


def standing_still(part: str) -> Diagnosis:
    """Of a climb whose pictures are all the same."""
    (flaw,) = (each for each in mistakes_of(part) if each.name.endswith(("never_moves", "no_step")))
    return Diagnosis(False, None, (flaw,), 0.0, f"{flaw.title}. {flaw.hint}")


def singles(part: str) -> list[Flaws]:
    return [(each,) for each in mistakes_of(part)]


def expected_or_none(
    part: str, case: Case, network: nn.Module | None, outputs: Outputs, flaws: Iterable[Mistake]
) -> Outputs | None:
    """None where the flaws do not go together, or do not fit the shapes."""
    try:
        return expected(part, case, network, outputs, flaws)
    except (RuntimeError, ValueError, IndexError):
        return None


def distance(part: str, case: Case, network: nn.Module | None, outputs: Outputs, flaws: Flaws) -> float:
    """The least over the ways to be right, with these flaws."""
    best = np.inf
    for way in ways_of(part):
        if {each.step for each in way} & {each.step for each in flaws}:
            continue
        wanted = expected_or_none(part, case, network, outputs, (*way, *flaws))
        if wanted is not None:
            best = min(best, distance_of(part, case, outputs, wanted))
    return best


def nearest_right(part: str, case_results: CaseResults, network: nn.Module | None) -> tuple[float, float]:
    """The distance from the right result, and the error as the courses print it, of the way that is nearest."""
    best = (np.inf, np.inf)
    for way in ways_of(part):
        distances, errors = [], []
        for case, outputs in case_results:
            wanted = expected(part, case, network, outputs, way)
            distances.append(distance_of(part, case, outputs, wanted))
            errors.append(largest_relative_error(part, case, outputs, wanted))
        best = min(best, (max(distances), max(errors)))
    return best


def ranked(
    part: str, case_results: CaseResults, network: nn.Module | None, candidates: Sequence[Flaws]
) -> list[tuple[float, Flaws]]:
    """The candidates with their largest distance over the cases, the nearest first; those far off are left out."""
    found = []
    for flaws in candidates if part in CLIMBS else at_first_sight(part, case_results, network, candidates):
        worst = 0.0
        for case, outputs in case_results:
            worst = max(worst, distance(part, case, network, outputs, flaws))
            if worst > FIRST_LOOK:
                break
        else:
            found.append((worst, flaws))
    return sorted(found, key=lambda each: each[0])


def at_first_sight(
    part: str, case_results: CaseResults, network: nn.Module | None, candidates: Sequence[Flaws]
) -> list[Flaws]:
    """Those that may be the nearest, by a few numbers of each output."""
    worst = np.zeros(len(candidates))
    kind = "pairs" if candidates and len(candidates[0]) == 2 else "singles"
    for case, outputs in case_results:
        table = table_of(
            case, kind, lambda case=case: [expected_or_none(part, case, network, {}, flaws) for flaws in candidates]
        )
        worst = np.maximum(worst, table.distances(seen_by(part, case, outputs)))
    level = min(max(MUCH * worst.min(initial=np.inf), 10 * EXACT), FIRST_LOOK)
    return [flaws for flaws, far in zip(candidates, worst, strict=True) if far <= level]


def named(found: list[tuple[float, Flaws]], right: float, error: float | None) -> Diagnosis | None:
    """The nearest mistake, if it is near, and clearly nearer than what is right."""
    if not found or found[0][0] > NEAR or found[0][0] * MUCH > right:
        return None
    best, flaws = found[0]
    level = max(best * MUCH, ROUNDING / 10)
    others = tuple(each for distance, each in found[1:] if distance <= level and len(each) <= len(flaws))
    return Diagnosis(False, error, flaws, best, sentence_of(flaws, others, best), others)


def sentence_of(flaws: Flaws, others: tuple[Flaws, ...], distance: float) -> str:
    """What is wrong, in words, and the hint."""
    start = "" if distance <= EXACT else f"probably (distance {distance:.1g}): "
    what = " or: ".join(" and ".join(each.title for each in some) for some in (flaws, *others[:2]))
    return f"{start}{what}. {' '.join(each.hint for each in flaws)}"
