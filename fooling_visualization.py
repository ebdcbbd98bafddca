"""Fooling images: starts the study `fooling`, and has the class that the course's scripts import from here.

python fooling_visualization.py --help
"""

import sys

from studies.shared.runner import run_study


def __getattr__(name: str) -> type:
    """`FoolingImage`, loaded when asked for: --help need not wait for torch."""
    if name != "FoolingImage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from visualizers import FoolingImage

    return FoolingImage


if __name__ == "__main__":
    sys.exit(run_study("fooling", prog="fooling_visualization.py"))
