"""The course's names for style transfer; `courses.style` says what each does."""

from courses.pictures import deprocess, rescale
from courses.style import extract_features, features_from_img, preprocess, rel_error, style_transfer

__all__ = [
    "deprocess",
    "extract_features",
    "features_from_img",
    "preprocess",
    "rel_error",
    "rescale",
    "style_transfer",
]
