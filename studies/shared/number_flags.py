"""Flags for the numbers that a technique takes, from one table."""

from collections.abc import Callable, Mapping
from typing import Any

from studies.shared.options import Parser

# The technique's argument: (the argparse type, what it is).
Numbers = Mapping[str, tuple[Callable[[str], Any], str]]


def add_numbers(parser: Parser, numbers: Numbers, defaults: Mapping[str, Any]) -> None:
    """Add a flag for each number: --learning-rate for `learning_rate`. One that has no default there gets None."""
    for name, (kind, meaning) in numbers.items():
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=defaults.get(name), metavar="N", help=meaning)
