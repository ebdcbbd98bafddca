"""Compares images by the network's features and by their pixels, and draws who lies beside whom."""

from dataclasses import asdict

import numpy as np
import torch

from drawing.files import describe
from studies.embedding.collection import Collection, collect
from studies.embedding.cost import cost
from studies.embedding.figure import draw_map, draw_scatter
from studies.embedding.flags import TECHNIQUES, Settings
from studies.embedding.neighbours import Nearest, choose_queries, draw_neighbours
from studies.embedding.precision import Precision
from studies.shared.cost import tell
from studies.shared.network import open_network
from studies.shared.report import Report
from visualizers.image_map import grid_shape, place_on_grid
from visualizers.nearest_neighbours import nearest_neighbours


def run(settings: Settings, report: Report) -> None:
    """Collect the images, report how many neighbours are of one class, draw what is asked, a file each."""
    model, settings = open_network(settings, report)
    tell(cost(settings), report.say, model)
    images = collect(model, settings, report)
    if images is None:  # the first process draws
        return
    precision = Precision(images, settings, report)
    metadata = describe("embedding", asdict(settings), model.weights_name)
    for place, name in enumerate(settings.technique):
        figure = draw(name, images, precision, settings)
        report.picture(figure, settings.outputs[place], metadata)


def draw(name: str, images: Collection, precision: Precision, settings: Settings) -> np.ndarray:
    """One of the drawings, uint8 (H, W, 3)."""
    if name == "neighbours":
        queries = choose_queries(images, settings.seed)
        nearest = {
            space: Nearest(*nearest_neighbours(rows, precision.count, queries=queries), precision.share(space))
            for space, rows in images.spaces.items()
        }
        return draw_neighbours(images, queries.tolist(), **nearest, size=settings.size)
    if name == "map":
        return place_and_draw(images, precision, settings.size)
    planes = {space: precision.plane(name, space) for space in ("pixels", "features")}
    return draw_scatter(images, planes, title=TECHNIQUES[name], least_named=precision.least_named)


def place_and_draw(images: Collection, precision: Precision, size: int) -> np.ndarray:
    """The image map: every image in the cell that a linear assignment gives its place by t-SNE."""
    points = precision.plane("tsne", "features").points
    rows, columns = grid_shape(len(points))
    cells = place_on_grid(points, rows, columns)
    what = "image map, cells"
    precision.measure(what, torch.stack([cells % columns, cells // columns], dim=1))
    share = precision.share(what)
    words = f"; of the {precision.count} nearest cells {share}" if share else ""
    return draw_map(images, cells, rows, columns, size=size, words=words, named=precision.named(what))
