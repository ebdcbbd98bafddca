"""A flag that nothing of what was chosen looks at is refused, by its name, with what has it."""

import importlib

import pytest
from conftest import replace_everywhere, run

from core.errors import UsageError
from patterns.dataset import stream_scenes
from studies.shared.bounds import Bounded
from studies.shared.runner import flags_of, study_names
from studies.shared.uses import Choice
from training import flags as training_flags

CHOICES = {  # those of the catalogue's techniques are asked for anew each time
    name: module.choices() if hasattr(module, "choices") else module.CHOICES
    for name, module in ((name, flags_of(name)) for name in study_names())
    if hasattr(module, "choices") or hasattr(module, "CHOICES")
}


def value_of(action) -> list[str]:
    """The flag with a value that it takes."""
    flag = action.option_strings[0]
    if action.nargs == 0:
        return [flag]
    if action.choices:
        return [flag, next(iter(action.choices))]
    return [flag, str(action.type.least) if isinstance(action.type, Bounded) else "x"]


def ignored_flags():
    """(study, the words that choose, the flag with a value, its name) of every flag that some choice has not."""
    for name in CHOICES:
        module = flags_of(name)
        actions = {action.dest: action for action in module.parser()._actions}
        for choice in CHOICES[name]:
            every = {flag for flags in choice.uses.values() for flag in flags}
            for value, flags in choice.uses.items():
                if value.startswith("a run without"):
                    chosen = []
                elif value.startswith("--"):
                    chosen = value_of(actions[value[2:].replace("-", "_")])
                else:
                    chosen = [f"--{choice.flag}", value]
                for flag in sorted(every - {*flags}):
                    if flag in actions:  # of the settings of forms some have no flag
                        yield pytest.param(name, chosen, value_of(actions[flag]), flag, id=f"{name} {value} {flag}")


@pytest.mark.parametrize(("name", "chosen", "given", "flag"), [*ignored_flags()])
def test_a_flag_of_another_choice_is_refused_with_what_has_it(name, chosen, given, flag):
    module = flags_of(name)
    with pytest.raises(UsageError, match=r"; (it belongs to |leave )") as refused:
        module.settings(module.parser().parse_args([*chosen, *given]))
    assert flag in str(refused.value)


@pytest.mark.parametrize("name", CHOICES)
def test_the_choices_name_flags_that_there_are(name):
    module = flags_of(name)
    there = {action.dest for action in module.parser()._actions}
    for choice in CHOICES[name]:
        assert choice.flag in there
        assert any({*flags} & there for flags in choice.uses.values())


def test_a_flag_set_to_its_default_is_given_all_the_same():
    module = flags_of("fooling")
    parser = module.parser()
    assert parser.parse_args(["--restarts", "1", "--size", "224"]).given == {"restarts", "size"}
    assert parser.parse_args([]).given == frozenset()
    with pytest.raises(UsageError, match="restarts: --technique ascent has no such setting; it belongs to --technique"):
        module.settings(parser.parse_args(["--restarts", "1"]))


def test_what_one_of_several_has_is_taken():
    module = flags_of("fooling")
    options = module.parser().parse_args(["--technique", "fgsm", "pgd", "--iterations", "3"])
    assert module.settings(options).iterations == 3


def test_the_sentence_lists_what_has_the_flag():
    choice = Choice("technique", {"a": ("x",), "b": ("x", "y"), "c": (), "a run without --technique": ("y",)})
    with pytest.raises(UsageError) as refused:
        choice.refuse_ignored({"y"}, ["a", "c"])
    words = "y: --technique a and c have no such setting; it belongs to --technique b or a run without --technique"
    assert str(refused.value) == words
    choice.refuse_ignored({"y"}, ["c", "b"])


def test_a_classifier_that_learns_by_heart_takes_no_perturbation():
    options = training_flags.parser("classifier").parse_args(["--shuffle-labels", "--perturbation", "8"])
    with pytest.raises(UsageError, match="perturbation: --shuffle-labels has no such setting; it belongs to a run"):
        training_flags.settings("classifier", options)


def test_a_perturbation_that_is_there_needs_no_scenes_to_learn_on(tmp_path, monkeypatch, capsys):
    flags = ["--weights", "patterns", "--size", "64", "--held", "6"]
    asked = []

    def counted(length, **settings):
        asked.append(length)
        return stream_scenes(length, **settings)

    importlib.import_module("studies.universal.study")
    replace_everywhere(monkeypatch, stream_scenes, counted)
    run("universal", *flags, "--count", "2", "--iterations", "1", "--bound", "60", "--output", "a.png")
    run("universal", *flags, "--perturbation", "a_v.png", "--output", "b.png")
    assert asked == [2, 6, 6]
    assert "unexpected" not in capsys.readouterr().err
