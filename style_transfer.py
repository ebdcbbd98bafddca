"""The content of one picture, painted with the textures of another: starts the study `style` (studies/style)."""

import sys

from studies.shared.runner import run_study


def __getattr__(name: str) -> object:
    """`read_mask`, which was imported from here before there were studies."""
    if name != "read_mask":
        raise AttributeError(f"module 'style_transfer' has no attribute '{name}'")
    from studies.style.paint import read_mask  # on demand: a bare import of this module needs no torch

    return read_mask


if __name__ == "__main__":
    sys.exit(run_study("style", prog="style_transfer.py"))
