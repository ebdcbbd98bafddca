"""How little must change before the network sees something else? Starts the study `fooling` (studies/fooling).

The course's scripts import `FoolingImage` from here.
"""

import sys

import visualizers
from studies.shared.runner import run_study


def __getattr__(name: str) -> type:
    """The course's class, loaded when it is asked for, so that --help need not wait for torch."""
    if name != "FoolingImage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return visualizers.FoolingImage


if __name__ == "__main__":
    sys.exit(run_study("fooling", prog="fooling_visualization.py"))
