"""Renders the scenes, and draws them with and without the outlines of their masks."""

from drawing.colours import outline
from drawing.files import describe
from patterns.scenes import CLASS_NAMES, class_number, render_indexed
from studies.scenes.cost import cost
from studies.scenes.figure import Strip, contact_sheet
from studies.scenes.flags import Settings
from studies.shared.cost import tell
from studies.shared.report import Report


def run(settings: Settings, report: Report) -> None:
    """Both sheets, from the same scenes."""
    tell(cost(settings), report.say)
    plain, marked = [], []
    for name in report.progress(CLASS_NAMES, desc="scenes", unit="class"):
        title = f"{class_number(name)}  {name}"
        indices = range(settings.per_class)
        scenes = [render_indexed(name, seed=settings.seed, index=index, size=settings.size) for index in indices]
        plain.append(Strip(title, [scene.image for scene in scenes]))
        marked.append(Strip(title, [outline(scene.image, scene.mask) for scene in scenes]))
    decided = {name: getattr(settings, name) for name in ("size", "seed", "per_class")}
    metadata = describe("scenes", decided, "none")
    report.picture(contact_sheet(plain), settings.output, metadata)
    report.picture(contact_sheet(marked), settings.beside("_masks"), metadata)
