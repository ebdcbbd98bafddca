"""What a command may write: never over what it reads, and over files of other origin only with --overwrite."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from importlib import import_module
from typing import Any


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """The flag of every command that writes."""
    text = "replace files of these names that something else wrote; what it reads is never replaced"
    parser.add_argument("--overwrite", action="store_true", help=text)


@contextmanager
def protected(settings: Any, *, overwrite: bool) -> Iterator[None]:
    """Within the block no file is lost that the settings name, or that this program did not write.

    settings: a dataclass with `output` and `outputs`, the files that will be written as far as that is known. They are
    checked before the block. Every other field counts as read if it names a file or folder: a new flag needs no word.
    But a folder with the name of a network is none of its files.
    """
    protection = import_module("core.protection")  # now, since it imports Pillow: --help answers at once
    named = [getattr(settings, field.name) for field in fields(settings) if field.name not in {"output", "model"}]
    inputs = protection.paths_in([*named, os.environ.get("SQUEEZENET_WEIGHTS", "")])
    subfolders = getattr(settings, "reads_subfolders", False)
    guard = protection.Protection(inputs, overwrite=overwrite, subfolders=subfolders)
    with protection.protecting(guard):
        guard.expect(settings.outputs)
        yield
