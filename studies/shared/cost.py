"""What a style transfer will cost, in words: the numbers are those of `painting.forecast`."""

from painting.forecast import Forecast


def cost_in_words(expected: Forecast) -> str:
    """ "1365 x 1024 pixels, 7 sizes, about 2 min, 2.3 GB beside its own, in tiles of 768 pixels"."""
    height, width = expected.sizes[-1]
    count, seconds = len(expected.sizes), expected.seconds
    duration = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    size = f"{width} x {height} pixels, {count} size{'s' * (count > 1)}"
    tiles = f", in tiles of {expected.tile} pixels" if expected.tile else ""
    return f"{size}, about {duration}, {expected.bytes / 1e9:.1f} GB beside its own{tiles}"
