"""`python -m studies` lists the studies with their questions; `python -m studies NAME ...` runs one."""

import difflib
import sys

from studies.shared.runner import flags_of, run_study, study_names


def main(arguments: list[str]) -> int:
    names = study_names()
    if not arguments or arguments[0] in {"-h", "--help"}:
        width = max(map(len, names))
        print("python -m studies NAME [flags]     (python -m studies NAME --help tells the flags)\n")
        for name in names:
            print(f"  {name:<{width}}  {flags_of(name).QUESTION}")
        return 0
    name, *rest = arguments
    if name not in names:
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        print(f"python -m studies: there is no study '{name}'; {hint}allowed are {', '.join(names)}", file=sys.stderr)
        return 2
    return run_study(name, rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
