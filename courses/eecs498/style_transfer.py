"""EECS 498's losses. A notebook finds them with  PYTHONPATH=<this project>/courses/eecs498  jupyter ..."""

import _project  # noqa: F401

from style_modules.content_loss import content_loss
from style_modules.guided_style_loss import guided_gram_matrix, guided_style_loss
from style_modules.style_loss import gram_matrix, style_loss
from style_modules.tv_loss import tv_loss

__all__ = [
    "content_loss",
    "gram_matrix",
    "guided_gram_matrix",
    "guided_style_loss",
    "hello",
    "style_loss",
    "tv_loss",
]


def hello() -> None:
    """The notebook's first call: can the module be imported?"""
    print("Hello from style_transfer.py!")
