"""README and docs: generated tables are what their makers give today, links lead somewhere, and the README is short."""

import re
import shlex
from importlib.util import find_spec

import pytest

from benchmarks.docs import TABLES, fill, fill_all, pages
from core.defaults import ROOT
from core.errors import UsageError
from studies.shared.runner import flags_of, study_names
from training import flags as training_flags

COMMAND = re.compile(r"python -m ((?:studies|training|benchmarks)(?:\.\w+)?)([^`#|\n]*)")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)|src=\"([^\"]+)\"")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_tables_between_marks_are_generated(page):
    text = page.read_text(encoding="utf-8")
    assert fill_all(text) == text, "run python -m benchmarks.docs"


def test_every_table_stands_in_some_page():
    together = "".join(page.read_text(encoding="utf-8") for page in pages())
    assert all(f"<!-- table: {name} -->" in together for name in TABLES)


def test_a_table_goes_between_its_marks_in_place_of_the_old_one():
    begin, end = "<!-- table: speed -->\n", "<!-- end of table: speed -->\n"
    filled = fill(f"before\n{begin}old\n{end}after\n", "speed", "| new |\n")
    assert filled == f"before\n{begin}\n| new |\n\n{end}after\n"
    with pytest.raises(UsageError, match="is needed once"):
        fill("no marks", "speed", "| new |")
    with pytest.raises(UsageError, match="no table 'nothing'"):
        fill_all("<!-- table: nothing -->\n")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_the_commands_of_a_page_are_understood(page):
    """Every study, training and module that a page names is there, and has the flags that the page gives it."""
    for module, words in COMMAND.findall(page.read_text(encoding="utf-8")):
        name, *flags = [*(word for word in shlex.split(words) if word != "..."), ""]
        flags = flags[:-1]
        if module == "studies" and name not in {"", "NAME"}:
            if "NAME" not in flags:  # a technique's, to be filled in
                flags_of(name).settings(flags_of(name).parser().parse_args(flags))
        elif module == "training" and name not in {"", "NAME"}:
            if flags != ["--help"]:
                training_flags.settings(name, training_flags.parser(name).parse_args(flags))
        else:
            runs = find_spec(module if module not in {"studies", "training"} else f"{module}.__main__")
            assert runs, module
            assert 'if __name__ == "__main__":' in ROOT.joinpath(runs.origin).read_text(encoding="utf-8"), module


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_to_files_that_are_there(page):
    links = [first or second for first, second in LINK.findall(page.read_text(encoding="utf-8"))]
    inside = [link for link in links if not link.startswith(("http", "mailto"))]
    assert not [link for link in inside if not (page.parent / link).exists()]


@pytest.mark.parametrize("name", study_names())
def test_every_study_has_a_question_and_a_page(name):
    assert flags_of(name).QUESTION.endswith("?")
    assert (ROOT / "docs" / f"{name}.md").is_file()


def test_the_readme_has_at_most_1500_words():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1500
