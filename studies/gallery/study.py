"""Collects the figures that docs/gallery.md names, with their commands, and writes the page."""

import re
from collections.abc import Iterator

from PIL import Image

from core.defaults import ROOT
from core.errors import WorkError
from core.files import write_whole
from core.images import load_image
from studies.gallery.cost import cost
from studies.gallery.figure import Exhibit, draw
from studies.gallery.flags import Settings
from studies.shared.cost import tell
from studies.shared.report import Report
from studies.shared.runner import flags_of

FOLDER, PAGE = ROOT / "visualization" / "gallery", ROOT / "docs" / "gallery.md"
COMMAND = re.compile(r"^python -m studies (?P<study>\w+)[^\n#]*?--output (?P<path>\S+)[^\n]*$", re.MULTILINE)
NOTE = "Each figure answers one question, and the command below it makes it again."


def run(settings: Settings, report: Report) -> None:
    """Read the figures, draw the page."""
    tell(cost(settings), report.say)
    page, count = draw(exhibits(settings.width, report), NOTE)
    if not count:
        raise WorkError(f"gallery: no figure that '{PAGE.name}' names lies in '{FOLDER}'; get the project again")
    report.say(f"wrote {write_whole(settings.output, page)}, {count} figures, {len(page) / 1e6:.1f} MB")


def exhibits(width: int, report: Report) -> Iterator[Exhibit]:
    """The figures in the order of the page that tells how they were made, at most so many pixels wide."""
    commands = list(COMMAND.finditer(PAGE.read_text(encoding="utf-8")))
    for command in report.progress(commands, desc="figures", unit="figure"):
        name = command["path"].rpartition("/")[2].partition(".")[0]
        path = next((path for path in FOLDER.glob(f"{name}.*")), None)
        if path is None:
            continue
        picture = load_image(path)
        if picture.width > width:
            height = max(1, round(picture.height * width / picture.width))
            picture = picture.resize((width, height), Image.Resampling.LANCZOS)
        line = command[0].partition("   #")[0].strip()
        yield Exhibit(name, flags_of(command["study"]).QUESTION, line, picture)
