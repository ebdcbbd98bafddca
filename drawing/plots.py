"""Figures of matplotlib -> pixels: for what is plotted along axes. Panels and their words are drawn without it."""

import logging
import re
import warnings
from functools import lru_cache

import matplotlib
import numpy as np
from matplotlib import font_manager
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.text import Text
from matplotlib.ticker import FixedFormatter, FuncFormatter

from drawing.words import PLAIN, drawable, fonts_for

SHAPES = matplotlib.__version_info__ >= (3, 11)  # from then on it joins letters and writes from the right
REMEDY = "matplotlib 3.11 or later"

# A font without bold letters draws plain ones in a bold title; that is nobody's concern.
logging.getLogger("matplotlib.font_manager").addFilter(
    lambda record: not re.match("findfont: Failed to find font weight", record.getMessage())
)


def pixels_of(figure: Figure) -> np.ndarray:
    """Draw a matplotlib figure -> RGB (H, W, 3), uint8. Its words are drawn as `drawing.words` says."""
    fit_words(figure)
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is still to be said of fonts is no matter of the picture
        canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def fit_words(figure: Figure) -> None:
    """Give each text of the figure fonts that have its letters, or write in Latin letters the words that none has."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            # The words of ticks are written anew with each drawing, by these two; so they are given to them.
            if isinstance(axis.get_major_formatter(), (FixedFormatter, FuncFormatter)):
                texts = [label.get_text() for label in axis.get_ticklabels()]
                fitted = [_drawable(text, FontProperties()) for text in texts]
                if fitted != texts:
                    axis.set_ticks(axis.get_ticklocs(), labels=fitted)
    for text in figure.findobj(Text):
        words = text.get_text()
        if not PLAIN.fullmatch(words):
            font = text.get_fontproperties()
            text.set_text(_drawable(words, font))
            lacking = fonts_for(text.get_text(), font_manager.findfont(font))
            families = dict.fromkeys(map(_family, lacking.values()))
            text.set_fontfamily([*text.get_fontfamily(), *families])


def _drawable(text: str, font: FontProperties) -> str:
    return drawable(text, font_manager.findfont(font), shapes=SHAPES, remedy=REMEDY)


@lru_cache(maxsize=128)
def _family(path: str) -> str:
    """The name by which matplotlib knows a font file; it is told of one that it does not know yet."""
    if path not in {entry.fname for entry in font_manager.fontManager.ttflist}:
        font_manager.fontManager.addfont(path)
    return FontProperties(fname=path).get_name()
