"""Makes one figure for each setting asked for."""

from dataclasses import asdict

from drawing.files import describe
from studies.shared.cost import tell
from studies.shared.network import footer, open_network
from studies.shared.report import Report
from studies.tradeoffs.cost import cost
from studies.tradeoffs.figure import draw
from studies.tradeoffs.flags import Settings
from studies.tradeoffs.painter import Painter
from studies.tradeoffs.sweeps import FIGURES


def run(settings: Settings, report: Report) -> None:
    """Paint the pictures of each figure, and draw it before the next is begun."""
    model, settings = open_network(settings, report)
    tell(cost(settings), report.say, model)
    for name in settings.figure:
        figure = FIGURES[name]
        with report.progress(total=figure.pictures, desc=name, unit="picture") as bar:
            rows = figure.paint(Painter(model, settings, bar))
        metadata = describe("tradeoffs", asdict(settings) | {"figure": name}, model.weights_name)
        report.picture(draw(rows, title=figure.title, footer=footer(model)), settings.path_of(name), metadata)
