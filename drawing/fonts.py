"""Which font file has which letters. The files are read here, so that a figure without a plot needs no matplotlib.

The font of our words is DejaVu Sans, which comes with matplotlib; its files are found without importing that package.
"""

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import ImageFont

OWN = {False: "DejaVuSans.ttf", True: "DejaVuSans-Bold.ttf"}  # plain, bold
NO_FONTS = ("lastresort", "last resort", "emoji", "adobe blank", "fallback")  # a box or a coloured picture each letter
PLAIN_STYLES = {"regular", "book", "roman", "normal"}
SLANTED = ("italic", "oblique")
OUTLINES = {b"glyf", b"CFF ", b"CFF2"}  # the tables of fonts that can be drawn in any size
LAST_LETTER = 0x10FFFF


def own_font(*, bold: bool = False) -> str:
    """The file of DejaVu Sans; "" where matplotlib is not installed: Pillow's own font, of Latin letters alone."""
    path = _matplotlib_fonts() / OWN[bold]
    return str(path) if path.is_file() else ""


@lru_cache(maxsize=128)
def opened_font(path: str, pixels: float) -> ImageFont.FreeTypeFont:
    """A font file, or Pillow's own font for "", ready to be drawn `pixels` high."""
    return ImageFont.truetype(path, pixels) if path else ImageFont.load_default(pixels)


@lru_cache(maxsize=32)
def letters_of(path: str) -> frozenset[int]:
    """The numbers of the letters that a font file has, for "" those of Latin. Raises a dozen kinds if it is broken.

    https://learn.microsoft.com/typography/opentype/spec/cmap tells the format.
    """
    if not path:
        return frozenset((*range(0x20, 0x7F), *range(0xA0, 0x180)))
    with open(path, "rb") as file:
        data = file.read()
    start = struct.unpack(">I", data[12:16])[0] if data[:4] == b"ttcf" else 0  # of a collection, the first
    (count,) = struct.unpack_from(">H", data, start + 4)
    records = (struct.unpack_from(">4sIII", data, start + 12 + 16 * index) for index in range(count))
    tables = {name: at for name, _, at, _ in records}
    if not OUTLINES & set(tables):
        return frozenset()
    at = tables[b"cmap"]
    found: set[int] = set()
    for index in range(struct.unpack_from(">H", data, at + 2)[0]):
        platform, encoding, offset = struct.unpack_from(">HHI", data, at + 4 + 8 * index)
        if platform == 0 or (platform == 3 and encoding in (1, 10)):  # the numbers are Unicode's
            form = struct.unpack_from(">H", data, at + offset)[0]
            found.update({4: _short_codes, 12: _long_codes}.get(form, _no_codes)(data[at + offset :]))
    return frozenset(found)


@lru_cache(maxsize=4096)
def font_with(letter: str) -> str:
    """The file of a font of this system that has the letter, the plainest first; "" if there is none."""
    for path in system_fonts():
        with suppress(Exception):  # a font that is broken, of an unknown kind, or gone
            if ord(letter) in letters_of(path):
                return path
    return ""


@lru_cache(maxsize=1)
def system_fonts() -> tuple[str, ...]:
    """A file of each family of this system, upright and of plain weight where it can be, those without serifs first."""
    named = []
    for path in dict.fromkeys(font_files()):
        with suppress(Exception):  # as above
            family, style = ImageFont.truetype(path, 10).getname()
            if not any(part in family.lower() for part in NO_FONTS):
                named.append((family, style or "", path))
    chosen: dict[str, str] = {}
    for family, _, path in sorted(named, key=_plainness):
        chosen.setdefault(family, path)
    return tuple(chosen.values())


def font_files() -> Iterator[str]:
    """The font files of this system, and those of matplotlib."""
    home, environment = Path.home(), os.environ
    if sys.platform == "win32":
        roots = [Path(environment.get("WINDIR", "C:/Windows")) / "Fonts"]
        roots.append(home / "AppData/Local/Microsoft/Windows/Fonts")
    elif sys.platform == "darwin":
        roots = [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    else:
        shared = environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        data = [Path(environment.get("XDG_DATA_HOME") or home / ".local/share"), *map(Path, shared.split(":"))]
        roots = [home / ".fonts", *(folder / "fonts" for folder in data)]
    for root in (_matplotlib_fonts(), *roots):
        for folder, _, names in os.walk(root):
            yield from (
                os.path.join(folder, name) for name in sorted(names) if name.lower().endswith((".ttf", ".otf", ".ttc"))
            )


def _matplotlib_fonts() -> Path:
    package = find_spec("matplotlib")  # looked up, not imported
    return Path(package.origin).parent / "mpl-data/fonts/ttf" if package and package.origin else Path("no matplotlib")


def _plainness(font: tuple[str, str, str]) -> tuple:
    family, style, path = (text.lower() for text in font)
    words = set(style.split())
    kinds = ("serif" in family.replace("sans serif", ""), "mono" in family, "sans" not in family)
    return any(word in style for word in SLANTED), len(words - PLAIN_STYLES), *kinds, family, path


def _short_codes(table: bytes) -> Iterator[int]:
    """Format 4: segments of letters up to 0xffff, each with its glyphs' numbers or where these stand; 0 is none."""
    count = struct.unpack_from(">H", table, 6)[0] // 2
    ends, starts, deltas, offsets = (
        np.frombuffer(table, ">u2", count, 14 + 2 * count * part + 2 * bool(part)).astype(int) for part in range(4)
    )
    glyphs = np.frombuffer(table, ">u2", (len(table) - 16 - 8 * count) // 2, 16 + 8 * count).astype(int)
    for place, (start, end, delta, offset) in enumerate(zip(starts, ends, deltas, offsets, strict=True)):
        codes = np.arange(start, end + 1)
        if offset:  # in bytes, counted from where it stands itself
            at = offset // 2 + codes - start - (count - place)
            codes, at = codes[at < len(glyphs)], at[at < len(glyphs)]
            yield from codes[glyphs[at] > 0].tolist()
        else:
            yield from codes[(codes + delta) % 0x10000 > 0].tolist()


def _long_codes(table: bytes) -> Iterator[int]:
    """Format 12: groups of letters of any number, which have glyphs one after the other."""
    (count,) = struct.unpack_from(">I", table, 12)
    for start, end, first in np.frombuffer(table, ">u4", 3 * count, 16).reshape(count, 3).tolist():
        yield from range(start + (first == 0), min(end, LAST_LETTER) + 1)


def _no_codes(_table: bytes) -> tuple[int, ...]:
    """Other formats hold nothing that these two do not, but for fonts of one box for all letters."""
    return ()
