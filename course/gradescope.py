"""Results as the file that Gradescope reads, and the points that decide its scores.

The format: https://gradescope-autograders.readthedocs.io/en/latest/specs/
"""

import json
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import UsageError
from course.parts import PARTS
from course.results import PartResult, error_of

DEFAULT = Path(__file__).with_name("points.toml")
VISIBILITIES = ("visible", "hidden", "after_due_date", "after_published")
MOST_TEXT = 4000  # characters of one text
WRITTEN_BY = "check_submission.py"
SCALARS = {"time_limit": 60.0, "visibility": "visible", "stdout_visibility": "hidden", "hints": True}
SCALARS["show_output"] = False


@dataclass(frozen=True)
class Points:
    """What each part is worth, who sees it, and how long it may take.

    Attributes:
        points: {part: points}; only these parts are graded.
        visibility: {part: one of VISIBILITIES}.
        overall: the visibility of the whole.
        stdout_visibility: the visibility of what the autograder prints.
        time_limit: seconds that one part may take.
        hints: whether the sentence, the mistakes and the notes are shown.
        show_output: whether what the student's code printed is shown.
        all_asked: whether a part without a result counts 0 of its points (a lecturer's own file), or does not count
            (the default, which lists the parts of every edition).
    """

    points: Mapping[str, float]
    visibility: Mapping[str, str]
    overall: str
    stdout_visibility: str
    time_limit: float
    hints: bool
    show_output: bool
    all_asked: bool

    def only(self, parts: Sequence[str] | None) -> "Points":
        """The same, of these parts alone; of all if None."""
        return replace(self, points={part: worth for part, worth in self.points.items() if not parts or part in parts})


def read_points(path: Path | None = None) -> Points:
    """Read a file of points, the default one if None. Raises UsageError, which names the entry that is wrong."""
    table = _load(path or DEFAULT)
    for name in table.keys() - SCALARS.keys() - {"parts"}:
        raise UsageError(f"points: '{name}' is unknown; allowed are {', '.join(SCALARS)} and [parts]")
    values = SCALARS | {name: value for name, value in table.items() if name != "parts"}
    for name in ("visibility", "stdout_visibility"):
        _check_visibility(name, values[name])
    for name in ("hints", "show_output"):
        if not isinstance(values[name], bool):
            raise UsageError(f"points: {name} is {values[name]!r}; allowed are true and false")
    limit = values["time_limit"]
    if not _is_number(limit) or limit <= 0:
        raise UsageError(f"points: time_limit is {limit!r}; give seconds above 0, such as 60")
    rows = table.get("parts")
    if not isinstance(rows, dict) or not rows:
        raise UsageError("points: there is no [parts] with at least one part; see course/points.toml")
    points, visibility = {}, {}
    for part, row in rows.items():
        if part not in PARTS:
            raise UsageError(f"points: part '{part}' is unknown; allowed are {', '.join(PARTS)}")
        row = row if isinstance(row, dict) else {"points": row}
        for name in row.keys() - {"points", "visibility"}:
            raise UsageError(f"points: {part} has '{name}'; allowed are points and visibility")
        worth = row.get("points")
        if not _is_number(worth) or worth < 0:
            raise UsageError(f"points: {part} is worth {worth!r}; give a number that is 0 or more")
        points[part] = float(worth)
        visibility[part] = row.get("visibility", values["visibility"])
        _check_visibility(f"visibility of {part}", visibility[part])
    return Points(
        points=points,
        visibility=visibility,
        overall=values["visibility"],
        stdout_visibility=values["stdout_visibility"],
        time_limit=float(limit),
        hints=values["hints"],
        show_output=values["show_output"],
        all_asked=path is not None,
    )


def graded(results: Sequence[PartResult], points: Points, *, seconds: float, output: str = "") -> dict[str, Any]:
    """What Gradescope reads. A part is worth all of its points when it is right, none otherwise.

    seconds: how long the whole took. output: a text on the whole hand-in, such as why it could not be checked.
    """
    by_part = {result.part: result for result in results}
    tests = []
    for number, part in enumerate(points.points, start=1):
        result = by_part.get(part)
        if result is None and not points.all_asked:
            continue
        right = result is not None and result.status == "right"
        tests.append(
            {
                "name": PARTS[part].title,
                "number": str(number),
                "score": points.points[part] if right else 0.0,
                "max_score": points.points[part],
                "status": "passed" if right else "failed",
                "output": _text_of(result, points),
                "output_format": "text",
                "visibility": points.visibility[part],
                "tags": [part],
            }
        )
    return {
        "score": sum(test["score"] for test in tests),
        "execution_time": round(seconds),
        "output": clean(output),
        "output_format": "text",
        "visibility": points.overall,
        "stdout_visibility": points.stdout_visibility,
        "tests": tests,
        "extra_data": {
            "written_by": WRITTEN_BY,
            "max_score": sum(test["max_score"] for test in tests),
            "parts": {
                result.part: {
                    "status": result.status,
                    "error": _finite(result.error),
                    "mistakes": list(result.mistakes),
                    "seconds": round(result.seconds, 2),
                }
                for result in results
            },
        },
    }


def to_bytes(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1, allow_nan=False) + "\n").encode("ascii")


def clean(text: str) -> str:
    """A text that every reader of JSON, HTML and CSV takes: no control characters, no halves of characters, cut."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = "".join(letter if letter.isprintable() or letter in "\n\t" else "?" for letter in text)
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + " [cut here]"


def _text_of(result: PartResult | None, points: Points) -> str:
    if result is None:
        return "missing: this part was not found in the hand-in"
    verdict = result.status
    if _finite(result.error) is not None:
        verdict += f", {error_of(result)} (expected error 0.0)"
    lines = [verdict]
    if points.hints:
        lines += [result.sentence, *result.notes]
    if points.show_output and result.output:
        lines += ["What your code printed:", result.output]
    return clean("\n".join(filter(None, lines)))


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check_visibility(name: str, value: Any) -> None:
    if value not in VISIBILITIES:
        raise UsageError(f"points: {name} is {value!r}; allowed are {', '.join(VISIBILITIES)}")


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise UsageError(f"points: '{path}' cannot be read ({reason})") from None
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"points: '{path}' is no TOML: {error}") from None
