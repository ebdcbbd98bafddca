"""The course's names of 2023 for preparing and showing pictures."""

from image_utils import *  # noqa: F403
