"""Whatever flags and pictures come: a study does its work, or refuses it in one sentence, and leaves nothing half-done.

The flags are drawn from each study's own parser, so that a new flag, or a new study, is tried without a line here.
"""

import argparse
import contextlib
import hashlib
import io
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from PIL import Image

import training.__main__ as trainings
from core.defaults import ROOT
from core.errors import UsageError
from studies.shared import forms
from studies.shared.bounds import Bounded
from studies.shared.options import Parser
from studies.shared.runner import flags_of, study_names
from studies.trust import study as trust
from training import flags as training_flags

PICTURES = ("in/wide.png", "in/grey.png", "in/folder", "chelsea")
ODD_PICTURES = (
    "in/thin.png", "in/dot.png", "in/clear.png", "in/palette.png", "in/deep.png", "in/broken.png", "in/words.png",
    "in/empty.png", "in/nothing", "in/all_broken", "nowhere.png", "in", ".", "mosaic", "scales", "swirling_night",
)  # fmt: skip
WEIGHTS = ("patterns", "auto", f"{ROOT}/weights/plain.safetensors", f"{ROOT}/weights/fast_styles.safetensors")
ODD_WEIGHTS = ("imagenet", "nowhere.pth", "in/empty.pth", "in/words.safetensors", "in/wide.png", "in/folder")
CLASSES = ("star", "maze", "1", "35", "goldfish", "0", "all")
ODD_CLASSES = ("-1", "36", "1000", "999999999999999999999", "٣", "²", "e", "no such class", "1e3", "+1", "1_0", "STAR ")
ODD_WORDS = ("", " ", "\0", "all", "é", "~nobody-is-called-so/a.png", "x" * 300, "-", "a/b\0.png", "None", "nan")
ODD_NUMBERS = (
    "", " ", "nan", "inf", "-inf", "-1", "0", "-0", "-0.0", "+1", " 1 ", "1_0", "٣", "²", "1e400", "0x10", "1,5",
    "9" * 30, "9" * 5000, "1e-300", "5e-324", "1e-38", "1e-8", "0.5", "1.5", "1e300", "None", "1\0",
)  # fmt: skip
OUTPUTS = ("out.png", "deep/er/out.jpg", "out", "out/", "x.gif", "OUT.PNG", "x.md", "x.safetensors", "in/folder", "")
# What decides how much work there is: not tried at its upper end, where one run takes hours.
WORK = re.compile(
    "iterations|size|scenes|count|held|pictures|checked|draws|stages|train|per_class|samples|masks|nodes|certified|"
    "restarts|passes|octaves|scales|smallest|zoom|blends|window|steps|workers|batch|side|grid|nearest|evaluate"
)
UNSET = {"iterations", "size", "count", "scenes", "smallest", "style_size"}  # none stands for more work than the least
LITTLE = {  # what else makes a study's work little
    "trust": {"technique": ["gradient"]},
    "textures": {"images": ["scales"]},
    "inversion": {"layers": ["features.3"]},
    "robustness": {"weights": [WEIGHTS[2]]},
    "confidence": {"weights": [WEIGHTS[2]]},
    "tradeoffs": {"figure": ["blend"]},
    "style": {"style_scale": 1.0},
    "networks": {"model": ["squeezenet1_1"]},
}
LONG = {"digits", "shuffle_labels"}  # flags that mean much work by themselves: tried by the larger test alone
LAYERS = ("features.0", "features.1", "features.3", "features.4", "features.12", "classifier.1", "features.3.squeeze")
ODD_LAYERS = ("classifier", "classifier.0", "classifier.3", "features", "features.99", "features.0.weight", "..", "1")
PROGRAM = re.compile(r"python -m (studies|training) \w+: \S")


