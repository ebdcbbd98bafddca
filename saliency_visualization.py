"""Which pixels matter for a class? Starts the study `saliency` (studies/saliency).

The course's scripts import `SaliencyMap` from here.
"""

import sys

import visualizers
from studies.shared.runner import run_study


def __getattr__(name: str) -> type:
    """The course's class, loaded when it is asked for, so that --help need not wait for torch."""
    if name != "SaliencyMap":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return visualizers.SaliencyMap


if __name__ == "__main__":
    sys.exit(run_study("saliency", prog="saliency_visualization.py"))
