"""What is said of a part, from what came back of it. Nothing here trusts a word of the child but as words to show."""

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from course.cases import Case
from course.compare import diagnose
from course.parts import Part, Place
from course.references import expected
from course.results import PartResult
from course.sandbox import Answer
from course.side_effects import SENTENCES, sentences
from course.unwritten import Blocks, blocks_of

MOST_OUTPUT = 12_500
OUTPUTS = {  # what must come back of each case; the rest is nothing that was asked for
    "content_loss": ("loss", "gradient"),
    "style_loss": ("loss", "gradient"),
    "tv_loss": ("loss", "gradient"),
    "guided_style_loss": ("loss", "gradient"),
    "gram_matrix": ("gram", "plain"),
    "guided_gram_matrix": ("gram",),
    "saliency": ("maps",),
    "guided_backprop": ("maps",),
    "grad_cam": ("maps",),
    "fooling": ("images",),
    "class_visualization": ("images",),
    "style_update": ("images",),
    "preprocess": ("image",),
}
SIGNALS = {
    6: "aborted",
    7: "broke off",
    9: "was killed",
    11: "crashed in native code",
    24: "took too much computing time",
}
Pairs = list[tuple[Case, dict[str, np.ndarray]]]


def missing(part: Part, places: list[Place], root: Path) -> PartResult:
    """A part of which no file is there."""
    if not places:
        return PartResult(part.key, part.title, "missing", sentence="this edition of the course has no such part")
    wanted = places[0].module.replace(".", "/") + ".py"
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.py"))
    same = [name for name in files if os.path.basename(name) == os.path.basename(wanted)]
    near = same or difflib.get_close_matches(wanted, files, 1, 0.75)
    said = f"there is no {wanted}" + (f"; there is {near[0]}: is that it?" if near else f" with {places[0].name} in it")
    return PartResult(part.key, part.title, "missing", sentence=said)


def judge(
    part: Part, place: Place, pairs: Pairs, asked: int, answer: Answer, model: nn.Module, root: Path
) -> PartResult:
    """The result of one part. pairs: the cases that came back; asked: how many there should be."""
    facts = answer.facts
    notes = sentences(facts.get("notes"))
    stood_in = words_of(facts.get("stood in"))
    common: dict[str, Any] = {"output": answer.output[:MOST_OUTPUT], "seconds": answer.seconds, "notes": notes}

    def said(status: str, sentence: str, **more: Any) -> PartResult:
        told = common | more | {"notes": tuple(each for each in notes if each != sentence)}  # nothing twice
        return PartResult(part.key, part.title, status, sentence=sentence, **told)

    left = skeleton_of(place, facts, root)
    crash = facts.get("crash")
    if answer.how == "too slow":
        if left is not None and left.untouched:
            return said("not written", unwritten_words(left))
        return said("too slow", f"not finished within the limit of {answer_limit(answer)}; does a loop not end?")
    if isinstance(facts.get("missing"), str):
        return said("missing", cleaned(facts["missing"]))
    if isinstance(crash, dict):
        return crashed(said, crash, left, place, stood_in)
    if answer.how != "ended" or answer.broken or not facts:
        return said("crashed", ended_words(answer))
    if facts.get("nothing"):
        if left is None or left.untouched or left.empty:
            return said("not written", unwritten_words(left) if left else "it returns None")
        return said("wrong", "it returns None: is there a `return` at its end?")
    complete = len(pairs) == asked and all(any(name in outputs for name in OUTPUTS[part.key]) for _, outputs in pairs)
    if not complete:
        return said("wrong", "not all of its results came back")
    if OUTPUTS[part.key] == ("images",) and any(not outputs["images"].size for _, outputs in pairs):
        if left is None or left.untouched or left.empty:
            return said("not written", unwritten_words(left) if left else "the network was never run")
        return said("wrong", "the network was never run on the picture")
    return compared(said, part, pairs, model, left)


def compared(said: Any, part: Part, pairs: Pairs, model: nn.Module, left: Blocks | None) -> PartResult:
    lacking = [name for _, outputs in pairs for name in OUTPUTS[part.key] if name not in outputs]
    if lacking == ["gradient"] * len(lacking) and lacking:
        if left is not None and left.untouched:
            return said("not written", unwritten_words(left))
        return said("wrong", SENTENCES["no gradient"])
    if lacking:
        return said("wrong", "not all of its results came back")
    kept = [(case, {name: outputs[name] for name in OUTPUTS[part.key]}) for case, outputs in pairs]
    try:
        found = diagnose(part.key, kept, model)
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError):
        shapes = ", ".join(f"{name} {each.dtype} of shape {each.shape}" for name, each in kept[0][1].items())
        return said("wrong", f"its result has a form that cannot be compared: {shapes}")
    if found.right:
        return said("right", "", error=found.error)
    if left is not None and (left.untouched or (left.empty and is_idle(kept))):
        return said("not written", unwritten_words(left))
    names = tuple(getattr(each, "name", str(each)) for each in found.mistakes)
    sentence = found.sentence
    if left is not None and left.empty:
        sentence += f" The TODO block at line {left.empty[0]} is still empty."
    return said("wrong", sentence, error=found.error, mistakes=names, picture=picture_of(part.key, kept, model))