@pytest.fixture
def material(tmp_path, tmp_path_factory, weights, monkeypatch) -> dict[Path, str]:
    """Pictures and files of all sorts in the folder in/ -> {file: its hash}. What no flag makes little is so, too."""
    set_hypothesis_home_dir(tmp_path_factory.getbasetemp() / "hypothesis")  # not in the checkout
    monkeypatch.delenv("DEBUG", raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    for numbers in (*forms.FORMS.values(), forms.EMBEDDED):
        monkeypatch.setitem(numbers, "iterations", 1)
    monkeypatch.setattr(trust, "SCENES", 1)
    folder = tmp_path / "in"
    for name in ("folder/cats", "folder/dogs", "nothing", "all_broken"):
        (folder / name).mkdir(parents=True)
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 4), dtype=np.uint8), "RGBA")
    for name, mode, size in (
        ("wide", "RGB", (120, 70)), ("grey", "L", (64, 64)), ("thin", "RGB", (120, 8)), ("dot", "RGB", (1, 1)),
        ("clear", "RGBA", (90, 90)), ("palette", "P", (70, 90)), ("folder/cats/1", "RGB", (80, 80)),
        ("folder/cats/2", "RGB", (90, 80)), ("folder/dogs/1", "L", (80, 70)), ("folder/dogs/2", "RGB", (81, 90)),
    ):  # fmt: skip
        noise.crop((0, 0, *size)).convert(mode).save(folder / f"{name}.png")
    for name in ("1", "2"):
        shutil.copy(folder / "folder" / "cats" / f"{name}.png", folder / "folder" / f"{name}.png")
    Image.fromarray(np.full((80, 80), 60_000, np.uint16)).save(folder / "deep.png")
    (folder / "broken.png").write_bytes((folder / "wide.png").read_bytes()[:400])
    for name in ("words.png", "all_broken/a.png", "all_broken/b.png", "words.safetensors"):
        (folder / name).write_text("words")
    for name in ("empty.png", "empty.pth"):
        (folder / name).touch()
    return hashes(folder)


def hashes(folder: Path) -> dict[Path, str]:
    """{file: the hash of its content} of all below."""
    return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def texts_of(action: argparse.Action) -> tuple[list[str], list[str]]:
    """Values of a flag that it may well take, and odd ones."""
    kind, name = action.type, action.dest
    if action.choices is not None:
        return list(map(str, action.choices)), [*ODD_WORDS]
    if isinstance(kind, Bounded):
        few = [kind.least + add for add in ((0, 1, 2) if kind.kind is int else (0, 1e-9, 0.25, 1))]
        few = [value for value in few if kind.most is None or value <= kind.most]
        if not WORK.search(name):
            few.append(10**9 if kind.most is None else kind.most)
        return list(map(str, few)), [*ODD_NUMBERS, str(kind.least - 1), str((kind.most or 10**30) + 1)]
    if name == "output":
        return list(OUTPUTS[:3]), [*OUTPUTS, *ODD_WORDS]
    if re.search("weights|network|judge|transfer|random_labels|perturbation", name):
        return list(WEIGHTS), [*ODD_WEIGHTS, *ODD_WORDS]
    if name == "model":
        return ["squeezenet1_1"], ["resnet-19", "fcn_resnet50", "timm:x", "os:getcwd", "in:x", ":", *ODD_WORDS]
    if name == "classes":
        return [], ["imagenet", "in/words.png", "in/wide.png", "in/empty.png", *ODD_PICTURES, *ODD_WORDS]
    if re.search("layer", name):
        return list(LAYERS), [*ODD_LAYERS, *ODD_WORDS]
    if re.search("labels|versus", name):
        return list(CLASSES), [*ODD_CLASSES, *ODD_WORDS]
    if re.search("images|content|style|guide|mask|start", name):
        return list(PICTURES), [*ODD_PICTURES, *ODD_WORDS]
    named = re.findall(r"[a-z][\w.+-]+", re.sub(r"\(.*", "", action.help or ""))  # the help lists what there is
    return [word.rstrip(".+,") if word not in action.help.split() else word for word in named], [*ODD_WORDS, "1", "cat"]


@st.composite
def flags_drawn(draw: st.DrawFn, actions: list[argparse.Action]) -> list[str]:
    """A few flags with values, as a shell passes them on."""
    chosen = draw(st.lists(st.sampled_from(actions), min_size=1, max_size=4, unique_by=lambda action: action.dest))
    words = []
    for action in chosen:
        words.append(draw(st.sampled_from(action.option_strings)))
        if action.nargs == 0:
            continue
        usual, odd = texts_of(action)
        odd_one = draw(st.integers(0, 5)) == 0
        count = {None: 1, "+": draw(st.integers(1, 3)), "?": 1}.get(action.nargs, action.nargs)
        if odd_one and action.nargs is not None:
            count = draw(st.integers(0, 3))
        words += [draw(st.sampled_from(odd if odd_one or not usual else usual)) for _ in range(count)]
    return words


