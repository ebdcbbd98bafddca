"""One test a part. It passes when the part's error is 0.0, up to rounding."""

import pytest

from course.parts import PARTS
from course.results import line


@pytest.mark.parametrize("part", list(PARTS), ids=lambda part: f"{part}: expected error 0.0")
def test_part(part, result_of):
    result = result_of(part)
    if result is None:
        pytest.skip("this edition does not ask for it")
    printed = f"\nWhat your code printed:\n{result.output}" if result.output else ""
    if result.status != "right":
        pytest.fail(line(result) + printed, pytrace=False)