def is_idle(pairs: Pairs) -> bool:
    """Nothing but zeros, or pictures that never changed."""
    arrays = [next(iter(outputs.values())) for _, outputs in pairs]
    return all(
        not np.any(each) or (each.ndim == 4 and len(each) and np.array_equal(each, each[:1].repeat(len(each), 0)))
        for each in arrays
    )


def crashed(said: Any, crash: Mapping[str, Any], left: Blocks | None, place: Place, stood_in: list[str]) -> PartResult:
    words = cleaned(crash.get("words", "an error without words"))
    file, line, text = cleaned(crash.get("file", "")), crash.get("line"), cleaned(crash.get("text", ""))
    if crash.get("kind") == "NotImplementedError" and file:
        return said("not written", f"{file} line {line} says so: {text or words}")
    if left is not None and left.untouched:
        return said("not written", unwritten_words(left))
    where = f"{file} line {line}: {text}: " if file and text else f"{file} line {line}: " if file else ""
    if not file:
        where = f"called as the course calls {place.name}: "
    sentence = f"{where}{words}"
    if crash.get("kind") == "SystemExit":
        sentence += " (it ends Python: take the exit() out)"
    if left is not None and left.empty:
        sentence += f" (the TODO block at line {left.empty[0]} is still empty)"
    absent = [name for name in stood_in if name and name in words]
    if absent or (stood_in and crash.get("kind") in ("ModuleNotFoundError", "NameError", "ImportError")):
        sentence += f" (not part of the hand-in: {', '.join(absent or stood_in[:3])}; hand in that file, too)"
    return said("crashed", sentence)


def ended_words(answer: Answer) -> str:
    """Of a process that ended without a result."""
    if answer.how == "memory":
        return "stopped: it took too much memory; is a list growing in a loop, or a graph kept alive?"
    if answer.how == "processes":
        return "stopped: it starts ever more processes; is there a fork() or a pool in a loop?"
    if answer.how == "files":
        return "stopped: it wrote too much into files"
    status = answer.status if isinstance(answer.status, int) else None
    if status is not None and os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"its process {SIGNALS.get(number, f'ended by signal {number}')}, and no result came back"
    if status is not None and os.WIFEXITED(status) and not answer.broken and not os.WEXITSTATUS(status):
        return "its process ended by itself, and no result came back; is there an exit() in it?"
    if status is not None and os.WIFEXITED(status) and os.WEXITSTATUS(status) == 72:
        return "not run: as root, and with Python's files closed to others, a hand-in cannot be run safely; be no root"
    if answer.broken:
        return "what came back cannot be read; does it write over functions of Python, NumPy or torch?"
    return "its process ended, and no result came back"


def answer_limit(answer: Answer) -> str:
    return f"{answer.limit:g} s"


def skeleton_of(place: Place, facts: Mapping[str, Any], root: Path) -> Blocks | None:
    """What is left of the skeleton: by the place where the course has it, else where the child says that it is."""
    path = root.joinpath(*place.module.split(".")).with_suffix(".py")
    found = blocks_of(path, place.name)
    where = facts.get("where")
    if found is None and isinstance(where, list) and len(where) == 2 and isinstance(where[1], int):
        path = root / str(where[0])
        if root.resolve() in path.resolve().parents:
            found = blocks_of(path, place.name, where[1])
    return found


def unwritten_words(left: Blocks) -> str:
    return (
        f"the TODO block at line {left.empty[0]} is still empty" if left.empty else "it is still the course's skeleton"
    )


def cleaned(value: object) -> str:
    return "".join(char if char.isprintable() else " " for char in str(value)[:500])


def words_of(value: object) -> list[str]:
    return [cleaned(each) for each in value[:20]] if isinstance(value, list) else []


def picture_of(part: str, pairs: Pairs, model: nn.Module) -> tuple[np.ndarray, np.ndarray] | None:
    """(theirs, right) of the first case, for parts whose results can be looked at."""
    case, outputs = pairs[0]
    name = OUTPUTS[part][0]
    if name not in ("maps", "images", "image") or not outputs[name].size:
        return None
    right = expected(part, case, model, outputs=outputs)[name]
    theirs = outputs[name]
    if theirs.shape != np.shape(right) or not np.isfinite(theirs).all():
        return None
    index = min(1, len(theirs) - 1) if name == "images" else 0
    pair = np.asarray(theirs[index], dtype=np.float64), np.asarray(right[index], dtype=np.float64)
    if name != "maps":
        pair = tuple(each.transpose(1, 2, 0) for each in pair)
    return pair
