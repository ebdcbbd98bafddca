"""An image map: every image in a cell of its own, images alike side by side.

Points drawn at their t-SNE places would hide one another. So each point i gets its own cell of a grid, such that all
together move as little as can be, a linear assignment (Kuhn, 1955; Jonker and Volgenant, 1987):

    minimise  sum over i of || point_i - centre of cell(i) ||^2,      cell(i) all different

Solving it takes time with the cube of the number of cells, more where the points lie in clumps: seconds for 2000 cells,
minutes for 4000. So larger maps are cut in halves first, points and cells alike, across the longer side, until a piece
has at most EXACT cells; each piece is then solved exactly: seconds for 10 000. Such a map is a little less than
optimal along the cuts.
"""

import math

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist
from torch import Tensor

from core.errors import UsageError

EXACT = 2500


def grid_shape(count: int, *, width_to_height: float = 1.5) -> tuple[int, int]:
    """(rows, columns) of about that shape with at least `count` cells, few of them empty."""
    widest = math.sqrt(count * width_to_height)
    near = range(max(1, round(widest * 0.8)), math.ceil(widest * 1.2) + 1)
    # Being a fifth off the shape is as bad as a hundredth of the cells empty.
    columns = min(near, key=lambda columns: -count % columns + count * abs(columns / widest - 1) / 20)
    return math.ceil(count / columns), columns


def place_on_grid(points: Tensor, rows: int, columns: int) -> Tensor:
    """points (N, 2), x to the right and y up -> the cell of each, (N,), counted along rows from the upper left.

    The points are stretched to fill the grid. Raises UsageError where there are fewer cells than points.
    """
    if len(points) > rows * columns:
        raise UsageError(f"grid: {rows} x {columns} cells for {len(points)} images; each needs a cell of its own")
    low, high = points.amin(dim=0), points.amax(dim=0)
    spread = torch.where(high > low, high - low, 1)  # all on one line: left there
    across, up = ((points - low) / spread).double().unbind(dim=1)
    places = torch.stack([across * columns, (1 - up) * rows], dim=1).numpy()
    down, right = np.divmod(np.arange(rows * columns), columns)
    centres = np.stack([right + 0.5, down + 0.5], axis=1)
    return torch.from_numpy(_assign(places, centres))


def _assign(points: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The cell of each point, (N,): points (N, 2), cells (M, 2), M >= N."""
    if len(cells) <= EXACT:
        return linear_sum_assignment(cdist(points, cells, "sqeuclidean"))[1]
    axis = int(np.ptp(cells, axis=0).argmax())
    by_cell, by_point = (np.argsort(each[:, axis], kind="stable") for each in (cells, points))
    half = len(cells) // 2
    share = len(points) * half // len(cells)  # no half gets more points than it has cells
    result = np.empty(len(points), dtype=np.int64)
    for few, room in ((by_point[:share], by_cell[:half]), (by_point[share:], by_cell[half:])):
        result[few] = room[_assign(points[few], cells[room])]
    return result
