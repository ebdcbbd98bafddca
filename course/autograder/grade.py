"""`python -m course.autograder.grade ROOT`: check ROOT/submission, write ROOT/results/results.json.

A hand-in that cannot be read gets 0 points and a sentence. If the autograder itself fails, no results are written, and
Gradescope tells the lecturer: a student must not get 0 points for that.
"""

import sys
import time
from pathlib import Path

from core.errors import UsageError, WorkError
from core.files import write_whole
from core.squeezenet import load_squeezenet
from course.check import check_submission
from course.gradescope import Points, graded, read_points, to_bytes
from course.results import PartResult, line

SOURCE = Path(__file__).resolve().parents[2]
POINTS, WEIGHTS = "points.toml", "weights_of_the_course"  # where the archive has what its maker gave it


def network() -> str:
    """The weights that were packed by --weights, else the embedded ones."""
    given = sorted(SOURCE.glob(f"{WEIGHTS}.*"))
    return str(given[0]) if given else "patterns"


def grade(root: Path, points: Points) -> list[PartResult]:
    """Check the hand-in, print a line for each part, and write the results."""
    started, results, output, weights = time.monotonic(), [], "", network()
    load_squeezenet(weights, "cpu")  # raises here where the fault is the autograder's
    parts = list(points.points) if points.all_asked else None
    try:
        results = check_submission(root / "submission", parts=parts, network=weights, time_limit=points.time_limit)
    except (UsageError, WorkError) as error:
        output = f"This hand-in could not be checked: {error}"
    seconds = time.monotonic() - started
    document = graded(results, points, seconds=seconds, output=output)
    write_whole(root / "results" / "results.json", to_bytes(document))
    print("\n".join([output] * bool(output) + [line(result) for result in results]))
    return results


if __name__ == "__main__":
    given = SOURCE / POINTS
    grade(Path(sys.argv[1]), read_points(given if given.exists() else None))
