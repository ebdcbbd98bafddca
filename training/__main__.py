"""`python -m training` lists the networks that can be trained; `python -m training NAME ...` trains one."""

import argparse
import difflib
import sys
from importlib import import_module

from studies.shared.options import run_script
from training.flags import COMMANDS, parser, settings


def main(arguments: list[str]) -> int:
    """Run what the words ask for; return the exit code."""
    if not arguments or arguments[0] in {"-h", "--help"}:
        width = max(map(len, COMMANDS))
        print("python -m training NAME [flags]     (python -m training NAME --help tells the flags)\n")
        for name, command in COMMANDS.items():
            print(f"  {name:<{width}}  {command.line}")
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        print(
            f"python -m training: nothing is called '{name}'; {hint}allowed are {', '.join(COMMANDS)}", file=sys.stderr
        )
        return 2

    def work(options: argparse.Namespace) -> int:
        asked = settings(name, options)
        # torch is loaded only now, so that wrong flags are told and --help answers at once.
        module = "training.evaluate" if name == "evaluate" else "training.commands"
        return import_module(module).run(name, asked)

    return run_script(work, parser(name), rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
