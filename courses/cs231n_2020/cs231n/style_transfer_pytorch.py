"""CS231n's losses and helpers of style transfer: functions, since its notebook reads their source."""

from courses.pictures import deprocess, rescale
from courses.style import extract_features, features_from_img, preprocess, rel_error
from style_modules.content_loss import content_loss
from style_modules.style_loss import gram_matrix, style_loss
from style_modules.tv_loss import tv_loss

__all__ = [
    "content_loss",
    "deprocess",
    "extract_features",
    "features_from_img",
    "gram_matrix",
    "preprocess",
    "rel_error",
    "rescale",
    "style_loss",
    "tv_loss",
]
