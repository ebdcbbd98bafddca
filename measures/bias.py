"""What do the numbers say? A network whose training backgrounds gave the class away, beside an unbiased one.

Each difference between the two is taken scene by scene, since both saw the same ones, and counts only if its 95 %
interval leaves 0 out.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor

from core.errors import WorkError
from measures.intervals import Interval, mean_interval, share_interval

MAP = "Grad-CAM"  # the map that the conclusion goes by


class Findings(NamedTuple):
    """What one network did on N scenes."""

    correct: Tensor  # bool (N,)
    masses: dict[str, Tensor]  # map: the share of it on the object, (N,), NaN where it is blank


class Evidence(NamedTuple):
    """Of one network: accuracies, and the mean share of each map that lies on the object, backgrounds as usual."""

    usual: Interval
    swapped: Interval
    masses: dict[str, Interval]


class Difference(NamedTuple):
    """How much worse the biased network is than the unbiased one; 0 is no difference."""

    lost: Interval  # accuracy lost to the swap, beyond what the unbiased network loses
    moved: Interval  # share of MAP that left the object, backgrounds as usual


def evidence_of(usual: Findings, swapped: Findings) -> Evidence:
    """Two sets of scenes, backgrounds as usual and swapped. Raises WorkError if nearly all maps are blank."""
    masses = {name: _mean_of_seen(values) for name, values in usual.masses.items()}
    return Evidence(share_interval(usual.correct), share_interval(swapped.correct), masses)


def compare(biased: Sequence[Findings], unbiased: Sequence[Findings]) -> Difference:
    """(usual, swapped) of either network, on the same scenes. Raises WorkError if nearly all maps are blank."""
    falls = [usual.correct.double() - swapped.correct.double() for usual, swapped in (biased, unbiased)]
    moved = unbiased[0].masses[MAP] - biased[0].masses[MAP]
    return Difference(mean_interval(falls[0] - falls[1]), _mean_of_seen(moved))


def _mean_of_seen(masses: Tensor) -> Interval:
    seen = masses[~masses.isnan()]
    if len(seen) < 2:
        raise WorkError("maps: nearly all are blank, so the network has learnt nothing; train for more --iterations")
    return mean_interval(seen)


def conclude(biased: Evidence, unbiased: Evidence, difference: Difference) -> str:
    """One sentence that says what the numbers say, and no more."""
    names = f"{biased.usual.mean:.1%} and {unbiased.usual.mean:.1%}"
    if min(biased.usual.low, unbiased.usual.low) <= 0.5:
        return (
            f"Nothing can be concluded: on usual backgrounds the biased and the unbiased network name {names} of the "
            "scenes, which may be guessing; train for more --iterations."
        )
    accuracy = (
        f"it names {biased.usual.mean:.1%} of new scenes with the usual backgrounds and {biased.swapped.mean:.1%} with "
        f"swapped ones (unbiased network: {unbiased.usual.mean:.1%} and {unbiased.swapped.mean:.1%})"
    )
    mass = f"{biased.masses[MAP].mean:.0%} of its {MAP} lies on the object (unbiased: {unbiased.masses[MAP].mean:.0%})"
    loses, looks_away = difference.lost.low > 0, difference.moved.low > 0
    if loses and looks_away:
        return f"The biased network judges by the background: {accuracy}, and the maps tell without any swap: {mass}."
    if loses:
        return f"The biased network leans on the background: {accuracy}, but the maps do not tell: {mass}."
    if looks_away:
        return f"The maps raise a suspicion that the swap does not confirm: {mass}, but {accuracy}."
    return f"No bias is to be seen in the network trained on telling backgrounds: {accuracy}, and {mass}."


def evidence_lines(evidence: Mapping[str, Evidence], difference: Difference) -> str:
    """The numbers with their intervals, as lines."""
    lines = []
    for name, found in evidence.items():
        rows = {"named correctly, usual backgrounds": found.usual, "named correctly, swapped": found.swapped}
        rows |= {f"{each} on the object": mass for each, mass in found.masses.items()}
        lines += [f"  {f'{name} network:':<18}{words:<36}{_words(value)}" for words, value in rows.items()]
    lines.append(f"  accuracy lost to the swap, biased less unbiased:  {_words(difference.lost)}")
    lines.append(f"  {MAP} on the object, unbiased less biased:     {_words(difference.moved)}")
    return "\n".join(lines)


def _words(value: Interval) -> str:
    return f"{value.mean:.1%} ({value.low:.1%} to {value.high:.1%})"
