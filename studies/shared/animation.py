"""Animations: written as GIFs, and said how long and how large they came out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from drawing.files import save_animation
from studies.shared.report import Report


def write_animation(
    frames: Sequence[np.ndarray],
    path: Path,
    metadata: dict[str, str],
    report: Report,
    *,
    milliseconds: int | Sequence[int],
    most_bytes: int,
) -> None:
    """Write pictures (H, W, 3), uint8, as a GIF of at most so many bytes, each shown so long."""
    save_animation(frames, path, metadata, milliseconds=milliseconds, most_bytes=most_bytes)
    report.say(f"wrote {path}, {len(frames)} frames, {path.stat().st_size / 1e6:.1f} MB")
