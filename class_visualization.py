"""What picture does the network hold most typical of a class? Starts the study `classes` (studies/classes).

The course's scripts import `ClassVisualization` from here.
"""

import sys

import visualizers
from studies.shared.runner import run_study


def __getattr__(name: str) -> type:
    """The course's class, loaded when it is asked for, so that --help need not wait for torch."""
    if name != "ClassVisualization":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return visualizers.ClassVisualization


if __name__ == "__main__":
    sys.exit(run_study("classes", prog="class_visualization.py"))
