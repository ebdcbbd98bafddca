"""The command line that all scripts share: flags, defaults, and how errors reach a person.

Nothing heavy is imported here, so that --help answers at once; a script imports torch after parsing.
"""

import argparse
import difflib
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from core.defaults import PHOTOGRAPHS, ROOT
from core.errors import UsageError, WorkError
from core.sharing import started
from studies.shared.bounds import number, whole_number  # noqa: F401 (each flags.py takes them from here)
from studies.shared.memory import keep_freed_memory
from studies.shared.network_flags import add_network, add_size
from studies.shared.outputs import add_overwrite
from studies.shared.parser import Parser
from studies.shared.starting import wait_kindly
from studies.shared.streams import Patient, lead_nowhere, patient_streams

OUTPUT_FOLDER = Path("visualization")
IMAGENET_CLASSES = 1000
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg")


def make_parser(
    description: str,
    *,
    output: str,
    writes: str = "picture, .png or .jpg",
    images: bool = True,
    weights: bool = True,
    any_network: bool = True,
    several_networks: bool = False,
    labels: str = "the classes to explain",
    endings: tuple[str, ...] = PICTURE_SUFFIXES,
) -> Parser:
    """The parser with the common flags; `images=False` leaves out --images, --labels and --size, `weights=False`
    --weights.

    output: name of the file written by default; writes: what it is; any_network: whether it asks others than
    SqueezeNet, too; several_networks: whether some of it compares them; labels: what the named classes are for;
    endings: those that its name may have.
    """
    parser = Parser(description=description)
    add = parser.add_argument
    if images:
        pictures = f"files, folders, tar shards, @LIST of files, or any of {', '.join(PHOTOGRAPHS)}"
        add("--images", nargs="+", metavar="PATH", help=f"{pictures} (default: these five photographs)")
        names = "names or numbers, one or one an image"
        default = "" if "default" in labels else " (default: predicted)"
        add("--labels", "--target", nargs="+", metavar="CLASS", help=f"{labels}, {names}{default}")
        add_size(parser, "side of the square crop")
    add_network(parser, any_network=any_network, several=several_networks, weights=weights)
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    add("--seed", type=whole_number(0, 2**63 - 1), default=0, metavar="N", help="start of all random numbers")
    path = partial(picture_path, endings=endings) if output else folder_or_picture_path
    add("--output", type=path, default=OUTPUT_FOLDER / output, metavar="PATH", help=f"where to write the {writes}")
    add_overwrite(parser)
    return parser


