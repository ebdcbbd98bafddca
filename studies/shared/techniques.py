"""The maps of the catalogue as flags: which of them to draw, and the settings of each. Imports nothing heavy."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from core.errors import UsageError
from studies.shared.options import Parser, find_techniques, number, whole_number
from studies.shared.uses import Choice
from visualizers.catalogue import SETTINGS, TECHNIQUES, Family, Setting, Technique

Given = Mapping[str, Any]  # settings of techniques by name: numbers and words


BARE_RUN = "a run without --technique"


def family(name: Family) -> dict[str, Technique]:
    """The rows of a family, in the catalogue's order."""
    return {row.name: row for row in TECHNIQUES.values() if name in row.families}


def choose_techniques(texts: Collection[str], known: Mapping[str, Technique], *, versus: bool) -> tuple[str, ...]:
    """The names of the techniques asked for, each once; nothing, if none was named.

    With `versus` they must be fit for the difference of two classes; "all" then stands for those that are.
    """
    if not texts:
        return ()
    additive = tuple(name for name, row in known.items() if row.additive)
    names = find_techniques(list(texts), known)
    for text in texts:
        if versus and text not in (*additive, "all"):
            raise UsageError(
                f"versus: {text} is not linear in the score, so its maps of two classes cannot be subtracted; "
                f"allowed are {', '.join(additive)}"
            )
    return additive if versus and "all" in texts else names


def none_is_named(names: Collection[str], known: Mapping[str, Technique], *, versus: bool = False) -> bool:
    """Whether no technique is asked for, or all of them: then those that the network cannot have are left out."""
    return not names or set(names) == {name for name, row in known.items() if row.additive or not versus}


def technique_choice(
    known: Mapping[str, Technique],
    bare: Collection[str],
    *,
    all_named: Collection[str] = (),
    alone: Collection[str] = (),
) -> Choice:
    """Which settings each technique has, and those that a run has without --technique, which draws the ones in `bare`.

    all_named: flags that all techniques have, but only where they are named; alone: those of the bare run alone.
    """
    uses = {name: (*row.settings, *all_named) for name, row in known.items()}
    own = (name for technique in bare for name in known[technique].settings)
    return Choice("technique", uses | {BARE_RUN: (*dict.fromkeys(own), *alone)})


def add_technique_flags(parser: Parser, known: Mapping[str, Technique], *, default: str, own: Collection[str]) -> None:
    """--technique, --versus, --shared-scale, and a flag for each setting that one of the techniques has.

    default: what is drawn where --technique is not given. own: settings that the study declares itself.
    """
    add = parser.add_argument
    add(
        "--technique",
        nargs="+",
        default=(),
        metavar="NAME",
        help=f"all, or any of {', '.join(known)} (default: {default})",
    )
    add("--versus", metavar="CLASS", help="explain why the class of --labels and not this one: score - score of CLASS")
    add("--shared-scale", action="store_true", help="one colour scale for all images of a row, not one for each")
    for name in _settings(known, own):
        rows = [row for row in known.values() if name in row.settings]
        defaults = {row.defaults[name] for row in rows}
        default = defaults.pop() if len(defaults) == 1 else None  # each takes its own where they differ
        setting = SETTINGS.get(name, Setting("a setting of it"))
        described = f"{', '.join(row.name for row in rows)}: {setting.meaning}"
        kind = type_of(setting, rows[0].defaults[name])
        add(f"--{name.replace('_', '-')}", type=kind, default=default, metavar=setting.unit, help=described)


def add_no_captum(parser: Parser) -> None:
    """--no-captum."""
    help_text = "leave out the comparison with Captum, and do not load it: the first picture is there sooner"
    parser.add_argument("--no-captum", dest="captum", action="store_false", help=help_text)


def given_settings(given: Given, known: Mapping[str, Technique], *, own: Collection[str] = ()) -> dict[str, Any]:
    """Of the flags' values by name, the techniques' settings; None is left out, for each technique's own default."""
    return {name: given[name] for name in _settings(known, own) if given[name] is not None}


def type_of(setting: Setting, default: Any) -> Callable[[str], Any]:
    """What a flag takes: a number within the setting's bounds, else what its default is."""
    if setting.least is None:
        return str if default is None else type(default)
    if isinstance(default, float):
        return number(setting.least, setting.most)
    return whole_number(int(setting.least), None if setting.most is None else int(setting.most))


def _settings(known: Mapping[str, Technique], own: Collection[str]) -> list[str]:
    """The settings of these techniques, each once, in the order of the catalogue."""
    names = dict.fromkeys(name for row in known.values() for name in row.settings)
    return [name for name in names if name not in own]
