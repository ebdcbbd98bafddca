"""What is there without being named: this project's folder, its network, and photographs. Nothing heavy is imported."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED, SIDE = "squeezenet1_1", 224  # the shared network, and the side in pixels of the squares it was trained on
PHOTOGRAPHS = ("chelsea", "coffee", "rocket", "motorcycle", "china")  # they come with scikit-image and -learn
