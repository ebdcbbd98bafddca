"""How much of a texture do Gram matrices hold? A texture made anew from those of more and more layers, from noise.

Writes visualization/texture_synthesis.png: one row a texture, the sample at the left, then what is made of the Gram
matrices of one layer, of two, three and four, and last the classical way, which knows no network: pixel by pixel, each
a copy of one of the sample's. Above each stands how far its Gram matrices are from the sample's.

With --size, larger than the sample, it continues the sample: all layers and the classical way alone.
"""

import sys
import time
from typing import NamedTuple

from core.defaults import ROOT
from studies.shared.options import constant_of, defaults_of, make_parser, number, progress, run_script, whole_number

SIDE = 128  # of a sample, in pixels
RENDERED = {"scales": 0.4, "cracks": 0.4, "bricks": 0.5, "weave": 0.45, "honeycomb": 0.4, "leopard spots": 0.4}
SHOWN = 224  # pixels: about as wide are panels drawn, each of their pixels as a square
PHOTOGRAPHED = ("brick", "grass", "gravel")  # they come with scikit-image
PAINTED = {"mosaic": ("mosaic", 640, 450, 190), "brush strokes": ("blood_sunset", 60, 20, 300)}  # left, top, side
TEXTURES = ("scales", "cracks", "mosaic", *PHOTOGRAPHED)
NAMES = (*RENDERED, *PAINTED, *PHOTOGRAPHED)
BLOCKS = {1: "conv1", 4: "fire3", 6: "fire4", 7: "fire5"}  # what the layers are called
SMALLEST = constant_of("painting.scales", "SMALLEST_SIDE")
NEURAL = {  # flag: (type, what it is)
    "iterations": (whole_number(1, 100_000), "steps of the descent at each scale"),
    "scales": (whole_number(1, 10), "sizes from coarse to fine, each sqrt(2) larger"),
    "tv_weight": (number(0, 1e6), "weight of the total variation against the style loss"),
}
CLASSICAL = {
    "window": (whole_number(3, 99), "side of the neighbourhood that the classical way compares, odd, in pixels"),
    "tolerance": (number(0, 10), "how much worse than the best a window may be there and still be drawn"),
}
DEFAULTS = {
    **defaults_of("visualizers.texture_synthesis", "synthesize_texture"),
    **defaults_of("visualizers.texture_sampling", "sample_texture"),
}


class Made(NamedTuple):
    """A texture, and what came of it."""

    method: str
    picture: object  # (1, 3, H, W)
    distance: float  # of its Gram matrices from the sample's
    seconds: float


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.errors import UsageError
    from drawing.files import describe, save_picture
    from studies.shared.inputs import load_network

    size = options.size or options.sample_size
    if options.window % 2 == 0 or options.window > options.sample_size:  # said before the work, not after it
        most = f"{options.sample_size}, the sample's side"
        raise UsageError(f"window: {options.window} pixels; allowed are odd numbers from 3 to {most}")
    model = load_network(options)
    samples, broken = read_samples(options)
    rows, stopped = [], False
    for name, pixels in samples:
        try:
            rows.append((name, pixels, make_row(model, name, pixels, size, options)))
        except KeyboardInterrupt:
            if not rows:
                raise
            print(f"stopped before {name} was finished: the rows before it are drawn", file=sys.stderr)
            stopped = True
            break
        tell(name, rows[-1][2])
    metadata = describe("texture_synthesis.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(draw(model, rows, size), options.output, metadata)}")
    if stopped:
        raise KeyboardInterrupt
    return 1 if broken else 0


def read_samples(options) -> tuple[list, bool]:
    """(name, uint8 (S, S, 3)) of each texture that can be had, and whether a file named is broken."""
    import numpy as np

    from core.errors import UsageError, WorkError
    from studies.shared.inputs import Picture, list_pictures

    asked = []
    for text in options.images or TEXTURES:  # the names come before files, as those of photographs do
        asked += [Picture(text, text)] if text in NAMES else list_pictures([text])
    samples, broken = [], []
    for picture in asked:
        try:
            image = read_sample(picture, options.sample_size)
        except UsageError as error:
            broken.append(error)
        except WorkError as error:
            print(f"left out: {error}", file=sys.stderr)
        else:
            samples.append((picture.name, np.asarray(image)))
    if not samples:
        raise broken[0] if broken else WorkError("images: none of the textures can be had; name files by --images")
    for error in broken:
        print(f"skipped: {error}", file=sys.stderr)
    return samples, bool(broken)


def read_sample(picture, side: int):
    """A square sample, RGB: of a texture known by name a part at its own scale, of a file the whole central square."""
    from PIL import Image

    from core.errors import UsageError
    from core.images import load_image
    from studies.shared.inputs import open_picture

    name = picture.source
    if name in RENDERED:
        return rendered(name, side)
    if name in PHOTOGRAPHED:
        whole = photographed(name)
        return (
            whole.resize((2 * SIDE, 2 * SIDE), Image.Resampling.LANCZOS).crop((0, 0, SIDE, SIDE)).resize((side, side))
        )
    if name in PAINTED:
        file, left, top, length = PAINTED[name]
        image = load_image(ROOT / "images" / "styles" / f"{file}.jpg").crop((left, top, left + length, top + length))
    else:
        image = open_picture(picture)
        length = min(image.size)
        if length < SMALLEST:
            shape = f"'{name}' is {image.width} x {image.height} pixels"
            raise UsageError(f"image: {shape}; at least {SMALLEST} are needed each way")
        left, top = (image.width - length) // 2, (image.height - length) // 2
        image = image.crop((left, top, left + length, top + length))
    return image.resize((side, side), Image.Resampling.LANCZOS)


