"""CS231n's pictures; `courses.photographs` says where they come from."""

from courses.photographs import load_imagenet_val

__all__ = ["load_imagenet_val"]
