"""The course's names of 2023 for its pictures."""

from data_utils import *  # noqa: F403
