"""What style transfers cost; those of pairs are told again one by one, by what is measured (`painting.forecast`)."""

from core.errors import UsageError
from painting.forecast import MOST_BYTES, TILE
from painting.scales import SMALLEST_SIDE, scale_sizes
from studies.shared.cost import FORWARD_BYTES, GRADIENT_BYTES, Cost, forwards, gradients
from studies.shared.named_pictures import files_of, find_picture
from studies.shared.picture_cost import scaled_to, size_of
from studies.shared.pictures import Picture
from studies.style.flags import PRESETS, PairSettings, PresetSettings, Settings

SHARE = 0.7  # of a gradient of the whole network: the layers that count lie in its first half
PICTURE_BYTES = 4 * (3 * 30 + 8)  # for each pixel: L-BFGS keeps 20 pictures
COPIES = 4 * 3 * 3  # bytes for each pixel of a style, with what is made of it on the way


def cost(settings: Settings) -> Cost:
    """All presets whose pictures are there, or all pairs."""
    total = Cost(flags=("size", "style_size", "iterations"))
    if isinstance(settings, PairSettings):
        total, pairs = Cost(flags=("size", "style_scale", "iterations")), 0
        for content in files_of(settings.content):
            total += pair_cost(content, settings).freed
            pairs += len(files_of(settings.style[0])) if len(settings.style) == 1 else 1
        total += Cost(at_most=pairs > 1 and not settings.fresh)  # some may be there
        return total * (pairs / max(1, len(files_of(settings.content))))
    for name in settings.preset or PRESETS if isinstance(settings, PresetSettings) else ():
        preset = PRESETS[name]
        content = shape_of(settings.content or preset.content, "content", settings.size or preset.size)
        style = shape_of(settings.style or preset.style, "styles", settings.style_size or preset.style_size)
        if content and style:
            pixels = content[0] * content[1]
            work = gradients(SHARE * settings.iterations, pixels, together=1)
            total += work + forwards(1, style[0] * style[1], together=1) + Cost(at_once=COPIES * style[0] * style[1])
    return total


def pair_cost(content: str, settings: PairSettings) -> Cost:
    """One pair: every size from coarse to fine, in tiles where the whole would be too much."""
    shape = shape_of(content, "content", settings.size)
    if shape is None or min(shape) < SMALLEST_SIDE:
        return Cost()
    pixels = sum(height * width for height, width in scale_sizes(shape, settings.smallest))
    largest, side = shape[0] * shape[1], settings.size * settings.style_scale
    styles = [shape_of(style, "styles", max(SMALLEST_SIDE, round(side))) or (0, 0) for style in settings.style]
    seen = max(height * width for height, width in styles)
    whole = GRADIENT_BYTES * largest <= MOST_BYTES
    at_once = max(GRADIENT_BYTES * largest, FORWARD_BYTES * seen) if whole else GRADIENT_BYTES * (TILE + 128) ** 2
    held = PICTURE_BYTES * largest + COPIES * sum(height * width for height, width in styles)
    return Cost(gradient=SHARE * settings.iterations * pixels * (1 if whole else 4 / 3), at_once=at_once, held=held)


def shape_of(name: str, folder: str, side: int) -> tuple[int, int] | None:
    """(height, width) of a picture with its shorter side so long; None where it cannot be found."""
    try:
        return scaled_to(size_of(Picture(name, find_picture(name, folder))), side)
    except UsageError:
        return None
