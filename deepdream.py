"""What does a layer see in a picture? DeepDream: what it saw faintly is made stronger, again and again.

Writes visualization/deepdream.png: the picture beside its dreams, one for each layer, from strokes to parts of objects.
With --zoom it goes deeper into one dream, frame by frame, and writes visualization/deepdream.gif.
"""

import math
import sys

from core.defaults import ROOT
from studies.shared.options import (
    PICTURE_SUFFIXES,
    check_output,
    constant_of,
    defaults_of,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

PICTURE = ROOT / "images" / "content" / "mountain_lake.jpg"
LAYERS = ("features.4", "features.7", "features.9", "features.11", "features.12")
RICHEST = "features.11"  # where one layer has to do
ZOOM = {
    "octaves": 3,
    "iterations": 3,
    "step": 0.01,
}  # less for a frame, since each goes on with the dream of the one before
SIZE, ZOOM_SIZE, GUIDE_SIZE = 512, 288, 224  # of the shorter side, in pixels
MILLISECONDS = 80  # for a frame
MOST_BYTES = 8_000_000  # of a GIF
COLUMNS, WIDEST = 3, 480  # of the sheet, and of its panels in pixels
LARGE = 2_000_000  # pixels: from here on, what it will take is told before
SECONDS = 0.4  # for a step, of a million pixels on one plain core
TILE_BYTES, PICTURE_BYTES = 700, 170  # for each pixel of the tile at work, and of the picture with its copies
ENDINGS = (*PICTURE_SUFFIXES, ".gif")
DEFAULTS = defaults_of("visualizers.deepdream", "deepdream")
SETTINGS = {  # flag: (type, what it is)
    "octaves": (whole_number(1, 20), "sizes at which it dreams, each carried over to the next"),
    "ratio": (number(1, 4), "of one octave's size to the one before"),
    "iterations": (whole_number(1, 10_000), "steps at each octave"),
    "step": (number(0, 10), "mean change of a value at each step, in the network's units"),
    "smoothing": (number(0, 20), "standard deviation of the gradient's blur, in pixels"),
    "jitter": (whole_number(0, 512), "largest random shift before each step, in pixels"),
    "tile": (
        whole_number(constant_of("core.tiles", "SMALLEST_TILE"), 4096),
        "side of a large picture's tiles, in pixels",
    ),
}


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.errors import UsageError
    from drawing.files import describe
    from studies.shared.inputs import Picture, list_pictures, load_network

    pictures = list_pictures(options.images) if options.images else [Picture("mountain lake", PICTURE)]
    layers = options.layer or ([RICHEST] if options.zoom or options.alone else LAYERS)
    jobs = [(layer, channel) for layer in layers for channel in options.channel or [None]]
    if (options.zoom or options.alone) and len(pictures) * len(jobs) > 1:
        flag = "zoom" if options.zoom else "alone"
        raise UsageError(
            f"{flag}: got {len(pictures)} pictures and {len(jobs)} dreams of each; give one --images, --layer"
        )
    if options.zoom:
        options.output = options.output.with_suffix(".gif")
        check_output(options.output)
    elif options.output.suffix.lower() == ".gif":
        raise UsageError(f"output: '{options.output}' is for an animation; give --zoom FRAMES, or a .png or .jpg")
    guides = list_pictures([options.guide]) if options.guide else []
    if len(guides) > 1:
        raise UsageError(f"guide: '{options.guide}' holds {len(guides)} pictures; give one")
    model = load_network(options)
    for job in jobs:
        check_job(model, *job)
    given = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    settings = {name: (DEFAULTS | (ZOOM if options.zoom else {}) | given)[name] for name in SETTINGS}
    metadata = describe("deepdream.py", vars(options) | settings, model.weights_name)
    settings["guide"] = read(guides[0], GUIDE_SIZE, model) if guides else None
    starts, broken = [], []
    for picture in pictures:
        try:
            starts.append((picture.name, read(picture, options.size or (ZOOM_SIZE if options.zoom else SIZE), model)))
        except UsageError as error:
            broken.append(error)
    if not starts:
        raise broken[0]
    for error in broken:
        print(f"skipped: {error}", file=sys.stderr)
    tell_cost(starts, settings)
    write = write_animation if options.zoom else write_sheet
    if write(model, starts, jobs, settings, options, metadata):
        raise KeyboardInterrupt
    return 1 if broken else 0


def check_job(model, layer: str, channel: int | None) -> None:
    """Raise UsageError for an unknown layer or channel before the first dream, not after it."""
    import torch

    from core.gradients import measuring
    from core.tiles import position_sum
    from visualizers.deepdream import SMALLEST_SIDE

    smallest = torch.zeros(1, 3, SMALLEST_SIDE, SMALLEST_SIDE).to(next(model.parameters()))
    with measuring(model), torch.no_grad():
        position_sum(model, layer, channels=channels_of(channel))(smallest)


def read(picture, side: int, model):
    """The picture as the network reads it, (1, 3, H, W), its shorter side `side` pixels long."""
    from core.errors import UsageError
    from courses.style import preprocess
    from studies.shared.inputs import open_picture
    from visualizers.deepdream import SMALLEST_SIDE

    image = open_picture(picture)
    if min(image.size) < SMALLEST_SIDE:
        shape = f"'{picture.source}' is {image.width} x {image.height} pixels"
        raise UsageError(f"image: {shape}; at least {SMALLEST_SIDE} are needed each way")
    return preprocess(image, side).to(next(model.parameters()))


def tell_cost(starts: list, settings: dict) -> None:
    """Say before the work how long a large picture will take, and how much memory."""
    for name, start in starts:
        pixels, at_once = start[0, 0].numel(), min(start[0, 0].numel(), (1.25 * settings["tile"]) ** 2)
        if pixels > LARGE:
            ratio, octaves = settings["ratio"], settings["octaves"]
            steps = settings["iterations"] * sum(ratio ** (-2 * index) for index in range(octaves))
            minutes = math.ceil(SECONDS * pixels / 1e6 * steps / 60)
            memory = (at_once * TILE_BYTES + pixels * PICTURE_BYTES) / 1e9
            size = f"{start.shape[3]} x {start.shape[2]} pixels"
            print(f"{name}: {size}, each dream takes about {minutes} min on one plain core, and {memory:.1f} GB")


def write_sheet(model, starts: list, jobs: list, settings: dict, options, metadata: dict) -> bool:
    """Write each picture beside its dreams, or one dream --alone; return whether somebody cut it short."""
    from core.images import deprocess
    from drawing.files import save_picture
    from drawing.grid import DOTS_PER_INCH, Panel, draw_grid, draw_pictures, stack
    from studies.shared.inputs import footer

    wanted = (
        (at, *dream(model, *starts[at], *job, settings, options.seed)) for at in range(len(starts)) for job in jobs
    )
    done, interrupted = until_interrupted(wanted)
    if options.alone:
        figure = deprocess(done[0][1])[0]
    else:
        blocks = []
        for at in dict.fromkeys(index for index, *_ in done):
            name, start = starts[at]
            panels = [Panel(reduced(start), name)]
            panels += [Panel(reduced(result), title, note) for index, result, title, note in done if index == at]
            words = {} if blocks else {"title": "DeepDream: what each layer sees in the picture, made stronger"}
            cell = panels[0].pixels.shape[1] / DOTS_PER_INCH  # a pixel of the panel is one of the sheet
            blocks.append(draw_grid([panels], columns=COLUMNS, cell=cell, **words))
        blocks.append(draw_pictures([], [], footer=footer(model)))
        figure = stack(blocks)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    return interrupted


def write_animation(model, starts: list, jobs: list, settings: dict, options, metadata: dict) -> bool:
    """Write the way into the dream; return whether somebody cut it short."""
    from core.images import deprocess
    from drawing.files import save_animation
    from studies.shared.inputs import make_generator
    from visualizers.deepdream import zoom_sequence

    (name, start), (layer, channel) = starts[0], jobs[0]
    how = {"channels": channels_of(channel), "generator": make_generator(options), **settings}
    frames = zoom_sequence(model, start, layer, frames=options.zoom, **how)
    watched = progress(frames, total=options.zoom, desc=f"{name}, {layer}", unit="frame")
    frames, interrupted = until_interrupted(deprocess(frame)[0] for frame in watched)
    path = options.output
    save_animation(frames, path, metadata, milliseconds=MILLISECONDS, most_bytes=MOST_BYTES)
    print(f"wrote {path}, {len(frames)} frames, {path.stat().st_size / 1e6:.1f} MB")
    return interrupted


def until_interrupted(items) -> tuple[list, bool]:
    """What came before Ctrl-C, and whether it was pressed; if nothing came, it goes on its way."""
    done = []
    try:
        for item in items:
            done.append(item)
    except KeyboardInterrupt:
        if not done:
            raise
        return done, True
    return done, False


def dream(model, name: str, start, layer: str, channel: int | None, settings: dict, seed: int) -> tuple:
    """One dream (1, 3, H, W), its title and, where there is nothing to see, the reason."""
    import torch

    from core.gradients import measuring
    from core.tiles import position_sum, tiled_score
    from visualizers.deepdream import deepdream, octave_sizes

    what = {"channels": channels_of(channel), "guide": settings["guide"]}
    sizes = octave_sizes(start, **{key: settings[key] for key in ("octaves", "ratio", "jitter")})
    label = layer if channel is None else f"{layer}, channel {channel}"
    with progress(total=len(sizes) * settings["iterations"], desc=f"{name}, {label}", unit="step") as bar:

        def watch(_step) -> None:
            bar.update()

        generator = torch.Generator().manual_seed(seed)
        result = deepdream(model, start, layer, generator=generator, callback=watch, **(settings | what))
    with measuring(model):
        score = position_sum(model, layer, **what)
        before, after = (float(tiled_score(score, image, tile=settings["tile"])) for image in (start, result))
    kind = "likeness to the guide" if settings["guide"] is not None else "norm" if channel is None else "sum"
    if kind == "norm":
        before, after = (2 * before) ** 0.5, (2 * after) ** 0.5
    print(f"{name}, {label}: {kind} {rounded(before)} before, {rounded(after)} after")
    title = f"{label}: {kind} {rounded(before)} → {rounded(after)}"
    return result, title, "" if after else "silent on this picture, so there is no gradient; take another"


def rounded(value: float) -> str:
    """Three digits, in full where that is short."""
    return f"{float(f'{value:.3g}'):g}"


def channels_of(channel: int | None) -> list[int] | None:
    return None if channel is None else [channel]


def reduced(image):
    """(1, 3, H, W) -> uint8 (H, W, 3), no wider than a panel."""
    import numpy as np
    from PIL import Image

    from core.images import deprocess

    picture = Image.fromarray(deprocess(image)[0])
    picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def parser():
    result = make_parser(
        __doc__, output="deepdream.png", writes="sheet, .png or .jpg, or animation, .gif", images=False, endings=ENDINGS
    )
    add, side = result.add_argument, whole_number(64, 4096)
    add("--images", nargs="+", metavar="PATH", help="files, folders or default photographs (default: a mountain lake)")
    sizes = f"shorter side of the dream (default: {SIZE}, {ZOOM_SIZE} for --zoom)"
    add("--size", type=side, metavar="PIXELS", help=sizes)
    layers = f"layers to dream with, a panel each (default: {', '.join(LAYERS)}; where there is one: {RICHEST})"
    add("--layer", "--layers", nargs="+", metavar="NAME", help=layers)
    add(
        "--channel",
        type=whole_number(0),
        nargs="+",
        metavar="N",
        help="channels of the layers, a panel each (default: all)",
    )
    add("--guide", metavar="PATH", help="a picture whose forms the dream takes on")
    add("--alone", action="store_true", help="write one dream by itself, in its full size")
    zoom = f"write a GIF of so many frames, each a little further in, at most {MOST_BYTES // 10**6} MB"
    add("--zoom", type=whole_number(1, 1000), metavar="FRAMES", help=zoom)
    for name, (kind, meaning) in SETTINGS.items():
        instead = f", {ZOOM[name]} for --zoom" if name in ZOOM else ""
        add(f"--{name}", type=kind, metavar="N", help=f"{meaning} (default: {DEFAULTS[name]}{instead})")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