def parser_of(name: str) -> Parser:
    """The parser of a study, or of a training by the name it is called by, "training styles"."""
    return training_flags.parser(name.split()[1]) if " " in name else flags_of(name).parser()


def drawn_from(name: str, *, without: frozenset[str] = frozenset()) -> st.SearchStrategy[list[str]]:
    """Flags of a study or training."""
    actions = [each for each in parser_of(name)._actions if each.dest != "help" and each.dest not in without]
    return flags_drawn(actions)


def with_little_work(parser: Parser, name: str) -> Parser:
    """The parser, its whole numbers as small as they may be where they are not given."""
    bounded = [action for action in parser._actions if isinstance(action.type, Bounded) and action.type.kind is int]
    few = {each.dest: each.type.least for each in bounded if each.default is not None or each.dest in UNSET}
    parser.set_defaults(**few, **LITTLE.get(name, {}))
    if any(action.dest == "weights" and action.nargs is None for action in parser._actions):
        parser.set_defaults(weights="patterns")
    return parser


def check_contract(name: str, arguments: list[str], material: dict[Path, str]) -> None:
    """Run it; say what was broken of what is promised."""
    out, error, folder = io.StringIO(), io.StringIO(), Path("in")
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(error):
        try:
            code = trainings.main(name.split()[1:] + arguments) if " " in name else run(name, *arguments)
        except SystemExit as stop:  # from the parser itself
            code = stop.code
    lines = error.getvalue().splitlines()
    assert code in {0, 1, 2}, lines
    assert not [line for line in lines if "unexpected" in line or "Traceback" in line or "Warning" in line], lines
    if code == 2:
        assert PROGRAM.match(lines[-1]), lines
        assert all(line.startswith("skipped: ") for line in lines[:-1]), lines
    assert bool(lines) == (code != 0), lines
    assert not list(Path().rglob("*.part"))
    assert hashes(folder.absolute()) == material
    for path in Path().iterdir():
        if path.name not in {"in", "cache"}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def examples(count: int):
    """The same ones in every run, and none kept in a folder of hypothesis's own."""
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(max_examples=count, derandomize=True, database=None, deadline=None, suppress_health_check=checks)


TRAININGS = [f"training {name}" for name in training_flags.COMMANDS]


@pytest.mark.parametrize("name", [*study_names(), *TRAININGS])
def test_flags_become_settings_or_a_sentence(name, material):
    make = training_flags.settings if " " in name else flags_of(name).settings

    @examples(40)
    @given(drawn_from(name))
    def holds(arguments):
        said, refused = io.StringIO(), ""
        try:
            with contextlib.redirect_stderr(said):
                options = parser_of(name).parse_args(arguments)
            make(name.split()[1], options) if " " in name else make(options)
        except SystemExit:  # the parser has said it
            refused = said.getvalue().removesuffix("\n")
            assert refused
        except UsageError as error:
            refused = f"{error}"
            assert refused
        assert "\n" not in refused

    holds()


@pytest.mark.parametrize("name", study_names())
def test_a_study_does_its_work_or_says_in_a_sentence_why_not(name, material, monkeypatch):
    make = flags_of(name).parser
    monkeypatch.setattr(flags_of(name), "parser", lambda: with_little_work(make(), name))

    @examples(6)
    @given(drawn_from(name, without=LONG))
    def holds(arguments):
        check_contract(name, arguments, material)

    holds()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*study_names(), "training styles", "training evaluate"])
def test_a_study_does_its_work_or_says_so_with_many_flags(name, material, monkeypatch):
    if " " in name:
        make = training_flags.parser
        monkeypatch.setattr(trainings, "parser", lambda command: with_little_work(make(command), name))
    else:
        make = flags_of(name).parser
        monkeypatch.setattr(flags_of(name), "parser", lambda: with_little_work(make(), name))

    @examples(int(os.environ.get("EXAMPLES", "10")))  # for a long look: EXAMPLES=500
    @given(drawn_from(name))
    def holds(arguments):
        check_contract(name, arguments, material)

    holds()
