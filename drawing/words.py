"""Words on figures, in any script: in a font that has their letters, else in Latin letters, which is said.

A file or a class may be called 猫, кот, قطة or बिल्ली. Matplotlib's own font has Latin, Greek, Cyrillic and some more;
of what it lacks it draws boxes. The fonts of the system are looked through only when a letter is lacking.
"""

import logging
import re
import unicodedata
from contextlib import suppress
from functools import lru_cache

import matplotlib
from anyascii import anyascii
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

PLAIN = re.compile("[\n\x20-\x7e\xa0-\u024f]*")  # every font has these
# From Hebrew to Burmese: letters run from the right, join, or change places. Matplotlib can do that from 3.11 on.
SHAPED = re.compile("[\u0590-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufeff]")
SHAPES = matplotlib.__version_info__ >= (3, 11)
# Fonts that have a box, or a coloured picture, for each letter.
NO_FONTS = ("lastresort", "last resort", "emoji", "adobe blank", "fallback")
SHOWN = 4  # words that are named in the sentence

# A font without bold letters draws plain ones in a bold title; that is nobody's concern.
logging.getLogger("matplotlib.font_manager").addFilter(
    lambda record: not record.getMessage().startswith("findfont: Failed to find font weight")
)
_in_latin: dict[str, str] = {}  # what was drawn in Latin letters and not yet said: the word as it is, and as drawn


def fit_words(figure: Figure) -> None:
    """Give each text of the figure fonts that have its letters, or write in Latin letters the words that none has."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            # The words of ticks are written anew with each drawing, by these two; so they are given to them.
            if isinstance(axis.get_major_formatter(), (FixedFormatter, FuncFormatter)):
                texts = [label.get_text() for label in axis.get_ticklabels()]
                fitted = [drawable(text) for text in texts]
                if fitted != texts:
                    axis.set_ticks(axis.get_ticklocs(), labels=fitted)
    for text in figure.findobj(Text):
        words = text.get_text()
        if not PLAIN.fullmatch(words):
            text.set_text(drawable(words, text.get_fontproperties()))
            families = _families(text.get_text(), text.get_fontproperties())
            text.set_fontfamily([*text.get_fontfamily(), *families])


def drawable(text: str, font: FontProperties | None = None) -> str:
    """The text as it can be drawn here: words whose letters no font has are in Latin letters.

    font: in which it is to be drawn; matplotlib's own if None. Letters that are none become U+FFFD.
    """
    if PLAIN.fullmatch(text):
        return text
    font = font or FontProperties()
    text = unicodedata.normalize("NFC", re.sub("[\ud800-\udfff\x00-\x09\x0b-\x1f\x7f-\x9f]", "\ufffd", text))
    return "".join(_in_letters(part, font) for part in re.split(r"(\s+)", text))


def words_in_latin() -> str:
    """A sentence about the words that were drawn in Latin letters since this was last asked; "" if there are none."""
    said = [f"{word} as {latin}" for word, latin in _in_latin.items()]
    _in_latin.clear()
    if not said:
        return ""
    more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    remedy = "" if SHAPES else ", or matplotlib 3.11 or later for letters that join"
    first = ", ".join(said[:SHOWN])
    return f"drawn in Latin letters: {first}{more}; to see them as they are, install a font that has them{remedy}"


def room(text: str) -> int:
    """How many Latin letters wide a line of text is: letters of Chinese, Japanese and Korean are two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _in_letters(word: str, font: FontProperties) -> str:
    """A word as it is, or in Latin letters."""
    if PLAIN.fullmatch(word):
        return word
    if all(_has(font, letter) or family_with(letter) for letter in _visible(word)) and (
        SHAPES or not SHAPED.search(word)
    ):
        return word
    latin = anyascii(word) or "?" * len(word)
    if "\ufffd" not in word:
        _in_latin[word] = latin
    return latin


def _families(text: str, font: FontProperties) -> list[str]:
    """The fonts to be asked for the letters that this one lacks."""
    lacking = [family_with(letter) for letter in _visible(text) if not _has(font, letter)]
    return [name for name in dict.fromkeys(lacking) if name]


def _visible(text: str) -> list[str]:
    """The letters that need a shape: all but blanks and marks that only say how others are drawn."""
    return [letter for letter in dict.fromkeys(text) if not letter.isspace() and unicodedata.category(letter) != "Cf"]


def _has(font: FontProperties, letter: str) -> bool:
    return bool(opened_font(font_manager.findfont(font)).get_char_index(ord(letter)))


@lru_cache(maxsize=32)
def opened_font(path: str) -> FT2Font:
    return FT2Font(path)


@lru_cache(maxsize=4096)
def family_with(letter: str) -> str:
    """The name of a font of this system that has the letter, the plainest first; "" if there is none."""
    for name, path in system_fonts():
        with suppress(Exception):  # a font that is broken, of a kind that FreeType cannot read, or gone
            font = opened_font(path)
            if font.scalable and font.get_char_index(ord(letter)):
                return name
    return ""


@lru_cache(maxsize=1)
def system_fonts() -> list[tuple[str, str]]:
    """(family, file) of each font of this system, upright and of plain weight, those without serifs first."""
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in font_manager.findSystemFonts():
        if path not in known:  # it was installed after matplotlib had made its list
            with suppress(Exception):  # as above
                font_manager.fontManager.addfont(path)

    def plainness(entry: font_manager.FontEntry) -> tuple:
        name, weight = entry.name.lower(), entry.weight if isinstance(entry.weight, int) else 400
        kinds = ("serif" in name.replace("sans serif", ""), "mono" in name, "sans" not in name)
        return entry.style != "normal", abs(weight - 400), entry.stretch != "normal", *kinds, name

    usable = [
        entry for entry in font_manager.fontManager.ttflist if not any(part in entry.name.lower() for part in NO_FONTS)
    ]
    chosen = {}
    for entry in sorted(usable, key=plainness):
        chosen.setdefault(entry.name, entry.fname)
    return list(chosen.items())
