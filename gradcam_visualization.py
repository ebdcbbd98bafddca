"""Where is the evidence for a class? The course's script: `python -m studies gradcam` under its old name."""

import sys
from importlib import import_module

from studies.shared.runner import run_study


def __getattr__(name: str) -> type:
    """The class that the course's scripts import from here, loaded when asked for: --help need not wait for torch."""
    if name != "GradCAM":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("courses.gradcam").GradCAM


if __name__ == "__main__":
    sys.exit(run_study("gradcam", prog="gradcam_visualization.py"))
