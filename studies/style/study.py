"""Paints presets by the course's loop, or pairs of one's own pictures from coarse to fine."""

from studies.shared.report import Report
from studies.style.flags import PairSettings, PresetSettings, Settings
from studies.style.pairs import paint_pairs
from studies.style.presets import paint_presets


def run(settings: Settings, report: Report) -> None:
    """Paint what is asked for. Raises UsageError, before the network is loaded, for what does not go together."""
    if isinstance(settings, PresetSettings):
        paint_presets(settings, report)
    elif isinstance(settings, PairSettings):
        paint_pairs(settings, report)
