"""CS231n's names, 2020 on. A notebook finds them with  PYTHONPATH=<this project>/courses/cs231n_2020  jupyter ..."""

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[3])
if ROOT not in sys.path:
    sys.path.append(ROOT)  # at the end: the notebook's own modules come first
