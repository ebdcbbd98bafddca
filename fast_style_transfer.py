"""Pictures painted in a style by one forward pass of a small network that has learned to paint.

Bare, or as `apply`, it paints pictures: without --images four of its own in every style of the network that comes with
the repository, as one sheet, visualization/fast_style_transfer.png. One picture in one style is written by itself, in
its own shape; with a folder as --output every picture goes into a file of its own. A .gif stays an animation there,
and where --output ends in .gif; else its first frame is painted.

As `train` it teaches a network the styles of your pictures, from a folder of pictures or from rendered scenes and
photographs: visualization/fast_styles.safetensors, for --network. See `train --help`.
"""

import math
import os
import sys
from pathlib import Path

from core.defaults import ROOT
from studies.shared.options import (
    PICTURE_SUFFIXES,
    constant_of,
    defaults_of,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

NETWORK = ROOT / "weights" / "fast_styles.safetensors"
STYLES = ("swirling_night", "blood_sunset", "geometric_abstraction", "mosaic")  # in images/styles
HELD_OUT = ("china", "motorcycle")  # photographs that no network learns from, to judge it by
LEARNED = ("chelsea", "coffee", "rocket")
SHOWN = ("china", "motorcycle", "harbour_town", "mountain_lake")
SHEET_SIZE, HELD_OUT_SIZE = 448, 256  # of the shorter side, in pixels
MOST_ON_A_SHEET = 12
CELL = 3.0  # inches: width of a panel
SMALLEST = constant_of("visualizers.fast_style_transfer", "SMALLEST_SIDE")
LARGE = 2_000_000  # pixels: from here on, what it will take is told before
MOST_PIXELS = 16_000_000  # that are painted at a time
SECONDS, BYTES = 1.5, 360  # for each million pixels on one plain core, and for each pixel
MOST_BYTES = 100_000_000  # of a GIF
SECONDS_BETWEEN_CHECKPOINTS = 60
INTERRUPTED = 130  # the exit code that shells give for Ctrl-C


def main(options) -> int:
    return train(options) if options.command == "train" else apply(options)


def apply(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.errors import UsageError
    from drawing.files import describe
    from studies.shared.inputs import Picture, list_pictures

    network = load_styles(options.network, options.device)
    print(f"network: {network.name}, which paints as {', '.join(network.styles)}")
    wanted = choose_paintings(options, network.styles)
    pictures = list_pictures(options.images) if options.images else [own_picture(name) for name in SHOWN]
    pictures = [picture if isinstance(picture, Picture) else Picture(*picture) for picture in pictures]
    kept = ("style", "blend", "steps", "size", "images", "seed")
    metadata = describe("fast_style_transfer.py", {name: getattr(options, name) for name in kept}, network.name)
    suffix = options.output.suffix.lower()
    alone = len(pictures) == len(wanted) == 1 and suffix
    if suffix == ".gif" and not alone:
        got = f"{len(pictures)} pictures and {len(wanted)} styles"
        raise UsageError(f"output: got {got} for one animation; give one --images and one --style, or a folder")
    if suffix and len(pictures) > MOST_ON_A_SHEET:
        most = f"a sheet holds {MOST_ON_A_SHEET} pictures, got {len(pictures)}"
        raise UsageError(f"output: {most}; give a folder as --output, e.g. visualization/painted/")
    if not suffix:
        refuse_one_name(pictures)
    if alone or not suffix:
        return write_each(network, pictures, wanted, options, metadata)
    return write_sheet(network, pictures, wanted, options, metadata)


def refuse_one_name(pictures: list) -> None:
    """Two pictures of one name would be written over each other."""
    from core.errors import UsageError

    sources = {}
    for picture in pictures:
        other = sources.setdefault(picture.name, picture.source)
        if other != picture.source:
            both = f"'{other}' and '{picture.source}' would be painted into one file"
            raise UsageError(f"images: {both}; rename one of them")


def load_styles(path: Path, device: str = "cpu"):
    """The network of a .safetensors file that `train` wrote, frozen. `name` and `facts` say what it is."""
    import hashlib
    import json
    from dataclasses import fields

    import torch
    from safetensors.torch import load

    from core.errors import UsageError
    from core.squeezenet import choose_device
    from training.fast_style_training import PaintingRecipe
    from visualizers.fast_style_transfer import StyleNetwork

    if not path.is_file():
        raise UsageError(f"network: '{path}' is not there; make one with: python fast_style_transfer.py train")
    data = path.read_bytes()
    try:
        length = int.from_bytes(data[:8], "little")  # of the header, in which safetensors keeps the metadata
        texts = json.loads(data[8 : 8 + length])["__metadata__"]
        facts = {field.name: json.loads(texts[field.name]) for field in fields(PaintingRecipe)}
        network = StyleNetwork(facts["styles"], widths=facts["widths"], blocks=facts["blocks"])
        network.load_state_dict({name: values.float() for name, values in load(data).items()})
    except Exception:  # safetensors, json and torch raise a dozen kinds for a bad file
        raise UsageError(f"network: '{path}' is not a file that train wrote; get it again") from None
    network.name, network.facts = f"{path.name} (sha256 {hashlib.sha256(data).hexdigest()[:8]})", facts
    return network.requires_grad_(False).eval().to(device=choose_device(device), memory_format=torch.channels_last)


def choose_paintings(options, known: tuple[str, ...]) -> dict[str, list[float]]:
    """What to paint as: title -> the weight of each style of the network."""
    from core.errors import UsageError
    from studies.shared.options import find_technique

    for text in options.style or ():
        try:
            find_technique(text, known)
        except UsageError as error:
            raise UsageError(str(error).replace("technique", "style", 1)) from None
    named = list(options.style or known)
    if options.blend and options.steps:
        raise UsageError("blend: --blend is one blend and --steps are several; give one of them")
    if options.blend:
        if len(options.blend) != len(named) or sum(options.blend) <= 0:
            got = f"got {len(options.blend)} weights for {len(named)} styles"
            raise UsageError(f"blend: {got}; give a weight of 0 or more for each, not all 0")
        mixed = {name: sum(w for n, w in zip(named, options.blend, strict=True) if n == name) for name in named}
        total = sum(mixed.values())
        title = " + ".join(f"{100 * weight / total:.0f} % {name}" for name, weight in mixed.items() if weight)
        return {title: [mixed.get(name, 0.0) / total for name in known]}
    if options.steps:
        if len(named) != 2:
            raise UsageError(f"steps: a way leads from one style to another, got {len(named)}; give --style A B")
        ways = [index / (options.steps - 1) for index in range(options.steps)]
        one, other = named
        return {
            f"{100 - 100 * way:.0f} % {one}, {100 * way:.0f} % {other}": [
                (1 - way) * (name == one) + way * (name == other) for name in known
            ]
            for way in ways
        }
    return {name: [float(name == other) for other in known] for name in named}


def own_picture(name: str) -> tuple:
    """One of the pictures in images/, or the name of a photograph that comes with the packages."""
    path = ROOT / "images" / "content" / f"{name}.jpg"
    return (name.replace("_", " "), path if path.exists() else name)


def fitted(image, picture, size: int | None):
    """The picture at the size asked for, or its own; told or refused if it is large, refused if it is small."""
    from torchvision.transforms.v2 import functional as F

    from core.errors import UsageError

    if min(image.size) < SMALLEST:  # whatever it would be enlarged to
        shape = f"'{picture.source}' is {image.width} x {image.height} pixels"
        raise UsageError(f"image: {shape}; at least {SMALLEST} are needed each way")
    sized = image if size is None else F.resize(image, [size])
    pixels = sized.width * sized.height
    shape = f"{picture.name}: {sized.width} x {sized.height} pixels"
    if pixels > MOST_PIXELS:
        if size is not None:
            raise UsageError(f"size: {shape} are more than {MOST_PIXELS}, which are painted at a time; give less")
        shrunk = math.sqrt(MOST_PIXELS / pixels)
        sized = sized.resize([int(length * shrunk) for length in sized.size])
        print(f"{shape} are too many at a time; it is painted at {sized.width} x {sized.height}")
        pixels = sized.width * sized.height
    if pixels > LARGE:
        cost = f"{SECONDS * pixels / 1e6:.0f} s on one plain core and {BYTES * pixels / 1e9:.1f} GB"
        print(f"{picture.name}: {pixels / 1e6:.1f} million pixels, each style takes about {cost}")
    return sized


def paint(network, image, weights: list[float]):
    """A picture (PIL) -> painted, uint8 (H, W, 3)."""
    from core.images import deprocess, preprocess
    from visualizers.fast_style_transfer import stylise

    return deprocess(stylise(network, preprocess(image), weights))[0]


def write_each(network, pictures: list, wanted: dict, options, metadata: dict) -> int:
    """Each picture in each style, a file each, written as soon as it is painted."""
    from core.errors import UsageError
    from core.images import load_frames
    from drawing.files import save_animation, save_picture
    from studies.shared.inputs import open_picture

    broken, output = [], options.output
    with progress(total=len(pictures) * len(wanted), desc="paint", unit="picture") as bar:
        for picture in pictures:
            try:
                moving = str(picture.source).lower().endswith(".gif") and output.suffix.lower() not in PICTURE_SUFFIXES
                frames = load_frames(picture.source) if moving else [(open_picture(picture), 0)]
                frames = [(fitted(image, picture, options.size), milliseconds) for image, milliseconds in frames]
            except UsageError as error:
                if len(pictures) == 1:
                    raise
                bar.write(f"skipped: {error}", file=sys.stderr)
                broken.append(error)
                continue
            for title, weights in wanted.items():
                painted = [paint(network, image, weights) for image, _ in frames]
                ending = ".gif" if moving else ".png"
                words = title.replace(" %", "").replace(" + ", "_").replace(", ", "_").replace(" ", "_")
                path = output if output.suffix else output / f"{picture.name}_{words}{ending}"
                if path.suffix.lower() == ".gif":
                    times = [milliseconds for _, milliseconds in frames]
                    save_animation(painted, path, metadata, milliseconds=times, most_bytes=MOST_BYTES)
                else:
                    save_picture(painted[0], path, metadata)
                bar.update()
                bar.write(f"wrote {path}")
    if len(broken) == len(pictures):
        raise broken[0]
    return 1 if broken else 0


def write_sheet(network, pictures: list, wanted: dict, options, metadata: dict) -> int:
    """The pictures down, the styles across, above them their own pictures where these are at hand."""
    import numpy as np

    from core.errors import UsageError
    from core.images import load_image
    from drawing.files import save_picture
    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import open_picture

    titles = [title.replace("_", " ").replace(", ", "\n") for title in wanted]
    paths = [ROOT / "images" / "styles" / f"{name}.jpg" for name in wanted]
    header = [Panel(letterbox(load_image(path))) for path in paths if path.exists()]
    blank = Panel(np.full_like(header[0].pixels, 255)) if header else None
    rows = [[blank, *header]] if len(header) == len(wanted) else []
    painted, broken, stopped, size = [], [], False, options.size or SHEET_SIZE
    with progress(total=len(pictures) * len(wanted), desc="paint", unit="picture") as bar:
        for picture in pictures:
            try:
                image = fitted(open_picture(picture), picture, size)
            except UsageError as error:
                if len(pictures) == 1:
                    raise
                print(f"skipped: {error}", file=sys.stderr)
                broken.append(error)
                continue
            row = [Panel(letterbox(image))]
            try:
                for weights in wanted.values():
                    row.append(Panel(letterbox(paint(network, image, weights))))
                    bar.update()
            except KeyboardInterrupt:
                if not painted:
                    raise
                print(f"stopped before {picture.name} was finished: those before it are drawn", file=sys.stderr)
                stopped = True
                break
            rows.append(row)
            painted.append(picture.name)
    if len(broken) == len(pictures):
        raise broken[0]
    named = zip(rows[0], ["" if rows[0][0] is blank else "the picture", *titles], strict=True)
    rows[0] = [panel._replace(title=title) for panel, title in named]
    figure = draw_grid(
        rows,
        cell=CELL,
        title="Painted in one forward pass",
        footer=f"network {network.name}, taught by SqueezeNet 1.1 with weights {network.facts['loss_network']}",
    )
    print(f"painted {', '.join(painted)}; wrote {save_picture(figure, options.output, metadata)}")
    if stopped:
        raise KeyboardInterrupt
    return 1 if broken else 0


def letterbox(picture):
    """A picture of any shape on white, 4 to 3, so that all panels of a sheet are of one shape."""
    import numpy as np
    from PIL import Image

    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    wide, high = image.size
    width = max(wide, math.ceil(high * 4 / 3))
    height = max(high, math.ceil(width * 3 / 4))
    board = Image.new("RGB", (width, height), "white")
    board.paste(image, ((width - wide) // 2, (height - high) // 2))
    return np.asarray(board)


def train(options) -> int:
    import torch
    import torch.distributed as dist

    processes = int(os.environ.get("WORLD_SIZE", "1"))  # set by torchrun
    if processes > 1:
        where = os.environ.get("LOCAL_RANK", "0")
        cuda = options.device in ("auto", "cuda") and torch.cuda.is_available()
        options.device = f"cuda:{where}" if cuda else "cpu"
        if cuda:
            torch.cuda.set_device(int(where))
        dist.init_process_group("nccl" if cuda else "gloo")
    try:
        return train_to_file(options)
    finally:
        if processes > 1:
            dist.destroy_process_group()


def train_to_file(options) -> int:
    """Train, with checkpoints, samples and a curve; in one process or as one of several, of which the first writes."""
    import json
    import time
    from dataclasses import asdict

    import numpy as np
    import torch
    import torch.distributed as dist
    from safetensors.torch import save

    from core.errors import UsageError
    from core.files import write_whole
    from core.images import preprocess
    from core.squeezenet import load_squeezenet
    from courses.style import preprocess as scaled
    from studies.shared.inputs import name_broken
    from training.fast_style_training import KEPT, PaintingRecipe, PaintingTraining
    from training.squares import Squares
    from training.train import noticing_signals
    from training.training import load_checkpoint, save_checkpoint

    torch.set_flush_denormal(True)
    leads = not dist.is_initialized() or dist.get_rank() == 0
    model = load_squeezenet(options.weights, options.device)
    device = next(model.parameters()).device
    named, style_pictures, broken = read_styles(options.styles)
    names = tuple(picture.name for picture in named)
    if len(set(names)) < len(names):
        raise UsageError(f"styles: two of them have one name ({', '.join(names)}); rename a file")
    if leads:
        name_broken(broken)
    sources, data = training_pictures(options.images)
    # A checkpoint of other pictures under the same names is none to go on from.
    data += f"; styles {digest(np.asarray(picture).tobytes() for picture in style_pictures)}"
    settings = {name: getattr(options, name) for name in SETTINGS}
    recipe = PaintingRecipe(names, model.weights_name, data, seed=options.seed, **settings)
    styles = [scaled(picture, recipe.style_size).to(device) for picture in style_pictures]
    training = PaintingTraining(recipe, model, styles)
    output, say = options.output, (print if leads else lambda *_: None)
    say(model.weights_note)
    checkpoint = output.with_suffix(".checkpoint.pt")
    if checkpoint.exists() and not options.fresh:
        load_checkpoint(checkpoint, training, KEPT)
        say(f"going on after step {training.step} of {recipe.steps}, from {checkpoint}")
    held_out = [open_picture_named(name) for name in HELD_OUT]
    judged = torch.stack([preprocess(centre_square(image, HELD_OUT_SIZE))[0] for image in held_out]).to(device)
    squares = Squares(sources, recipe.side, scenes=options.images is None, seed=recipe.seed)
    bar = progress(total=recipe.steps, initial=training.step, desc="train", unit="step") if leads else None
    saved = time.monotonic()
    with noticing_signals() as asked_to_stop:
        stopped = False
        while training.step < recipe.steps and not stopped:
            squares.prepare(training.step)
            stopped = training.take_step(squares.draw, stop=asked_to_stop.is_set())
            if not leads:
                continue
            bar.update()
            if training.step % recipe.evaluate_every == 0 or training.step == recipe.steps:
                training.evaluate(judged)
                content, style, tv = training.held_out[-1][1:]
                words = f"held-out content {content:.3f}, style {style:.4f}, total variation {tv:.3f}"
                bar.write(f"step {training.step} of {recipe.steps}: {words}, {training.seconds / 60:.1f} minutes")
                sys.stdout.flush()
                write_samples(training, style_pictures, held_out, output)
                write_curve(training, output)
            if stopped or time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                save_checkpoint(checkpoint, training, KEPT)
                saved = time.monotonic()
    if leads:
        bar.close()
    name_broken(squares.broken.values())  # each process met others
    if not leads:
        return INTERRUPTED if stopped else 0
    if stopped:
        print(f"stopped; run the same command to go on from {checkpoint}", file=sys.stderr)
        return INTERRUPTED
    state = {name: values.half().contiguous() for name, values in training.network.state_dict().items()}
    facts = {name: json.dumps(value) for name, value in asdict(recipe).items()}
    write_whole(output, save(state, metadata=facts | {"architecture": "StyleNetwork", "licence": "MIT"}))
    checkpoint.unlink(missing_ok=True)
    beside = ", ".join(f"{output.stem}{ending}" for ending in ("_samples.png", "_curve.png", "_curve.csv"))
    print(f"{recipe.steps} steps in {training.seconds / 60:.1f} minutes; wrote {output}, {beside}")
    return 1 if broken or squares.broken else 0


def find_styles(texts: list[str]) -> list:
    """Files, folders of them, or names of pictures in images/styles."""
    from studies.shared.inputs import Picture, list_pictures

    pictures = []
    for text in texts:
        own = ROOT / "images" / "styles" / f"{text}.jpg"
        pictures += [Picture(text, own)] if own.exists() else list_pictures([text])
    return pictures


def read_styles(texts: list[str]) -> tuple[list, list, list]:
    """The styles that can be read, their pictures, and what is wrong with the others."""
    from core.errors import UsageError
    from studies.shared.inputs import open_picture

    named, images, broken = [], [], []
    for picture in find_styles(texts):
        try:
            images.append(open_picture(picture))
            named.append(picture)
        except UsageError as error:
            broken.append(error)
    if not named:
        raise broken[0]
    return named, images, broken


def digest(parts) -> str:
    """Eight digits that stand for bytes."""
    import hashlib

    result = hashlib.sha256()
    for part in parts:
        result.update(part)
    return result.hexdigest()[:8]


def training_pictures(paths: list[str] | None) -> tuple[list, str]:
    """What opens each picture to learn from, and what they are in words."""
    from functools import partial

    from core.images import list_image_files, load_image

    if paths is not None:
        files = list_image_files(paths)
        # Names and sizes: to read all of a large folder takes long.
        sizes = [(file.name, file.stat().st_size if file.is_file() else 0) for file in files]
        listed = digest([repr(sizes).encode()])
        return [partial(load_image, file) for file in files], f"{len(files)} pictures ({listed})"
    own = sorted((ROOT / "images" / "content").glob("*.jpg"))
    wholes = [open_picture_named(name) for name in LEARNED] + [load_image(path) for path in own]
    names = ", ".join((*LEARNED, *(path.stem for path in own)))
    return [partial(lambda whole: whole, whole) for whole in wholes], f"procedural scenes, and {names}"


def open_picture_named(name: str):
    from core.images import default_photograph

    return default_photograph(name)


def centre_square(image, side: int):
    from torchvision.transforms.v2 import functional as F

    return F.center_crop(F.resize(image, [side]), [side, side])


def write_samples(training, styles: list, contents: list, output: Path) -> None:
    """The styles, and below each what the network paints of the held-out pictures so far."""
    from torchvision.transforms.v2 import functional as F

    from drawing.files import describe, save_picture
    from drawing.grid import Panel, draw_grid

    recipe = training.recipe
    rows = [[Panel(letterbox(style), name) for style, name in zip(styles, recipe.styles, strict=True)]]
    for image in contents:
        image, row = F.resize(image, [HELD_OUT_SIZE]), []
        for place in range(len(styles)):
            weights = [float(place == other) for other in range(len(styles))]
            row.append(Panel(letterbox(paint(training.network, image, weights))))
        rows.append(row)
    title = f"After {training.step} of {recipe.steps} steps"
    figure = draw_grid(rows, columns=6, title=title, footer=f"taught by SqueezeNet 1.1, {recipe.loss_network}")
    settings = {"steps": recipe.steps, "seed": recipe.seed}
    metadata = describe("fast_style_transfer.py train", settings, recipe.loss_network)
    save_picture(figure, output.with_name(f"{output.stem}_samples.png"), metadata)


def write_curve(training, output: Path) -> None:
    """The three losses against steps, as a PNG and a CSV."""
    import numpy as np
    from matplotlib.figure import Figure

    from drawing.files import describe, save_picture
    from drawing.grid import pixels_of
    from drawing.tables import write_csv

    recipe, losses = training.recipe, np.array(training.losses)  # (S, 3)
    path = output.with_name(f"{output.stem}_curve.png")
    header = ("step", "content", "style", "total_variation", "held_out_content", "held_out_style", "held_out_tv")
    judged = {int(step): values for step, *values in training.held_out}
    width = max(1, recipe.evaluate_every)
    rows = []
    for end in judged:
        means = losses[max(0, end - width) : end].mean(axis=0)
        rows.append([end, *(f"{value:.5f}" for value in (*means, *judged[end]))])
    write_csv(path, header, rows)
    figure = Figure(figsize=(8, 4), dpi=110, facecolor="white", layout="constrained")
    axes = figure.subplots()
    short = max(1, min(50, len(losses) // 20))  # the loss of one batch is noisy: means of so many are drawn
    means = losses[: len(losses) // short * short].reshape(-1, short, 3).mean(axis=1)
    steps = (np.arange(len(means)) + 0.5) * short
    for part, (name, colour) in enumerate(
        (("content", "tab:green"), ("style", "tab:red"), ("total variation", "tab:blue"))
    ):
        axes.plot(steps, means[:, part], color=colour, label=name)
        axes.plot(list(judged), [values[part] for values in judged.values()], ".--", color=colour, linewidth=0.8)
    axes.plot([], [], ".--", color="0.4", label=f"of {' and '.join(HELD_OUT)}, held out")
    axes.set_yscale("log")
    axes.set_xlabel("steps")
    axes.set_ylabel("loss, relative and unweighted")
    axes.grid(alpha=0.25, which="both", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, ncols=4, loc="upper center", bbox_to_anchor=(0.5, 1.12))
    settings = {"steps": recipe.steps, "seed": recipe.seed}
    save_picture(pixels_of(figure), path, describe("fast_style_transfer.py train", settings, recipe.loss_network))


RECIPE = defaults_of("training.fast_style_training", "PaintingRecipe")
SETTINGS = {  # flag: (type, what it is)
    "steps": (whole_number(1, 10_000_000), "steps in all"),
    "batch": (whole_number(1, 1024), "pictures a step, shared by all processes"),
    "side": (whole_number(64, 1024), "of the squares it learns from, in pixels"),
    "style_size": (whole_number(64, 2048), "shorter side of the styles, in pixels"),
    "content_weight": (number(0, 1e6), "weight of the relative content loss"),
    "style_weight": (number(0, 1e6), "weight of the relative style loss"),
    "tv_weight": (number(0, 1e6), "weight of the relative total variation"),
    "learning_rate": (number(1e-6, 1), "the highest; it rises, and falls as a cosine"),
    "evaluate_every": (whole_number(1, 10**6), "steps between looks at the held-out pictures, with samples"),
}


def apply_parser():
    result = make_parser(
        __doc__,
        output="fast_style_transfer.png",
        writes="sheet, the painted picture or .gif, or a folder for them",
        images=False,
        weights=False,
        endings=(*PICTURE_SUFFIXES, ".gif", ""),
    )
    add = result.add_argument
    add("--images", nargs="+", metavar="PATH", help=f"files, folders, photographs (default: {', '.join(SHOWN)})")
    add("--style", nargs="+", metavar="NAME", help="styles of the network (default: all it knows)")
    add("--blend", nargs="+", type=number(0, 1e6), metavar="W", help="paint one blend: a weight for each style")
    add("--steps", type=whole_number(2, 12), metavar="N", help="paint N blends from one --style to the other")
    sizes = f"shorter side of the result (default: the picture's own; on a sheet {SHEET_SIZE})"
    add("--size", type=whole_number(SMALLEST, 8192), metavar="PIXELS", help=sizes)
    add(
        "--network", type=Path, default=NETWORK, metavar="FILE", help="what train wrote (default: the one that is here)"
    )
    return result


def train_parser():
    text = f"""Teach a network to paint as your pictures are painted.

    Started again with the same flags, it goes on from the checkpoint beside --output; Ctrl-C writes one. Samples and
    the training curve lie there, too. For several processes: torchrun --nproc-per-node=2 fast_style_transfer.py train.
    The photographs {" and ".join(HELD_OUT)} are kept out of it, and judge it."""
    result = make_parser(
        text, output="fast_styles.safetensors", writes="network", images=False, endings=(".safetensors",)
    )
    add = result.add_argument
    add("--styles", nargs="+", default=list(STYLES), metavar="PATH", help="files, folders, or names in images/styles")
    add("--images", nargs="+", metavar="PATH", help="pictures to learn from (default: rendered scenes and photographs)")
    for name, (kind, meaning) in SETTINGS.items():
        add(f"--{name.replace('_', '-')}", type=kind, default=RECIPE[name], metavar="N", help=meaning)
    add("--fresh", action="store_true", help="start anew even if there is a checkpoint")
    return result


def parser():
    result = apply_parser()
    commands = result.add_subparsers(dest="command", metavar="{apply,train}", help="what to do (default: apply)")
    for name, part in (("apply", apply_parser()), ("train", train_parser())):
        commands.add_parser(name, parents=[part], add_help=False, description=part.description)
    parse = result.parse_args

    def parse_with_command(words: list[str] | None = None):
        """Flags before the word would be forgotten by argparse. So the word comes first, or it is `apply`."""
        words = list(sys.argv[1:] if words is None else words)
        return parse(words if words and words[0] in (*commands.choices, "-h", "--help") else ["apply", *words])

    result.parse_args = parse_with_command
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
