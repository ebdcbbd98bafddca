"""Which pixels matter for a class? The course's script: `python -m studies saliency` under its old name."""

import sys

import visualizers
from studies.shared.runner import run_study


def __getattr__(name: str) -> type:
    """The class that the course's scripts import from here, loaded when asked for: --help need not wait for torch."""
    if name != "SaliencyMap":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return visualizers.SaliencyMap


if __name__ == "__main__":
    sys.exit(run_study("saliency", prog="saliency_visualization.py"))
