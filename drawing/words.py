"""Words on figures, in any script: in a font that has their letters, else in Latin letters, which is said.

A file or a class may be called 猫, кот, قطة or बिल्ली. DejaVu Sans has Latin, Greek, Cyrillic and some more; of what it
lacks it draws boxes. The fonts of the system are looked through only when a letter is lacking.
"""

import re
import unicodedata
from threading import Lock

from anyascii import anyascii
from PIL import features

from drawing.fonts import font_with, letters_of, own_font

PLAIN = re.compile("[\n\x20-\x7e\xa0-\u024f]*")  # every font has these
# From Hebrew to Burmese: letters run from the right, join, or change places. Pillow needs the library Raqm for that.
SHAPED = re.compile("[\u0590-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufeff]")
SHAPES = features.check("raqm")
REMEDY = "Pillow with the library Raqm"
SHOWN = 4  # words that are named in the sentence

# What was drawn in Latin letters and not yet said: the word as it is, as drawn, and what would shape its letters.
_in_latin: dict[str, tuple[str, str]] = {}
_asking = Lock()  # figures may be drawn by several threads


def drawable(text: str, font: str | None = None, *, shapes: bool | None = None, remedy: str = REMEDY) -> str:
    """The text as it can be drawn here: words whose letters no font has are in Latin letters.

    font: the file of the one in which it is to be drawn; DejaVu Sans if None. shapes: whether what draws it joins
    letters; whether Pillow does if None; remedy: what would. Letters that are none become U+FFFD.
    """
    if PLAIN.fullmatch(text):
        return text
    text = unicodedata.normalize("NFC", re.sub("[\ud800-\udfff\x00-\x09\x0b-\x1f\x7f-\x9f]", "\ufffd", text))
    font, shapes = own_font() if font is None else font, SHAPES if shapes is None else shapes
    return "".join(_in_letters(part, font, "" if shapes else remedy) for part in re.split(r"(\s+)", text))


def words_in_latin() -> str:
    """A sentence about the words that were drawn in Latin letters since this was last asked; "" if there are none."""
    with _asking:
        said = [f"{word} as {latin}" for word, (latin, _) in _in_latin.items()]
        lacking = sorted({remedy for _, remedy in _in_latin.values()} - {""})
        _in_latin.clear()
    if not said:
        return ""
    more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    first, remedies = ", ".join(said[:SHOWN]), "".join(f", or {each} for letters that join" for each in lacking)
    return f"drawn in Latin letters: {first}{more}; to see them as they are, install a font that has them{remedies}"


def room(text: str) -> int:
    """How many Latin letters wide a line of text is: letters of Chinese, Japanese and Korean are two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def fonts_for(text: str, font: str) -> dict[str, str]:
    """The letters of a text that this font lacks, with the files of fonts that have them."""
    lacking = {letter: font_with(letter) for letter in _visible(text) if ord(letter) not in letters_of(font)}
    return {letter: path for letter, path in lacking.items() if path}


def _in_letters(word: str, font: str, remedy: str) -> str:
    """A word as it is, or in Latin letters. remedy: what would shape its letters, "" if nothing is lacking."""
    if PLAIN.fullmatch(word):
        return word
    has_all = all(ord(letter) in letters_of(font) or font_with(letter) for letter in _visible(word))
    if has_all and not (remedy and SHAPED.search(word)):
        return word
    latin = anyascii(word) or "?" * len(word)
    if "\ufffd" not in word:
        with _asking:
            _in_latin[word] = latin, remedy if SHAPED.search(word) else ""
    return latin


def _visible(text: str) -> list[str]:
    """The letters that need a shape: all but blanks and marks that only say how others are drawn."""
    return [letter for letter in dict.fromkeys(text) if not letter.isspace() and unicodedata.category(letter) != "Cf"]
