"""What it costs to paint in one pass."""

from studies.fast_style.flags import SHEET_SIZE, SHOWN, Settings
from studies.shared.cost import Cost, drawing
from studies.shared.picture_cost import scaled_to, size_of
from studies.shared.pictures import Picture, list_pictures

SECONDS, BYTES = 1.5e-6, 360  # for each pixel, on one plain core
STYLES = 4  # of the network that is here
MOST_PIXELS = 16_000_000  # that are painted at a time


def cost(settings: Settings, *, styles: int | None = None) -> Cost:
    """Every picture as every style that is wanted. A moving picture counts as its first frame."""
    styles = styles or len(settings.style) or STYLES
    pictures = list_pictures(settings.images) if settings.images else [Picture(name, name) for name in SHOWN]
    sheet = bool(settings.output.suffix) and len(pictures) * styles > 1
    total, drawn = Cost(flags=("size",)), 0.0
    for picture in pictures if settings.images else ():
        height, width = scaled_to(size_of(picture), settings.size or (SHEET_SIZE if sheet else None))
        pixels = min(height * width, MOST_PIXELS)
        total += Cost(seconds=SECONDS * styles * pixels, at_once=BYTES * pixels)
        drawn += (1 + styles) * pixels * sheet
    if not settings.images:
        pixels = 1.5 * (settings.size or SHEET_SIZE) ** 2
        total += Cost(seconds=SECONDS * styles * len(SHOWN) * pixels, at_once=BYTES * pixels)
        drawn += len(SHOWN) * (1 + styles) * pixels
    return total + drawing(1, drawn, 1)
