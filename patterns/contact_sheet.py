"""Show every class of the embedded world: a few scenes of each, and the same with the outlines of their masks.

Writes visualization/contact_sheet.png and contact_sheet_masks.png beside it.
"""

import sys
from collections.abc import Sequence

from studies.shared.options import OUTPUT_FOLDER, Parser, picture_path, run_script, whole_number

FONT_SIZE = 18
GAP = 6
TITLE = 28  # pixels above a row for its name


def contact_sheet(names: Sequence[str], *, size: int, seed: int, per_class: int, across: int = 3, masks: bool = False):
    """A sheet, uint8 (H, W, 3): `per_class` scenes of each class in a row, `across` classes side by side."""
    import numpy as np
    from PIL import Image, ImageDraw, ImageFont

    from drawing.colours import outline
    from patterns.scenes import class_number, render_indexed

    block = per_class * (size + GAP) + 2 * GAP
    rows = -(-len(names) // across)
    sheet = Image.new("RGB", (across * block, rows * (size + TITLE + GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=FONT_SIZE)
    for place, name in enumerate(names):
        left, top = place % across * block + GAP, place // across * (size + TITLE + GAP)
        pen.text((left, top + 3), f"{class_number(name)}  {name}", fill="black", font=font)
        for index in range(per_class):
            scene = render_indexed(name, seed=seed, index=index, size=size)
            image = outline(scene.image, scene.mask) if masks else scene.image
            sheet.paste(Image.fromarray(image), (left + index * (size + GAP), top + TITLE))
    return np.asarray(sheet)


def main(options) -> None:
    from drawing.files import describe, save_picture
    from patterns.scenes import CLASS_NAMES

    settings = {"size": options.size, "seed": options.seed, "per_class": options.per_class}
    metadata = describe("patterns/contact_sheet.py", settings, "none")
    for masks, path in ((False, options.output), (True, options.output.with_stem(options.output.stem + "_masks"))):
        sheet = contact_sheet(CLASS_NAMES, **settings, masks=masks)
        print(f"wrote {save_picture(sheet, path, metadata)}")


def parser() -> Parser:
    result = Parser(prog="python -m patterns.contact_sheet", description=__doc__)
    add = result.add_argument
    add("--size", type=whole_number(32, 1024), default=112, metavar="PIXELS", help="side of a scene")
    add("--seed", type=whole_number(0), default=0, metavar="N", help="start of all random numbers")
    add("--per-class", type=whole_number(1, 20), default=4, metavar="N", help="scenes of each class")
    path = OUTPUT_FOLDER / "contact_sheet.png"
    add("--output", type=picture_path, default=path, metavar="PATH", help="where to write, .png or .jpg")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