def rendered(name: str, side: int):
    """One of the textures of the embedded world, filling the picture."""
    import numpy as np
    from PIL import Image

    from patterns.canvas import Grid
    from patterns.colours import Palette
    from patterns.textures import TEXTURES as RENDERERS

    chance = np.random.default_rng(list(RENDERERS).index(name))
    palette = Palette.draw(chance, np.full(3, 0.5, np.float32))
    colours = RENDERERS[name](Grid.of_frame(side).scaled(RENDERED[name]), chance, palette)  # (3, S, S)
    return Image.fromarray((colours.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0))


def photographed(name: str):
    """A photograph of scikit-image's, RGB. It comes with its usual packages; others would have to fetch it."""
    from PIL import Image
    from skimage import data

    from core.errors import WorkError

    try:
        return Image.fromarray(getattr(data, name)()).convert("RGB")
    except (OSError, ImportError, ValueError):
        raise WorkError(f"texture: '{name}' does not come with this scikit-image and cannot be fetched") from None


def make_row(model, name: str, pixels, size: int, options) -> list[Made]:
    """What each method makes of a sample, the classical one last."""
    from core.images import preprocess
    from studies.shared.inputs import make_generator
    from visualizers.texture_sampling import sample_texture
    from visualizers.texture_synthesis import LAYER_SETS, colour_noise, gram_distance, synthesize_texture

    sample = preprocess(pixels).to(next(model.parameters()))
    shape = (size, size)
    neural, classical = ({key: getattr(options, key) for key in flags} for flags in (NEURAL, CLASSICAL))
    made = [Made("noise in its colours", colour_noise(sample, shape, generator=make_generator(options)), 0.0, 0.0)]
    for layers in LAYER_SETS if size <= len(pixels) else LAYER_SETS[-1:]:
        method = f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"
        start = time.perf_counter()
        with progress(desc=f"{name}, {method}", unit="step", leave=False) as bar:

            def watch(step, bar=bar) -> None:
                bar.total = step.scales * step.iterations
                bar.update()

            chance = make_generator(options)
            picture = synthesize_texture(
                model, sample, shape, layers=layers, generator=chance, callback=watch, **neural
            )
        made.append(Made(method, picture, 0.0, time.perf_counter() - start))
    start = time.perf_counter()
    with progress(total=size * size, desc=f"{name}, sampling", unit="pixel", leave=False) as bar:
        chance = make_generator(options)
        picture = sample_texture(sample, shape, generator=chance, callback=bar.update, **classical)
    made.append(Made("sampled pixels", picture, 0.0, time.perf_counter() - start))
    return [one._replace(distance=gram_distance(model, one.picture, sample)) for one in made]


def tell(name: str, made: list[Made]) -> None:
    """Print how far each is from the sample, and how long it took."""
    print(f"{name}: relative Gram distance from the sample over layers {', '.join(map(str, BLOCKS))}, and seconds")
    for one in made:
        print(f"  {one.method:<22}{one.distance:10.5f}" + (f"{one.seconds:8.1f} s" if one.seconds else ""))


def draw(model, rows: list, size: int):
    """One row a texture, the sample first -> uint8 (H, W, 3)."""
    import numpy as np

    from core.images import deprocess
    from drawing.grid import DOTS_PER_INCH, Panel, draw_grid
    from studies.shared.inputs import footer

    panels, side = [], max(size, len(rows[0][1]))

    def on_white(pixels):
        room = side - len(pixels)  # so that sample and results are drawn at one scale
        ends = (room // 2, room - room // 2)
        return np.pad(pixels, (ends, ends, (0, 0)), constant_values=255)

    for index, (_, pixels, made) in enumerate(rows):
        row = [Panel(on_white(pixels), "sample\n" if index == 0 else "")]
        for one in made[1:]:
            lines = [title_of(one.method)] if index == 0 else []
            title = "\n".join([*lines, f"distance {rounded(one.distance)}"])
            row.append(Panel(on_white(deprocess(one.picture)[0]), title))
        panels.append(row)
    words = "distance: of Gram matrices from the sample's, ||G - A||² / ||A||², mean over layers 1, 4, 6, 7; "
    return draw_grid(
        panels,
        row_names=[name for name, _, _ in rows],
        cell=side * max(1, round(SHOWN / side)) / DOTS_PER_INCH,
        title="Textures from Gram matrices, and by sampling pixels",
        footer=words + footer(model),
    )


def title_of(method: str) -> str:
    """ "layers 1, 4" and, below, "conv1, fire3": what stands above a column."""
    kind, _, numbers = method.partition(" ")
    if not kind.startswith("layer"):
        return f"{method}\n(Efros and Leung)"
    return f"{method}\n{', '.join(BLOCKS[int(number)] for number in numbers.split(', '))}"


def rounded(value: float) -> str:
    """Two digits that count, without an exponent."""
    return f"{value:.2f}" if value >= 0.1 else f"{float(f'{value:.2g}'):.6f}".rstrip("0").rstrip(".")


def parser():
    result = make_parser(__doc__, output="texture_synthesis.png", images=False)
    add = result.add_argument
    names = f"files, folders, or any of {', '.join(NAMES)} (default: {', '.join(TEXTURES)})"
    add("--images", nargs="+", metavar="PATH", help=names)
    add("--sample-size", type=whole_number(SMALLEST, 512), default=SIDE, metavar="PIXELS", help="side of the samples")
    side = whole_number(SMALLEST, 2048)
    add("--size", type=side, metavar="PIXELS", help="side of the results (default: the sample's); if larger, two each")
    for name, (kind, text) in {**NEURAL, **CLASSICAL}.items():
        add(f"--{name.replace('_', '-')}", type=kind, default=DEFAULTS[name], metavar="N", help=text)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
