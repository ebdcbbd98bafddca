"""A quick first look: which mistakes can explain a result at all, by a few numbers of each output.

What comes out of a mistake does not depend on the student, except where something climbs. So a few hundred numbers of
each possible result are kept, and a result is compared with all of them at once.
"""

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from course.cases import Case
from course.steps import Outputs

SAMPLES = 256  # numbers kept of each output
Shapes = tuple[tuple[str, tuple[int, ...]], ...]
_tables: WeakKeyDictionary[Case, dict[str, "Table"]] = WeakKeyDictionary()


def shapes_of(outputs: Outputs) -> Shapes:
    return tuple(sorted((name, np.shape(array)) for name, array in outputs.items()))


def sample(array: np.ndarray) -> np.ndarray:
    """At most SAMPLES numbers, evenly spread."""
    flat = np.asarray(array, dtype=np.float64).ravel()
    return flat[np.linspace(0, flat.size - 1, min(SAMPLES, flat.size)).astype(int)] if flat.size else flat


class Table:
    """The results that a list of candidates makes in one case; one that does not fit its shapes has none."""

    def __init__(self, wanted: Sequence[Outputs | None]) -> None:
        self.count = len(wanted)
        self.groups: dict[Shapes, tuple[np.ndarray, dict[str, np.ndarray]]] = {}
        places: dict[Shapes, list[int]] = {}
        for index, outputs in enumerate(wanted):
            if outputs is not None:
                places.setdefault(shapes_of(outputs), []).append(index)
        for shapes, indices in places.items():
            rows = {name: np.stack([sample(wanted[index][name]) for index in indices]) for name, _ in shapes}
            self.groups[shapes] = (np.array(indices), rows)

    def distances(self, outputs: Outputs) -> np.ndarray:
        """Of the outputs from every candidate's, (count,): relative, the largest over the outputs."""
        found = np.full(self.count, np.inf)
        for shapes, (indices, rows) in self.groups.items():
            if any(np.shape(outputs.get(name)) != shape for name, shape in shapes):
                continue
            worst = np.zeros(len(indices))
            for name, _ in shapes:
                errors = np.linalg.norm(rows[name] - sample(outputs[name]), axis=1)
                with np.errstate(invalid="ignore", divide="ignore"):
                    share = np.where(errors == 0, 0.0, errors / np.linalg.norm(rows[name], axis=1))
                worst = np.maximum(worst, np.where(np.isfinite(share), share, np.inf))
            found[indices] = worst
        return found


def table_of(case: Case, kind: str, make: Callable[[], Sequence[Outputs | None]]) -> Table:
    """The table of one case and one kind of candidates, made once."""
    tables = _tables.setdefault(case, {})
    if kind not in tables:
        tables[kind] = Table(make())
    return tables[kind]
