"""The progress bar of all commands."""

from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress(steps: Iterable | None = None, **words: Any) -> tqdm:
    """A progress bar over `steps`, or to be updated by hand; none where nobody watches (no terminal)."""
    return tqdm(steps, disable=None, **words)
