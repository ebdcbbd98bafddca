"""Paints pictures: each into a file of its own, or all on a sheet."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL.Image import Image
from torchvision.transforms.v2 import functional as F

from core.defaults import ROOT
from core.errors import UsageError
from core.images import deprocess, load_frames, preprocess
from drawing.files import describe
from studies.fast_style.blends import choose_paintings
from studies.fast_style.cost import cost
from studies.fast_style.figure import Row, draw
from studies.fast_style.flags import SHEET_SIZE, SHOWN, SMALLEST, Settings
from studies.fast_style.network import load_styles
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.options import PICTURE_SUFFIXES
from studies.shared.pictures import Picture, list_pictures, open_picture
from studies.shared.report import Report
from visualizers.fast_style_transfer import StyleNetwork, stylise

MOST_ON_A_SHEET = 12  # pictures
LARGE = 2_000_000  # pixels: from here on, what it will take is told before
MOST_PIXELS = 16_000_000  # that are painted at a time
SECONDS, BYTES = 1.5, 360  # for each million pixels on one plain core, and for each pixel
MOST_BYTES = 100_000_000  # of a GIF
DECIDING = ("style", "blend", "blends", "size", "images", "seed")  # settings that a picture says of itself


def run(settings: Settings, report: Report) -> None:
    """Load the network, settle what to paint as what, paint."""
    network = load_styles(settings.network, settings.device)
    report.say(f"network: {network.name}, which paints as {', '.join(network.styles)}")
    wanted = choose_paintings(settings.style, network.styles, blend=settings.blend, blends=settings.blends)
    tell(cost(settings, styles=len(wanted)), report.say)
    pictures = list_pictures(settings.images, report.say) if settings.images else [own_picture(name) for name in SHOWN]
    metadata = describe("fast_style", {name: getattr(settings, name) for name in DECIDING}, network.name)
    suffix = settings.output.suffix.lower()
    alone = len(pictures) == len(wanted) == 1 and suffix
    if suffix == ".gif" and not alone:
        got = f"{len(pictures)} pictures and {len(wanted)} styles"
        raise UsageError(f"output: got {got} for one animation; give one --images and one --style, or a folder")
    if suffix and len(pictures) > MOST_ON_A_SHEET:
        most = f"a sheet holds {MOST_ON_A_SHEET} pictures, got {len(pictures)}"
        raise UsageError(f"output: {most}; give a folder as --output, e.g. visualization/painted/")
    if not suffix:
        refuse_one_name(pictures)
    job = write_each if alone or not suffix else write_sheet
    job(network, pictures, wanted, settings, metadata, report)


def refuse_one_name(pictures: Sequence[Picture]) -> None:
    """Two pictures of one name would be written over each other."""
    sources = {}
    for picture in pictures:
        other = sources.setdefault(picture.name, picture.source)
        if other != picture.source:
            both = f"'{other}' and '{picture.source}' would be painted into one file"
            raise UsageError(f"images: {both}; rename one of them")


def own_picture(name: str) -> Picture:
    """One of the pictures in images/, or a photograph that comes with the packages."""
    path = ROOT / "images" / "content" / f"{name}.jpg"
    return Picture(name.replace("_", " "), path) if path.exists() else Picture(name, name)


def fitted(image: Image, picture: Picture, size: int | None, report: Report) -> Image:
    """The picture at the size asked for, or its own; told or refused if it is large, refused if it is small."""
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
        report.say(f"{shape} are too many at a time; it is painted at {sized.width} x {sized.height}")
        pixels = sized.width * sized.height
    if pixels > LARGE:
        cost = f"{SECONDS * pixels / 1e6:.0f} s on one plain core and {BYTES * pixels / 1e9:.1f} GB"
        report.say(f"{picture.name}: {pixels / 1e6:.1f} million pixels, each style takes about {cost}")
    return sized


def paint(network: StyleNetwork, image: Image, weights: Sequence[float]) -> np.ndarray:
    """A picture -> painted, uint8 (H, W, 3)."""
    return deprocess(stylise(network, preprocess(image), weights))[0]


def write_each(
    network: StyleNetwork,
    pictures: Sequence[Picture],
    wanted: dict[str, list[float]],
    settings: Settings,
    metadata: dict[str, str],
    report: Report,
) -> None:
    """Each picture in each style, a file each, written as soon as it is painted."""
    broken = []
    report.expect([path_of(picture, title, settings.output) for picture in pictures for title in wanted])
    with report.progress(total=len(pictures) * len(wanted), desc="paint", unit="picture") as bar:
        for picture in pictures:
            try:
                moving = is_moving(picture, settings.output)
                frames = load_frames(picture.source) if moving else [(open_picture(picture), 0)]
                frames = [
                    (fitted(image, picture, settings.size, report), milliseconds) for image, milliseconds in frames
                ]
            except UsageError as error:
                if len(pictures) == 1:
                    raise
                report.skip(error)
                broken.append(error)
                continue
            for title, weights in wanted.items():
                painted = [paint(network, image, weights) for image, _ in frames]
                path = path_of(picture, title, settings.output)
                bar.update()
                if path.suffix.lower() == ".gif":
                    times = [milliseconds for _, milliseconds in frames]
                    report.animation(painted, path, metadata, milliseconds=times, most_bytes=MOST_BYTES)
                else:
                    report.picture(painted[0], path, metadata)
    if len(broken) == len(pictures):
        raise broken[0]


def is_moving(picture: Picture, output: Path) -> bool:
    """Whether every frame is painted: of an animation that does not go into a picture."""
    return str(picture.source).lower().endswith(".gif") and output.suffix.lower() not in PICTURE_SUFFIXES


def path_of(picture: Picture, title: str, output: Path) -> Path:
    """Where a picture painted in the style of this title goes: the file named, or into the folder named."""
    words = title.replace(" %", "").replace(" + ", "_").replace(", ", "_").replace(" ", "_")
    name = f"{picture.name}_{words}{'.gif' if is_moving(picture, output) else '.png'}"
    return output if output.suffix else output / name


def write_sheet(
    network: StyleNetwork,
    pictures: Sequence[Picture],
    wanted: dict[str, list[float]],
    settings: Settings,
    metadata: dict[str, str],
    report: Report,
) -> None:
    """All pictures in all styles on one sheet. Ctrl-C leaves the rows that are finished."""
    rows, names, broken = [], [], []
    bar = report.progress(total=len(pictures) * len(wanted), desc="paint", unit="picture")
    with bar, Interruption() as stop:
        for picture in pictures:
            try:
                image = fitted(open_picture(picture), picture, settings.size or SHEET_SIZE, report)
            except UsageError as error:
                if len(pictures) == 1:
                    raise
                report.skip(error)
                broken.append(error)
                continue
            painted = []
            for weights in wanted.values():
                painted.append(paint(network, image, weights))
                bar.update()
            rows.append(Row(np.asarray(image), painted))
            names.append(picture.name)
    if len(broken) == len(pictures):
        raise broken[0]
    if not rows:
        stop.go_on()
    if stop.happened:
        report.fail(f"stopped before {picture.name} was finished: those before it are drawn")
    report.say(f"painted {', '.join(names)}")
    judge = f"taught by SqueezeNet 1.1 with weights {network.facts['loss_network']}"
    report.picture(draw(rows, list(wanted), footer=f"network {network.name}, {judge}"), settings.output, metadata)
    stop.go_on()
