"""What is there without being named: this project's folder, and the photographs. Nothing heavy is imported."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PHOTOGRAPHS = ("chelsea", "coffee", "rocket", "motorcycle", "china")  # they come with scikit-image and -learn
