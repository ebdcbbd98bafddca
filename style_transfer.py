"""The content of one picture, painted with the textures of another. Starts the study `style` (studies/style)."""

import sys

from studies.shared.runner import run_study

if __name__ == "__main__":
    sys.exit(run_study("style", prog="style_transfer.py"))
