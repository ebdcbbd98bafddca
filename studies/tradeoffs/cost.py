"""What it costs to paint one content again and again."""

from dataclasses import replace
from pathlib import Path

from studies.shared.cost import Cost, drawing
from studies.style.cost import pair_cost
from studies.style.flags import PairSettings
from studies.tradeoffs.flags import STYLES, Settings
from studies.tradeoffs.sweeps import FIGURES, SCALES


def cost(settings: Settings) -> Cost:
    """Each transfer of each figure."""
    pair = PairSettings(
        output=Path(),
        content=settings.content,
        style=(settings.style or STYLES)[:1],
        size=settings.size,
        smallest=settings.smallest,
        iterations=settings.iterations,
    )
    if "style-size" in settings.figure:
        pair = replace(pair, style_scale=float(max(SCALES)))
    pictures = sum(FIGURES[name].pictures for name in settings.figure)
    work = pair_cost(settings.content, pair).freed * pictures + drawing(1.5 * pictures, 1.2 * settings.size)
    return work + Cost(flags=("size", "iterations", "figure"))
