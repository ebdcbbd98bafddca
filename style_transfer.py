"""The content of one picture, painted with the textures of another: style transfer by optimising pixels.

Bare, it makes every preset whose pictures are there, visualization/style_transfer_<content>_<style>.png, and a sheet of
them all, visualization/style_transfer.png.

With --content and --style it paints any picture like any other, or like several at once, from coarse to fine. All of a
folder are painted like all of another: every pair a picture, and a sheet of them. Started again, it goes on where it
stopped.
"""

import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from core.defaults import PHOTOGRAPHS, ROOT
from studies.shared.options import (
    constant_of,
    defaults_of,
    is_picture_path,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

SCRIPT = "style_transfer.py"
LAYERS = (1, 4, 6, 7)  # of `features`: the modules whose textures count
CONTENT_LAYER = 3
FOLDERS = ("images/content", "images/styles", "styles_images")  # the last is the course's
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
SMALLEST = constant_of("courses.style", "SMALLEST_SIDE")

# The course's steps of length 3 roughen the picture; steps of a thirtieth reach a lower loss, and brush strokes.
SMALL_STEPS = {"learning_rate": 0.1, "final_learning_rate": 0.03, "lower_at": 150, "clamp_to": 2.64}


@dataclass(frozen=True)
class Preset:
    """Two pictures and the weights that suit them; sizes are of the shorter side, in pixels."""

    content: str
    style: str
    size: int
    style_size: int
    content_weight: float
    style_weights: tuple[float, ...]
    tv_weight: float
    schedule: dict = field(default_factory=dict)


PRESETS = {
    "composition_vii": Preset("tubingen", "composition_vii", 192, 512, 5e-2, (20000, 500, 12, 1), 5e-2),
    "the_scream": Preset("tubingen", "the_scream", 192, 224, 3e-2, (200000, 800, 12, 1), 2e-2),
    "starry_night": Preset("tubingen", "starry_night", 192, 192, 6e-2, (300000, 1000, 15, 3), 2e-2),
    "swirling_night": Preset(
        "harbour_town", "swirling_night", 288, 400, 3e-2, (1_000_000, 20000, 600, 200), 1e-2, SMALL_STEPS
    ),
    "blood_sunset": Preset("chelsea", "blood_sunset", 288, 288, 3e-2, (1_000_000, 20000, 600, 200), 1e-2, SMALL_STEPS),
}
# The embedded network's features are smaller, and its first layer leaves a fine grid.
EMBEDDED = {"style_weights": (5_000_000, 1_000_000, 60_000, 20_000), "tv_weight": 0.3}

PRESET_ITERATIONS = defaults_of("courses.style", "transfer_style")["iterations"]
CONTENT, STYLE, SIZE = "harbour_town", "swirling_night", 512  # where two pictures of one's own are not both named
DEFAULTS = defaults_of("visualizers.style_transfer", "style_transfer")
FREE = (  # flags that no preset has
    "blend",
    "mask",
    "style_scale",
    "style_weight",
    "optimiser",
    "loss",
    "keep_colour",
    "smallest",
    "gif",
    "curves",
    "fresh",
)
TECHNIQUE = (  # flags that are the technique's own settings
    "content_weight",
    "style_weight",
    "tv_weight",
    "style_scale",
    "iterations",
    "smallest",
    "optimiser",
    "loss",
)
STARTS = ("content", "noise")
NOISE = 0.3  # standard deviation, in the network's units: louder noise is never quite painted over
CELL_PIXELS, MOST_INCHES = 320, 40  # of a sheet of pairs: a cell's width, the whole
FRAMES, WIDEST, MILLISECONDS, MOST_BYTES = 48, 480, 120, 8_000_000  # of a GIF


def main(options) -> int:
    from core.errors import UsageError

    free = [name for name in FREE if is_given(options, name)]
    if options.preset and free:
        raise UsageError(f"{free[0]}: a preset keeps the course's loop and has no such setting; leave out --preset")
    if options.preset or not (free or is_given(options, "content") or is_given(options, "style")):
        return paint_presets(options)
    for name, instead in {"style_size": "style-scale", "style_weights": "style-weight"}.items():
        if is_given(options, name):
            raise UsageError(f"{name}: it belongs to presets; add --preset NAME, or use --{instead}")
    return paint_pairs(options)


def is_given(options, name: str) -> bool:
    """Whether a flag was set; 0 is a value, too."""
    return getattr(options, name) is not None and getattr(options, name) is not False


def paint_presets(options) -> int:
    """The presets named, or all, by the course's loop and with its absolute weights."""
    # After parsing, so that --help does not wait for torch.
    from core.errors import UsageError, WorkError
    from drawing.files import describe, save_picture
    from drawing.grid import draw_pictures, stack
    from patterns.scenes import CLASS_NAMES
    from studies.shared.inputs import footer, load_network

    if options.start not in {None, "content", "noise"}:
        raise UsageError(f"start: '{options.start}' is for --content and --style; a preset starts at content or noise")
    if len(options.style or []) > 1:
        raise UsageError(f"style: got {len(options.style)} pictures; a preset takes one, leave out --preset to blend")
    jobs, missing = [], []
    for name in options.preset or PRESETS:
        preset = adjust(PRESETS[name], options)
        try:
            jobs.append((preset, open_picture(preset.content, "content"), open_picture(preset.style, "styles")))
        except UsageError as error:
            if options.preset:
                raise
            missing.append(f"preset {name} left out: {error}")
    if not jobs:
        raise WorkError(f"nothing can be made: {'; '.join(missing)}")
    paths = [path_of(preset, options.output) for preset, _, _ in jobs]
    if len(set(paths)) < len(paths):
        raise UsageError(f"output: several pictures would be written to '{paths[0]}'; make one preset at a time")
    model = load_network(options)
    if model.class_names == CLASS_NAMES:
        jobs = [(adjust(replace(preset, **EMBEDDED), options), *pictures) for preset, *pictures in jobs]
    sheet = []
    for (preset, content, style), path in zip(jobs, paths, strict=True):
        picture, settings, losses = transfer(preset, content, style, model, options)
        metadata = describe(SCRIPT, settings, model.weights_name) | {"Losses": losses}
        print(f"wrote {save_picture(picture, path, metadata)}")
        if "stopped" in settings:
            raise KeyboardInterrupt
        if len(jobs) == 1:
            continue
        titles = (Path(preset.content).stem, Path(preset.style).stem, "the one in the style of the other")
        sheet.append(draw_pictures([content, style, picture], titles))
    if len(jobs) > 1:
        sheet.append(draw_pictures([], [], footer=footer(model)))
        metadata = describe(SCRIPT, vars(options), model.weights_name)
        print(f"wrote {save_picture(stack(sheet), options.output / 'style_transfer.png', metadata)}")
    for sentence in missing:
        print(sentence)
    return 0


def adjust(preset: Preset, options) -> Preset:
    """The preset with what the flags say instead."""
    named = ("content", "style", "size", "style_size", "content_weight", "style_weights", "tv_weight")
    given = {name: getattr(options, name) for name in named if getattr(options, name) is not None}
    if "style" in given:
        given["style"] = given["style"][0]
    if "style_weights" in given:
        given["style_weights"] = tuple(given["style_weights"])
    return replace(preset, **given)


def path_of(preset: Preset, output: Path) -> Path:
    """Where a preset's picture goes: into the folder given, under the names of its two pictures, or the file given."""
    name = f"style_transfer_{Path(preset.content).stem}_{Path(preset.style).stem}.png"
    return output if is_picture_path(output) else output / name


def find_picture(name: str, folder: str) -> Path | str:
    """A path, or the name of a picture in images/, or of one of the photographs that come with scikit-image."""
    from core.errors import UsageError

    for place in FOLDERS:
        for suffix in SUFFIXES:
            path = ROOT / place / f"{name}{suffix}"
            if path.exists():
                return path
    if name in PHOTOGRAPHS:
        return name
    if not name:
        raise UsageError("image: the name is empty; give a picture file")
    if Path(name).suffix or Path(name).exists():
        return Path(name)
    flag = "--content" if folder == "content" else "--style"
    raise UsageError(f"picture '{name}' is not there; put it at images/{folder}/{name}.jpg, or pass {flag} FILE")


def open_picture(name: str, folder: str):
    """What `find_picture` finds, as a whole RGB picture."""
    from studies.shared import inputs

    return inputs.open_picture(inputs.Picture(name, find_picture(name, folder)))


def transfer(preset: Preset, content, style, model, options):
    """Run one preset; return the picture, uint8 (H, W, 3), the settings that made it, and its losses in words."""
    import torch

    from core.images import deprocess
    from courses.style import preprocess, style_objective, transfer_style
    from studies.shared.inputs import make_generator

    like = next(model.parameters())
    content_tensor = preprocess(content, preset.size).to(like)
    style_tensor = preprocess(style, preset.style_size).to(like)
    objective = style_objective(
        content_tensor,
        style_tensor,
        model.features,
        content_layer=CONTENT_LAYER,
        content_weight=preset.content_weight,
        style_layers=LAYERS,
        style_weights=preset.style_weights,
        tv_weight=preset.tv_weight,
    )
    start = content_tensor
    if options.start == "noise":
        start = torch.randn(content_tensor.shape, generator=make_generator(options)).to(like)
    description = f"{Path(preset.content).stem} as {Path(preset.style).stem}"
    iterations = options.iterations or PRESET_ITERATIONS
    settings = {**vars(preset), "iterations": iterations, "start": options.start or "content", "seed": options.seed}
    losses, seen = [], None
    with progress(total=iterations, desc=description, unit="step") as bar:

        def watch(step) -> None:
            nonlocal seen
            bar.update()
            losses.append(float(step.value))
            seen = step.image

        try:
            result = transfer_style(start, objective, iterations=iterations, callback=watch, **preset.schedule)
        except KeyboardInterrupt:
            if seen is None:
                raise
            result, settings["stopped"] = seen, f"after {len(losses)} of {iterations} steps"
    with torch.no_grad():
        after = [float(term) for term in objective.terms(result)]
    words = "content {:.0f}, style {:.0f}, total variation {:.0f}".format(*after)
    stopped = f"stopped {settings['stopped']}: " if "stopped" in settings else ""
    print(f"{description}: {stopped}loss {losses[0]:.0f} at the start, {sum(after):.0f} in the picture ({words})")
    return deprocess(result)[0], settings, words


class Pair(NamedTuple):
    """What is painted like what: files, or names that `find_picture` knows."""

    content: str
    styles: tuple[str, ...]  # several are blended

    @property
    def title(self) -> str:
        return f"{Path(self.content).stem} as {self.style_title}"

    @property
    def style_title(self) -> str:
        return " + ".join(Path(style).stem for style in self.styles)


class Painting(NamedTuple):
    """A styled picture, and how it came about."""

    picture: Any  # Tensor (1, 3, H, W), in the network's units
    losses: str  # of the picture, in words
    steps: list  # a StyleStep for each iteration, its image left out
    frames: list  # uint8 (h, w, 3) each, for an animation
    stopped: str  # where Ctrl-C stopped it


def paint_pairs(options) -> int:
    """Every content like every style, by the loop from coarse to fine and with relative weights."""
    from core.errors import UsageError
    from core.files import is_there
    from core.images import deprocess
    from drawing.files import describe, save_picture
    from studies.shared.inputs import load_network

    pairs = list_pairs(options)
    several = is_folder(options.content) or is_folder((options.style or [""])[0])
    paths = [pair_path(pair, options.output) for pair in pairs]
    for path in paths:
        if paths.count(path) > 1 or (several and is_picture_path(options.output)):
            raise UsageError(
                f"output: several pictures would be written to '{path}'; give a folder, and names that differ"
            )
    model = load_network(options)
    broken: dict[str, UsageError] = {}
    errors, there, made = [], 0, {}
    for pair, path in zip(pairs, paths, strict=True):
        settings = settings_of(pair, options)
        metadata = describe(SCRIPT, settings, model.weights_name)
        if several and not options.fresh and is_there(path, metadata):
            there += 1
            made[pair] = path
            continue
        try:
            painting = paint(pair, settings, model, options, broken)
        except UsageError as error:
            if not several:
                raise
            if error not in errors:  # a file that several pairs need is named once
                print(f"skipped: {error}", file=sys.stderr)
                errors.append(error)
            continue
        metadata["Losses"] = painting.losses
        if painting.stopped:  # so that it is made again
            metadata |= describe(SCRIPT, settings | {"stopped": painting.stopped}, model.weights_name)
        print(f"wrote {save_picture(deprocess(painting.picture)[0], path, metadata)}")
        write_beside(pair, path, painting, metadata, options)
        if painting.stopped:
            alone = "to go on from it, give it as --start, and where it stopped as --smallest"
            print("started again, it is made anew, and the finished ones are kept" if several else alone)
            raise KeyboardInterrupt
        made[pair] = path
    if not made:
        raise errors[0]
    if several:
        if there:
            print(f"{there} of {len(pairs)} pictures were there already; --fresh makes them again")
        write_sheet(pairs, made, model, options)
    return 1 if errors else 0


def list_pairs(options) -> list[Pair]:
    """All pairs asked for. Raises UsageError where flags do not go together."""
    from core.errors import UsageError

    contents = files_of(CONTENT if options.content is None else options.content)
    styles = options.style or [STYLE]
    folders = [text for text in styles if is_folder(text)]
    if folders and len(styles) > 1:
        raise UsageError(f"style: '{folders[0]}' is a folder, a style each; give it alone, or give files to blend")
    groups = [(style,) for style in files_of(styles[0])] if folders else [tuple(styles)]
    for flag, texts in {"blend": options.blend, "mask": options.mask}.items():
        if texts and len(texts) != len(groups[0]):
            raise UsageError(f"{flag}: got {len(texts)} for {len(groups[0])} styles; give one for each --style")
    if options.blend and not any(options.blend):
        raise UsageError("blend: all weights are 0; give at least one that is not")
    if (folders or is_folder(options.content)) and (options.gif or options.curves):
        raise UsageError("gif, curves: they show how one picture came about; give files, not folders")
    return [Pair(content, group) for content in contents for group in groups]


def is_folder(text: str | None) -> bool:
    return bool(text) and Path(text).is_dir()


def files_of(text: str) -> list[str]:
    """The pictures of a folder, or the one that is named."""
    from core.images import list_image_files

    return [str(file) for file in list_image_files([text])] if is_folder(text) else [text]


def pair_path(pair: Pair, output: Path) -> Path:
    """Into the folder given, under the names of its pictures, or the file given."""
    name = f"style_transfer_{Path(pair.content).stem}_{'+'.join(Path(style).stem for style in pair.styles)}.png"
    return output if is_picture_path(output) else output / name


def settings_of(pair: Pair, options) -> dict:
    """All that decides what the picture will be: the files themselves, not where they lie."""
    from core.files import fingerprint

    def known(name: str, folder: str) -> str:
        return fingerprint(find_picture(name, folder))

    given = {name: getattr(options, name) for name in TECHNIQUE if getattr(options, name) is not None}
    start = options.start or "content"
    return {
        "content": [Path(pair.content).stem, known(pair.content, "content")],
        "styles": [[Path(style).stem, known(style, "styles")] for style in pair.styles],
        "blend": options.blend,
        "mask": [fingerprint(Path(mask)) for mask in options.mask or []],
        "size": options.size or SIZE,
        "start": start if start in STARTS else fingerprint(find_picture(start, "content")),
        "keep_colour": options.keep_colour,
        "seed": options.seed,
        **{name: DEFAULTS[name] for name in TECHNIQUE},
        **given,
    }


def paint(pair: Pair, settings: dict, model, options, broken: dict) -> Painting:
    """Paint one pair. Raises UsageError for a picture that cannot be used, the same each time it is met."""
    import numpy as np
    from PIL import Image

    from core.images import deprocess
    from visualizers.colour_transfer import keep_luminance
    from visualizers.style_transfer import style_terms, style_transfer

    content = read(pair.content, "content", settings["size"], model, broken)
    styles = read_styles(pair, content, settings, model, options, broken)
    start = read_start(content, model, options)
    technique = {name: settings[name] for name in TECHNIQUE if name != "style_scale"}  # the styles have it already
    tell_cost(pair, content, styles, model, technique)
    steps, frames, last = [], [], None

    def finished(image):
        """In the full size, with the colours asked for."""
        image = resized(image, content.shape[2:])
        return keep_luminance(image, content) if options.keep_colour == "luminance" else image

    def frame(image):
        picture = Image.fromarray(deprocess(finished(image))[0])
        picture.thumbnail((WIDEST, WIDEST), Image.Resampling.LANCZOS)
        return np.asarray(picture)

    def watch(step) -> None:
        nonlocal last
        bar.total = step.scales * step.iterations
        bar.update()
        if options.gif and len(steps) % -(-bar.total // FRAMES) == 0:
            frames.append(frame(step.image))
        steps.append(step._replace(image=None))
        last = step.image

    stopped, began = "", time.perf_counter()
    with progress(desc=pair.title, unit="step") as bar:
        try:
            result = style_transfer(model, content, styles, start=start, callback=watch, **technique)
        except KeyboardInterrupt:
            if last is None:
                raise
            result, at = last, steps[-1]
            stopped = f"at step {at.iteration} of {at.iterations} at {min(last.shape[2:])} pixels"
    seconds = time.perf_counter() - began
    result = finished(result)
    values = style_terms(model, result, content, styles, **technique)
    losses = "content {:.4f}, style {:.4f}, total variation {:.4f}".format(*values)
    print(
        f"{pair.title}: {f'stopped {stopped}: ' if stopped else ''}loss {sum(values):.4f} ({losses}), {seconds:.0f} s"
    )
    return Painting(result, losses, steps, [*frames, frame(result)] if frames else [], stopped)


def read(name: str, folder: str, side: int | None, model, broken: dict):
    """A picture as the network reads it, (1, 3, H, W), its shorter side `side` pixels long."""
    from core.errors import UsageError
    from courses.style import preprocess

    if name in broken:
        raise broken[name]
    try:
        image = open_picture(name, folder)
        if min(image.size) < SMALLEST:
            shape = f"'{name}' is {image.width} x {image.height} pixels"
            raise UsageError(f"image: {shape}; at least {SMALLEST} are needed each way")
    except UsageError as error:
        broken[name] = error
        raise
    return preprocess(image, side or min(image.size)).to(next(model.parameters()))


def read_styles(pair: Pair, content, settings: dict, model, options, broken: dict) -> list:
    """The styles with their shares and masks."""
    from visualizers.colour_transfer import match_colours
    from visualizers.style_transfer import Style

    weights = options.blend or [1] * len(pair.styles)
    side = max(SMALLEST, round(settings["size"] * settings["style_scale"]))
    masks = [read_mask(mask, content) for mask in options.mask or []] or [None] * len(pair.styles)
    styles = []
    for name, weight, mask in zip(pair.styles, weights, masks, strict=True):
        image = read(name, "styles", side, model, broken)
        image = match_colours(image, content) if options.keep_colour == "histogram" else image
        styles.append(Style(image, weight / sum(weights), mask))
    return styles


def read_mask(path: str, content):
    """A grey picture as shares from 0 to 1, (1, 1, H, W), stretched over the content."""
    import numpy as np
    import torch

    from core.images import load_image

    grey = torch.from_numpy(np.array(load_image(path).convert("L")))[None, None].to(content) / 255
    return resized(grey, content.shape[2:]).clamp(0, 1)


def read_start(content, model, options):
    """What to start from, (1, 3, H, W): noise, an earlier picture, or None for the content."""
    import torch

    from studies.shared.inputs import make_generator

    if options.start in {None, "content"}:
        return None
    if options.start == "noise":
        return NOISE * torch.randn(content.shape, generator=make_generator(options)).to(content)
    return resized(read(options.start, "content", None, model, {}), content.shape[2:])


def resized(image, shape):
    """(1, C, h, w) -> (1, C, H, W)."""
    from torchvision.transforms.v2 import functional as F

    return image if image.shape[2:] == shape else F.resize(image, list(shape), antialias=True)


def tell_cost(pair: Pair, content, styles: list, model, technique: dict) -> None:
    """Say before the work how long it will take, and how much memory."""
    from painting.forecast import forecast

    settings = {name: DEFAULTS[name] for name in ("layers", "content_layer", "style_scale", "tile")} | technique
    del settings["optimiser"]  # of no matter: each of its steps takes one gradient
    expected = forecast(model, content, styles, **settings)
    seconds = expected.seconds
    duration = f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
    what = (
        f"{content.shape[3]} x {content.shape[2]} pixels, {len(expected.sizes)} size{'s' * (len(expected.sizes) > 1)}"
    )
    tiles = f", in tiles of {expected.tile} pixels" if expected.tile else ""
    print(f"{pair.title}: {what}, about {duration}, {expected.bytes / 1e9:.1f} GB beside its own{tiles}")


def write_beside(pair: Pair, path: Path, painting: Painting, metadata: dict, options) -> None:
    """What was asked for besides the picture: its loss curves, its animation."""
    from drawing.curves import draw_curves
    from drawing.files import save_animation, save_picture

    if options.curves:
        terms = {"content": "content", "style": "style", "total variation": "total_variation"}
        curves = {words: [getattr(step, term) for step in painting.steps] for words, term in terms.items()}
        curves = {"total": [sum(values) for values in zip(*curves.values(), strict=True)], **curves}
        marks = {at: f"size {step.scale}" for at, step in enumerate(painting.steps) if step.iteration == 1}
        figure = draw_curves(curves, title=pair.title, across="step", up="weighted loss", marks=marks)
        print(f"wrote {save_picture(figure, beside(path, '_losses.png'), metadata)}")
    if options.gif:
        target = beside(path, ".gif")
        save_animation(painting.frames, target, metadata, milliseconds=MILLISECONDS, most_bytes=MOST_BYTES)
        print(f"wrote {target}, {len(painting.frames)} frames, {target.stat().st_size / 1e6:.1f} MB")


def beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.stem}{ending}")


def write_sheet(pairs: list[Pair], made: dict[Pair, Path], model, options) -> None:
    """All pairs at one glance: contents down, styles across, the originals in the margins."""
    from core.errors import UsageError
    from drawing.files import describe, save_picture
    from drawing.grid import CELL, Panel, draw_grid, framed
    from studies.shared.inputs import footer

    contents = list(dict.fromkeys(pair.content for pair in pairs))
    groups = list(dict.fromkeys(pair.styles for pair in pairs))
    first = open_picture(str(next(iter(made.values()))), "content")
    size = (CELL_PIXELS, round(CELL_PIXELS * first.height / first.width))  # of other shapes the rest is white

    def cell(names, folder: str, title: str = "") -> Panel:
        try:
            return Panel(framed([open_picture(name, folder) for name in names], size), title)
        except UsageError:
            return Panel(framed([], size), title, "cannot be read")

    def result(pair: Pair) -> Panel:
        return cell([str(made[pair])], "content") if pair in made else Panel(framed([], size), "", "not made")

    rows = [[Panel(framed([], size)), *(cell(group, "styles", Pair("", group).style_title) for group in groups)]]
    for content in contents:
        original = cell([content], "content", Path(content).stem)
        rows.append([original, *(result(Pair(content, group)) for group in groups)])
    width = min(CELL, MOST_INCHES / len(rows[0]), MOST_INCHES / len(rows))
    figure = draw_grid(rows, cell=width, title="Contents down, styles across", footer=footer(model))
    metadata = describe(SCRIPT, vars(options), model.weights_name)
    print(f"wrote {save_picture(figure, options.output / 'style_transfer.png', metadata)}")


def parser():
    result = make_parser(__doc__, output="", writes="pictures: a folder, or one .png or .jpg", images=False)
    side, weight = whole_number(SMALLEST, 4096), number(0, 1e12)
    add = result.add_argument
    add("--content", metavar="PATH", help=f"the picture to paint, or a folder of them (default: {CONTENT})")
    styles = "the picture to paint it like, several to blend them, or a folder: each in turn"
    add("--style", nargs="+", metavar="PATH", help=f"{styles} (default: {STYLE})")
    add("--size", type=side, metavar="PIXELS", help=f"shorter side of the result (default: {SIZE}, or the preset's)")
    relative = "; for a preset absolute, as in the course"
    for name, what in {"content": "content loss", "tv": "total variation"}.items():
        add(
            f"--{name}-weight",
            type=weight,
            metavar="N",
            help=f"relative weight of the {what}{relative} (default: {DEFAULTS[f'{name}_weight']}, or the preset's)",
        )
    steps = (
        f"steps at each size (default: {DEFAULTS['iterations']}; {PRESET_ITERATIONS} for a preset, which has one size)"
    )
    add("--iterations", type=whole_number(1, 100_000), metavar="N", help=steps)
    add("--start", metavar="START", help="content, noise, or an earlier picture to go on from (default: content)")
    free = result.add_argument_group("without a preset")
    add = free.add_argument
    add(
        "--style-weight",
        type=weight,
        metavar="N",
        help=f"relative weight of the style (default: {DEFAULTS['style_weight']})",
    )
    add(
        "--style-scale",
        type=number(0.05, 20),
        metavar="N",
        help="size of the strokes: 0.5 halves, 2 doubles them (default: 1)",
    )
    add("--blend", type=number(0, 1e6), nargs="+", metavar="N", help="shares of the styles, one each (default: equal)")
    add("--mask", nargs="+", metavar="FILE", help="grey pictures, one for each style: white where it goes")
    add("--keep-colour", "--keep-color", choices=("luminance", "histogram"), help="keep the content's colours")
    add("--loss", choices=("gram", "wasserstein"), help=f"what makes two textures alike (default: {DEFAULTS['loss']})")
    add(
        "--optimiser", "--optimizer", choices=("adam", "lbfgs"), help=f"how it steps (default: {DEFAULTS['optimiser']})"
    )
    add("--smallest", type=side, metavar="PIXELS", help=f"shorter side to begin with (default: {DEFAULTS['smallest']})")
    add("--curves", action="store_true", help="draw the losses over the steps, beside the picture")
    add("--gif", action="store_true", help="write the way there as an animation, beside the picture")
    add("--fresh", action="store_true", help="make pairs of folders again that are there already")
    add = result.add_argument_group("presets").add_argument
    add("--preset", nargs="+", choices=PRESETS, metavar="NAME", help=f"{', '.join(PRESETS)} (default: all)")
    add("--style-size", type=side, metavar="PIXELS", help="shorter side of the style (default: the preset's)")
    add("--style-weights", type=weight, nargs=4, metavar="N", help=f"absolute weights of the style layers {LAYERS}")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
