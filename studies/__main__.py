"""`python -m studies` lists the studies with their questions; `python -m studies NAME ...` runs one."""

import sys

from studies.shared.options import list_or_refuse
from studies.shared.runner import flags_of, run_study, study_names


def main(arguments: list[str]) -> int:
    """Run the study that the words name; return the exit code."""
    names = study_names()
    if arguments and arguments[0] in names:
        return run_study(arguments[0], arguments[1:])
    return list_or_refuse("python -m studies", {name: flags_of(name).QUESTION for name in names}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
