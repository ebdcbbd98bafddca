"""The course's names of 2023 for style transfer."""

from style_utils import *  # noqa: F403
