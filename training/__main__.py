"""`python -m training` lists the networks that can be trained; `python -m training NAME ...` trains one."""

import argparse
import sys
from importlib import import_module

from studies.shared.options import list_or_refuse, run_script
from studies.shared.outputs import protected
from studies.shared.starting import loading
from training.flags import COMMANDS, parser, settings


def main(arguments: list[str]) -> int:
    """Run what the words ask for; return the exit code."""
    if not arguments or arguments[0] not in COMMANDS:
        return list_or_refuse("python -m training", {key: row.line for key, row in COMMANDS.items()}, arguments)
    name = arguments[0]

    def work(options: argparse.Namespace) -> int:
        asked = settings(name, options)
        with protected(asked, overwrite=options.overwrite):
            # torch is loaded only now, so that wrong flags are told and --help answers at once.
            with loading():
                module = import_module("training.evaluate" if name == "evaluate" else "training.commands")
            return module.run(name, asked)

    return run_script(work, parser(name), arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
