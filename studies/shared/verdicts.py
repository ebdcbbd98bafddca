"""How far each technique may be believed, in a sentence, from the tables of the trust study."""

import csv
from functools import cache
from pathlib import Path

from core.defaults import ROOT
from visualizers.catalogue import Technique

TABLES = ("trust", "trust_slow")  # on the rendered scenes, whose outlines are known
CENTRE = "centre"
WORDS = {"yes": "yes", "partly": "in part", "no": "no", "unknown": "not known"}


@cache
def measured() -> dict[str, tuple[dict[str, str], dict[str, str]]]:
    """{title of a technique: its row, and that of the centre in the same table}, of the tables in docs/results."""
    found: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
    for name in TABLES:
        path: Path = ROOT / "docs" / "results" / f"{name}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            rows = {row["technique"]: row for row in csv.DictReader(file)}
        found |= {title: (row, rows[CENTRE]) for title, row in rows.items() if title not in found}
    return found


def verdict(technique: Technique) -> str:
    """What was measured of a technique on hundreds of scenes, in words; that nothing was, if it stands in no table."""
    if technique.one_line not in measured():
        return "May I believe it? It has not been measured yet: `python -m studies trust`."
    row, centre = measured()[technique.one_line]
    points, chance = (100 * float(each["pointing game"].split()[0]) for each in (row, centre))
    weights, labels = (WORDS[row[f"follows the {what}"]] for what in ("weights", "labels"))
    return (
        "May I believe it? Measured on our own SqueezeNet and its scenes: "
        f"it follows what the network learned: {weights}; the labels it learned from: {labels}; "
        f"it points at the object in {points:.0f} of 100 scenes (the centre of the picture: {chance:.0f})."
    )