def picture_path(text: str, endings: tuple[str, ...] = PICTURE_SUFFIXES) -> Path:
    """An argparse type: a file that a picture can be written to."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; give a file")
    if Path(text).suffix.lower() not in endings:
        raise argparse.ArgumentTypeError(f"'{text}' does not end in {', '.join(endings)}")
    return Path(text)


def page_path(text: str) -> Path:
    """An argparse type: a file that a page can be written to."""
    return picture_path(text, (".html",))


def folder_or_picture_path(text: str) -> Path:
    """An argparse type: a picture, or a folder: one that is there, or has no ending, or ends in a slash."""
    if not text:
        raise argparse.ArgumentTypeError("the name is empty; give a folder or a file")
    folder = os.path.isdir(text) or text.endswith(("/", os.sep)) or not Path(text).suffix
    return Path(text) if folder else picture_path(text)


def is_picture_path(path: Path) -> bool:
    """Whether a path names a picture to be written, and not a folder for several."""
    return path.suffix.lower() in PICTURE_SUFFIXES and not os.path.isdir(path)


def check_output(path: Path | None) -> None:
    """Say before the work what would go wrong after it."""
    if path is None:
        return
    if path.suffix.lower() in (*PICTURE_SUFFIXES, ".gif", ".md", ".html", ".safetensors") and os.path.isdir(path):
        raise UsageError(f"output: '{path}' is a folder; give the name of a file")
    there = next(parent for parent in (path, *path.absolute().parents) if parent.exists())
    if there != path and not (there.is_dir() and os.access(there, os.W_OK)):
        raise WorkError(f"output: '{path}' cannot be written below '{there}'; choose another --output")


def find_techniques(texts: list[str], known: Iterable[str]) -> tuple[str, ...]:
    """The techniques named, each once; "all" stands for all of them. An unknown one is told the nearest."""
    known = tuple(known)
    named = [find_technique(text, known, also="all, ") for text in texts if text != "all"]
    return known if "all" in texts else tuple(dict.fromkeys(named))


def find_technique(text: str, known: Iterable[str], also: str = "") -> str:
    """The text itself, if it is one of those known; a UsageError names the nearest and lists all, `also` first."""
    known = tuple(known)
    if text in known:
        return text
    near = difflib.get_close_matches(text.lower().replace(" ", "-"), known, n=1)
    hint = f"did you mean '{near[0]}'? " if near else ""
    raise UsageError(f"technique: '{text}' is unknown; {hint}allowed are {also}{', '.join(known)}")


def find_class(text: str | int, class_names: tuple[str, ...]) -> int:
    """A class number, or a name in any case: exact, or the one name that contains it."""
    text = str(text).strip()
    if re.fullmatch(r"-?[0-9]+", text):
        if 0 <= int(text) < len(class_names):
            return int(text)
        raise UsageError(f"labels: class {text} is out of range; allowed are 0 to {len(class_names) - 1}")
    names = [name.lower() for name in class_names]
    for found in (
        [index for index, name in enumerate(names) if name == text.lower()],
        [index for index, name in enumerate(names) if text.lower() in name],
    ):
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(f"{index} {class_names[index]}" for index in found[:6])
            raise UsageError(
                f"labels: '{text}' fits {len(found)} classes ({listed}{', ...' * (len(found) > 6)}); give the number"
            )
    near = difflib.get_close_matches(text.lower(), names, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"give a class name or a number from 0 to {len(names) - 1}"
    if names[0] == "class 0":
        hint = f"its classes have no names: give a number from 0 to {len(names) - 1}, or their names by --classes FILE"
    elif len(names) != IMAGENET_CLASSES:
        hint += "; the classes of ImageNet need a network that knows them, e.g. --weights imagenet"
    raise UsageError(f"labels: no class is called '{text}'; {hint}")


def list_or_refuse(program: str, known: Mapping[str, str], arguments: Sequence[str]) -> int:
    """What a program says that was not given the name of something known, and its exit code.

    known: what can be run, with a line about each: they are listed if nothing is named. Another name gets the nearest.
    """
    with patient_streams() as output:
        if not arguments or arguments[0] in {"-h", "--help"}:
            width = max(map(len, known))
            lines = [f"  {name:<{width}}  {line}" for name, line in known.items()]
            heading = f"{program} NAME [flags]     ({program} NAME --help tells the flags)"
            try:
                print("\n".join([heading, "", *lines]), flush=True)
            except BrokenPipeError:  # e.g. `| head`
                lead_nowhere(sys.stdout)
            return _said_all(program, output)
        near = difflib.get_close_matches(arguments[0], known, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        print(f"{program}: nothing is called '{arguments[0]}'; {hint}allowed are {', '.join(known)}", file=sys.stderr)
        return 2


def _said_all(program: str, output: Patient) -> int:
    """The exit code of work that is done: 1 if standard output took no more, e.g. since its disk is full."""
    if output.error is None:
        return 0
    reason = f"standard output took no more ({output.error.strerror})"
    print(f"{program}: {reason}; the work is done, but what it said is lost", file=sys.stderr)
    return 1


def run_script(
    main: Callable[[argparse.Namespace], int | None],
    parser: Parser,
    arguments: list[str] | None = None,
    *,
    keep_memory: bool = True,
) -> int:
    """Parse, run, and turn every error into one sentence and an exit code: 2 wrong use, 1 failed work.

    keep_memory: as `studies.shared.memory` says; benchmarks leave it to their flags.
    """
    with patient_streams() as output:
        options = parser.parse_args(arguments)
        wait_kindly()
        if keep_memory:
            keep_freed_memory()
        # The figure says why a map is blank; a person needs no Python warning besides.
        warnings.filterwarnings("ignore", message="the map of image")
        return _outcome(main, parser, options) or _said_all(parser.prog, output)


def _outcome(main: Callable[[argparse.Namespace], int | None], parser: Parser, options: argparse.Namespace) -> int:
    """Run it; return the exit code, every error said in one sentence."""
    try:
        check_output(getattr(options, "output", None))
        code = main(options) or 0
        sys.stdout.flush()  # so that a closed pipe is noticed here, not at Python's exit
        return code
    except UsageError as error:
        return _complain(parser, f"{error}", 2)
    except WorkError as error:
        return _complain(parser, f"{error}", 1)
    except ModuleNotFoundError as error:
        ready = "start it by .venv/bin/python, or " if (ROOT / ".venv" / "bin" / "python").exists() else ""
        sentence = f"the package '{error.name}' is missing; {ready}run: pip install -r requirements.txt"
        return _complain(parser, sentence, 1)
    except KeyboardInterrupt:
        return _complain(parser, "interrupted; what was reported as written is complete", 130)
    except BrokenPipeError:  # e.g. `| head`
        lead_nowhere(sys.stdout)
        return _complain(parser, "what it prints is no longer read, so it stopped; do not close the pipe", 1)
    except OSError as error:
        place = f"'{error.filename}'" if error.filename else "a file or standard output"
        return _complain(parser, f"{place} cannot be used: {error.strerror or error}", 1)
    except Exception as error:
        if os.environ.get("DEBUG"):
            raise
        words = ("out of memory", "can't allocate memory")  # CUDA's, and the CPU's
        if isinstance(error, MemoryError) or any(each in str(error).lower() for each in words):
            return _complain(parser, "memory: there is not enough; use a smaller --size, or --device cpu", 1)
        kind = type(error).__name__
        return _complain(parser, f"unexpected {kind}: {error}; set DEBUG=1 to see where, and please report it", 1)


def _complain(parser: Parser, sentence: str, code: int) -> int:
    rank, _ = started()
    whose = f"process {rank}: " if rank else ""
    print(f"{parser.prog}: {whose}{' '.join(sentence.split())}", file=sys.stderr)
    return code
