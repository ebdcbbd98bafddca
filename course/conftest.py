"""`pytest course --submission PATH`: the checks of a hand-in as tests. Without --submission, of this project."""

import os
from pathlib import Path

import pytest

from core.defaults import ROOT
from core.errors import UsageError, WorkError
from course.check import check_submission
from course.parts import PARTS
from course.submission import open_submission


def pytest_addoption(parser):
    add = parser.getgroup("course").addoption
    add("--submission", metavar="PATH", help="the folder or zip with the hand-in (default: this project)")
    add("--network", default="patterns", metavar="WEIGHTS", help="patterns (default), imagenet or a file")


@pytest.fixture(scope="session")
def result_of(request, tmp_path_factory):
    """Give a part's result, None if the hand-in's edition does not ask for the part and the part is not there.

    All parts that were asked for are checked at once, or one by one under pytest-xdist.
    """
    config, known = request.config, {}
    given = config.getoption("--submission")
    path = Path(config.invocation_params.dir, given) if given else ROOT
    try:
        editions = open_submission(path, tmp_path_factory.mktemp("hand-in") / "copy").editions
    except UsageError as error:
        pytest.exit(f"--submission: {error}", returncode=2)
    places = {key: [place for place in part.places if place.edition in editions] for key, part in PARTS.items()}
    needed = {key for key, there in places.items() if not all(place.given for place in there)}
    asked = [item.callspec.params["part"] for item in request.session.items if "result_of" in item.fixturenames]

    def find(part):
        if part not in known:
            parts = [part] if "PYTEST_XDIST_WORKER" in os.environ else asked
            here = [each for each in parts if places[each]]
            try:
                results = check_submission(path, parts=here, network=config.getoption("--network")) if here else []
            except (UsageError, WorkError) as error:
                pytest.exit(f"--submission: {error}", returncode=2)
            known.update(dict.fromkeys(parts))
            known.update({each.part: each for each in results if each.status != "missing" or each.part in needed})
        return known[part]

    return find
