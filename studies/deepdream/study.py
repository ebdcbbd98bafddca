"""Lets layers dream on pictures, and writes the sheet, one dream alone, or the way into it."""

from collections.abc import Sequence
from dataclasses import asdict, replace

import torch
from torch import Tensor, nn

from core.ascent import Step
from core.defaults import SHARED
from core.errors import UsageError
from core.images import deprocess
from core.layers import spread_layers
from core.measuring import measuring
from core.tiles import position_sum, tiled_score
from drawing.files import describe
from studies.deepdream.cost import cost
from studies.deepdream.figure import Dream, Start, draw
from studies.deepdream.flags import LAYERS, MOST_BYTES, PICTURE, Job, Settings
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.network import footer, make_generator, open_network
from studies.shared.pictures import Picture, list_pictures, open_picture
from studies.shared.report import Report, counted
from studies.shared.scaling import scaled
from visualizers.deepdream import SMALLEST_SIDE, deepdream, octave_sizes, zoom_sequence

GUIDE_SIZE = 224  # of its shorter side, in pixels
MILLISECONDS = 80  # for a frame


def run(settings: Settings, report: Report) -> None:
    """Read the pictures, dream, write."""
    pictures = list_pictures(settings.images, report.say) if settings.images else [Picture("mountain lake", PICTURE)]
    single, dreams = settings.zoom or settings.alone, len(settings.jobs)
    if single and len(pictures) * dreams > 1:
        flag = "zoom" if settings.zoom else "alone"
        counts = f"{counted(len(pictures), 'picture')} and {dreams} dreams of each"
        raise UsageError(f"{flag}: got {counts}; give one --images, --layer")
    guides = list_pictures([settings.guide], report.say) if settings.guide else []
    if len(guides) > 1:
        raise UsageError(f"guide: '{settings.guide}' holds {len(guides)} pictures; give one")
    model, settings = open_network(settings, report)
    if not model.takes_any_size:
        words = f"takes squares of {model.input_size} pixels alone, and a dream goes through sizes"
        raise UsageError(f"model: {model.title} {words}; use classes or inversion")
    if not settings.layer and model.model_name != SHARED:
        spread = spread_layers(model, count=len(LAYERS))
        settings = replace(settings, layer=spread[-2:][:1] if single else spread)
    for job in settings.jobs:
        check_job(model, job)
    tell(cost(settings), report.say, model)
    device = next(model.parameters()).device
    guide = read(guides[0], GUIDE_SIZE).to(device) if guides else None
    starts = read_all(pictures, settings.side, device, report)
    metadata = describe("deepdream", asdict(settings) | settings.ascent, model.weights_name)
    write = write_animation if settings.zoom else write_sheet
    write(model, starts, guide, settings, report, metadata)


def check_job(model: nn.Module, job: Job) -> None:
    """Raise UsageError for an unknown layer or channel before the first dream, not after it."""
    smallest = torch.zeros(1, 3, SMALLEST_SIDE, SMALLEST_SIDE).to(next(model.parameters()))
    with measuring(model), torch.no_grad():
        position_sum(model, job.layer, channels=job.channels)(smallest)


def read(picture: Picture, side: int) -> Tensor:
    """The picture as the network reads it, (1, 3, H, W), its shorter side `side` pixels long."""
    image = open_picture(picture)
    if min(image.size) < SMALLEST_SIDE:
        shape = f"'{picture.source}' is {image.width} x {image.height} pixels"
        raise UsageError(f"image: {shape}; at least {SMALLEST_SIDE} are needed each way")
    return scaled(image, side)


def read_all(pictures: Sequence[Picture], side: int, device: torch.device, report: Report) -> list[Start]:
    """The pictures that can be read; the others are named. If none can, the first one's error."""
    starts, broken = [], []
    for picture in pictures:
        try:
            starts.append(Start(picture.name, read(picture, side).to(device)))
        except UsageError as error:
            broken.append(error)
    if not starts:
        raise broken[0]
    for error in broken:
        report.skip(error)
    return starts


def write_sheet(
    model: nn.Module,
    starts: Sequence[Start],
    guide: Tensor | None,
    settings: Settings,
    report: Report,
    metadata: dict[str, str],
) -> None:
    """Write each picture beside its dreams, or one dream alone; after Ctrl-C those that are finished."""
    dreams = []
    with Interruption() as stop:
        for at, start in enumerate(starts):
            for job in settings.jobs:
                dreams.append(Dream(at, *dream(model, start, job, guide, settings, report)))
    if not dreams:
        stop.go_on()
    figure = deprocess(dreams[0].image)[0] if settings.alone else draw(starts, dreams, footer=footer(model))
    report.picture(figure, settings.output, metadata)
    stop.go_on()


def dream(
    model: nn.Module, start: Start, job: Job, guide: Tensor | None, settings: Settings, report: Report
) -> tuple[Tensor, str, str]:
    """One dream (1, 3, H, W), its title and, where there is nothing to see, the reason."""
    ascent, what = settings.ascent, {"channels": job.channels, "guide": guide}
    sizes = octave_sizes(start.image, **{key: ascent[key] for key in ("octaves", "ratio", "jitter")})
    label = job.layer if job.channel is None else f"{job.layer}, channel {job.channel}"
    words = {"desc": f"{start.name}, {label}", "unit": "step"}
    with report.progress(total=len(sizes) * ascent["iterations"], **words) as bar:

        def watch(_step: Step) -> None:  # what `update` returns would end the dream
            bar.update()

        chance = make_generator(settings.seed)
        result = deepdream(model, start.image, job.layer, **what, **ascent, generator=chance, callback=watch)
    with measuring(model):
        score = position_sum(model, job.layer, **what)
        before, after = (float(tiled_score(score, image, tile=ascent["tile"])) for image in (start.image, result))
    kind = "likeness to the guide" if guide is not None else "norm" if job.channel is None else "sum"
    if kind == "norm":
        before, after = (2 * before) ** 0.5, (2 * after) ** 0.5
    report.say(f"{start.name}, {label}: {kind} {rounded(before)} before, {rounded(after)} after")
    title = f"{label}: {kind} {rounded(before)} → {rounded(after)}"
    return result, title, "" if after else "silent on this picture, so there is no gradient; take another"


def rounded(value: float) -> str:
    """Three digits, in full where that is short."""
    return f"{float(f'{value:.3g}'):g}"


def write_animation(
    model: nn.Module,
    starts: Sequence[Start],
    guide: Tensor | None,
    settings: Settings,
    report: Report,
    metadata: dict[str, str],
) -> None:
    """Write the way into the dream; after Ctrl-C the frames that are finished."""
    (start,), (job,) = starts, settings.jobs
    how = {"channels": job.channels, "guide": guide, "generator": make_generator(settings.seed), **settings.ascent}
    way = zoom_sequence(model, start.image, job.layer, frames=settings.zoom, **how)
    frames = []
    with Interruption() as stop:
        for frame in report.progress(way, total=settings.zoom, desc=f"{start.name}, {job.layer}", unit="frame"):
            frames.append(deprocess(frame)[0])
    if not frames:
        stop.go_on()
    report.animation(frames, settings.output, metadata, milliseconds=MILLISECONDS, most_bytes=MOST_BYTES)
    stop.go_on()
