"""Pairs of one's own pictures: every content like every style, made once, and laid on a sheet."""

from dataclasses import asdict
from pathlib import Path

from PIL.Image import Image
from torch import nn

from core.errors import UsageError
from core.files import is_damaged, is_there
from core.images import deprocess
from core.picture_files import shown
from drawing.files import describe
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.named_pictures import files_of, is_folder, open_named
from studies.shared.network import footer, open_network
from studies.shared.options import is_picture_path
from studies.shared.report import Report, counted
from studies.style.cost import cost
from studies.style.figure import draw_losses, draw_pairs
from studies.style.flags import PairSettings
from studies.style.paint import Pictures, decisive_settings, paint
from studies.style.results import SHEET, Cell, Painting, Pair

MILLISECONDS, MOST_BYTES = 120, 8_000_000  # of a GIF: how long a frame is shown, the whole


def paint_pairs(settings: PairSettings, report: Report) -> None:
    """Every content like every style, by the loop from coarse to fine and with relative weights."""
    pairs, several = list_pairs(settings, report), is_folder(settings.content) or is_folder(settings.style[0])
    paths = paths_of(pairs, several, settings.output)
    report.expect([*paths, *(settings.output / SHEET for _ in range(several))])
    report.expect([curves_beside(path) for path in paths if settings.curves])
    report.expect([path.with_suffix(".gif") for path in paths if settings.gif])
    model, settings = open_network(settings, report)
    tell(cost(settings), report.say, model)
    pictures = Pictures(next(model.parameters()))
    errors: list[UsageError] = []
    there, damaged, made = 0, 0, {}
    for pair, path in zip(pairs, paths, strict=True):
        decisive = decisive_settings(pair, settings)
        metadata = describe("style", decisive, model.weights_name)
        if several and not settings.fresh and is_there(path, metadata):
            there += 1
            made[pair] = path
            continue
        stop = Interruption()
        try:
            painting = paint(pair, settings, model, pictures, report, stop)
        except UsageError as error:
            if not several:
                raise
            if str(error) not in map(str, errors):  # a file that several pairs need is named once
                report.skip(error)
                errors.append(error)
            continue
        damaged += several and not settings.fresh and is_damaged(path)
        if painting.stopped:  # so that it is made again
            metadata = describe("style", decisive | {"stopped": painting.stopped}, model.weights_name)
        metadata["Losses"] = painting.losses
        report.picture(deprocess(painting.picture)[0], path, metadata)
        write_beside(pair, path, painting, metadata, settings, report)
        if painting.stopped:
            alone = "to go on from it, give it as --start, and where it stopped as --smallest"
            report.say("started again, it is made anew, and the finished ones are kept" if several else alone)
        stop.go_on()
        made[pair] = path
    if not made:
        raise errors[0]
    if several:
        if there:
            report.say(f"{there} of {len(pairs)} pictures were there already; --fresh makes them again")
        if damaged:
            report.say(f"damaged, and made again: {counted(damaged, 'picture')}")
        write_sheet(pairs, made, settings, model, report)


def list_pairs(settings: PairSettings, report: Report) -> list[Pair]:
    """All pairs asked for. Raises UsageError where flags do not go together."""
    contents, styles = files_of(settings.content, report.say), settings.style
    folders = [text for text in styles if is_folder(text)]
    if folders and len(styles) > 1:
        raise UsageError(f"style: '{folders[0]}' is a folder, a style each; give it alone, or give files to blend")
    groups = [(style,) for style in files_of(styles[0], report.say)] if folders else [styles]
    for flag, values in {"blend": settings.blend, "mask": settings.mask}.items():
        if values and len(values) != len(groups[0]):
            raise UsageError(f"{flag}: got {len(values)} for {len(groups[0])} styles; give one for each --style")
    if settings.blend and not any(settings.blend):
        raise UsageError("blend: all weights are 0; give at least one that is not")
    if (folders or is_folder(settings.content)) and (settings.gif or settings.curves):
        raise UsageError("gif, curves: they show how one picture came about; give files, not folders")
    return [Pair(content, group) for content in contents for group in groups]


def paths_of(pairs: list[Pair], several: bool, output: Path) -> list[Path]:
    """Where each pair goes: into the folder given, under its own name, or the file given.

    Raises UsageError where one picture would take the place of another.
    """
    paths = [output if is_picture_path(output) else output / pair.file_name for pair in pairs]
    for path in paths:
        if paths.count(path) > 1 or (several and is_picture_path(output)):
            raise UsageError(
                f"output: several pictures would be written to '{path}'; give a folder, and names that differ"
            )
    return paths


def write_beside(
    pair: Pair, path: Path, painting: Painting, metadata: dict[str, str], settings: PairSettings, report: Report
) -> None:
    """What was asked for besides the picture: its loss curves, its animation."""
    if settings.curves:
        report.picture(draw_losses(painting.steps, pair.title), curves_beside(path), metadata)
    if settings.gif:
        limits = {"milliseconds": MILLISECONDS, "most_bytes": MOST_BYTES}
        report.animation(painting.frames, path.with_suffix(".gif"), metadata, **limits)


def curves_beside(path: Path) -> Path:
    """Where the loss curves of a picture go."""
    return path.with_name(f"{path.stem}_losses.png")


def write_sheet(
    pairs: list[Pair], made: dict[Pair, Path], settings: PairSettings, model: nn.Module, report: Report
) -> None:
    """All pairs at one glance: contents down, styles across, the originals in the margins."""
    contents = list(dict.fromkeys(pair.content for pair in pairs))
    groups = list(dict.fromkeys(pair.styles for pair in pairs))

    def original(names: tuple[str, ...], folder: str, title: str) -> Cell:
        try:
            return Cell([open_named(name, folder) for name in names], title)
        except UsageError:
            return Cell([], title, "cannot be read")

    rows = [[Cell([]), *(original(group, "styles", Pair("", group).style_title) for group in groups)]]
    results: dict[Pair, Image] = {pair: open_named(str(path), "content") for pair, path in made.items()}
    for content in contents:
        row = [Pair(content, group) for group in groups]
        cells = [Cell([results[pair]]) if pair in results else Cell([], note="not made") for pair in row]
        rows.append([original((content,), "content", shown(Path(content).stem)), *cells])
    shape = next(iter(results.values())).size
    figure = draw_pairs(rows, shape, footer(model))
    metadata = describe("style", asdict(settings), model.weights_name)
    report.picture(figure, settings.output / SHEET, metadata)
