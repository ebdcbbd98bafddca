"""Every mistake made on purpose, and what is said of it: `python -m course.mistakes_table` writes the table.

A mistake's results are made by the reference, rounded to float32, as a student's are.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np
from torch import nn

from core.squeezenet import load_squeezenet
from course.cases import cases_of
from course.compare import Diagnosis, Flaws, diagnose
from course.mistakes import MISTAKES, mistakes_of
from course.references import expected

PATH = "docs/results/mistakes.md"
Verdict = Literal["named", "one of several", "another", "not named", "right"]


class Row(NamedTuple):
    """One mistake, or pair, and what is said of it."""

    flaws: Flaws
    verdict: Verdict
    diagnosis: Diagnosis


def parts() -> list[str]:
    return list(dict.fromkeys(each.part for each in MISTAKES))


def planted(part: str, network: nn.Module, flaws: Flaws) -> Diagnosis:
    """What is said of the results that these mistakes make."""
    results = []
    for case in cases_of(part, network):
        with np.errstate(over="ignore"):
            made = expected(part, case, network, None, flaws)
            results.append((case, {name: np.float32(value) for name, value in made.items()}))
    return diagnose(part, results, network)


def verdict_on(flaws: Flaws, diagnosis: Diagnosis) -> Verdict:
    """named: the mistake alone. one of several: together with others that give the same result."""
    if diagnosis.right:
        return "right"
    if not diagnosis.mistakes:
        return "not named"
    if set(diagnosis.mistakes) == set(flaws) and not diagnosis.others:
        return "named"
    told = [set(each) for each in (diagnosis.mistakes, *diagnosis.others)]
    return "one of several" if set(flaws) in told else "another"


def rows(part: str, network: nn.Module, candidates: Iterable[Flaws] | None = None) -> list[Row]:
    """Of all single mistakes of a part, or of the candidates."""
    candidates = [(each,) for each in mistakes_of(part)] if candidates is None else candidates
    found = []
    for flaws in candidates:
        diagnosis = planted(part, network, flaws)
        found.append(Row(flaws, verdict_on(flaws, diagnosis), diagnosis))
    return found


def table(network: nn.Module) -> str:
    """The table of all mistakes, Markdown."""
    every = {part: rows(part, network) for part in parts()}
    count = Counter(row.verdict for found in every.values() for row in found)
    total = sum(count.values())
    kinds: list[Verdict] = ["named", "one of several", "another", "not named", "right"]
    lines = [
        "# Mistakes, each made on purpose, and what the check says",
        "",
        f"{total} mistakes; {count['named']} are named alone ({count['named'] / total:.1%}), "
        f"{count['right']} are called right.",
        "",
        f"| part | mistakes | {' | '.join(kinds)} |",
        f"|---|{'---|' * (len(kinds) + 1)}",
    ]
    for part, found in every.items():
        own = Counter(row.verdict for row in found)
        lines.append(f"| {part} | {len(found)} | {' | '.join(str(own[kind]) for kind in kinds)} |")
    lines += ["", "| mistake | what it is | verdict |", "|---|---|---|"]
    for found in every.values():
        for row in found:
            (flaw,) = row.flaws
            lines.append(f"| {flaw.name} | {flaw.title} | {row.verdict} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    text = table(load_squeezenet("patterns", "cpu"))
    with open(PATH, "w", encoding="utf-8") as file:
        file.write(text)
    print(text.split("\n\n| mistake", maxsplit=1)[0])


if __name__ == "__main__":
    main()
