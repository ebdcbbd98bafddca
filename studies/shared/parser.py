"""The parser of all commands: how its help is set, and how what is wrong is said."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from core.sharing import started
from studies.shared.bounds import shortened


class HelpFormatter(argparse.HelpFormatter):
    """Keep the paragraphs of a description, and add a flag's default where its help does not tell it."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        paragraphs = text.strip().split("\n\n")
        return "\n\n".join(super(HelpFormatter, self)._fill_text(part, width, indent) for part in paragraphs)

    def _get_help_string(self, action: argparse.Action) -> str:
        silent = (
            action.default is None
            or action.default is False
            or action.default == argparse.SUPPRESS
            or "default" in (action.help or "")
        )
        return action.help if silent else f"{action.help} (default: %(default)s)"


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence on stderr, with exit code 2."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(formatter_class=HelpFormatter, **settings)

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """As ever, with `given` besides: the flags that were set, by their names, also those set to their defaults."""
        for text in sys.argv[1:] if args is None else args:
            if "\0" in text:  # from Python alone: a shell passes none on
                self.error(f"{shortened(text)!a} holds a NUL byte, which no name and no number can; leave it out")
        options = super().parse_args(args, namespace)
        unset = object()
        again = super().parse_args(args, argparse.Namespace(**dict.fromkeys(vars(options), unset)))
        options.given = frozenset(name for name, value in vars(again).items() if value is not unset)
        return options

    def error(self, message: str) -> None:
        self.exit(2, f"{self.prog}: {message} (see --help)\n")

    def _print_message(self, message: str, file: TextIO | None = None) -> None:
        """Help and errors are the same in all processes that torchrun started: the first says them."""
        if started()[0] == 0:
            super()._print_message(message, file)
