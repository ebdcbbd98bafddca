"""Paint the project's own style pictures and content scenes, by code alone.

Writes styles/NAME.jpg or content/NAME.jpg below the folder given.
"""

import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from core.files import write_whole
from patterns.paintings import LARGEST, PAINTINGS, SMALLEST, STYLES, paint
from studies.shared.options import Parser, run_script, whole_number

MOST_BYTES = 450_000


def as_jpeg(picture: np.ndarray) -> bytes:
    """A JPEG of at most 450 KB: the repository stays light."""
    image = Image.fromarray(picture)
    for quality in range(90, 40, -3):
        data = io.BytesIO()
        image.save(data, "JPEG", quality=quality, optimize=True)
        if data.tell() <= MOST_BYTES:
            break
    return data.getvalue()


def main(options) -> None:
    for name in options.name:
        picture = paint(name, width=options.width, height=options.height, seed=options.seed)
        path = options.output / ("styles" if name in STYLES else "content") / f"{name}.jpg"
        print(f"wrote {write_whole(path, as_jpeg(picture))}")


def parser() -> Parser:
    result = Parser(prog="python -m patterns.paintings", description=__doc__)
    size = whole_number(SMALLEST, LARGEST)
    result.add_argument(
        "--name", nargs="+", choices=PAINTINGS, default=list(PAINTINGS), help="what to paint (default: all)"
    )
    result.add_argument("--width", type=size, default=1024, metavar="PIXELS", help="width")
    result.add_argument("--height", type=size, default=768, metavar="PIXELS", help="height")
    result.add_argument("--seed", type=whole_number(0), default=0, metavar="N", help="start of all random numbers")
    result.add_argument("--output", type=Path, default=Path("images"), metavar="FOLDER", help="where to write")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
