"""One image's maps while the network is randomised from the top: does the map follow the weights?"""

import itertools
import math
import textwrap
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from drawing.colours import blank_note, heat
from drawing.grid import Panel, draw_grid
from measures.sanity import cascading, explain_with_fallback, map_similarity
from studies.shared.network import short_name
from studies.shared.report import with_reason
from studies.trust.pictures import Chunk, Example
from studies.trust.rows import Row
from studies.trust.summary import RANK_CORRELATION

ORIGINAL = "original"
LETTERS = 16  # of a block's name over a panel


class NewMap(NamedTuple):
    """The map of a network, random down to a block."""

    block: str  # or ORIGINAL
    values: np.ndarray  # (H, W)
    correlation: float  # rank correlation with the original map
    reason: str  # why it is blank, in the technique's own words


def randomised_maps(row: Row, model: nn.Module, chunk: Chunk, seed: int) -> list[NewMap]:
    """The row's maps of a chunk of one image, from the original down."""
    explain = row.seeded(seed)
    found, original = [], None
    networks = cascading(model, torch.Generator().manual_seed(seed), chunk.images)
    for block, network in itertools.chain([(ORIGINAL, model)], networks):
        maps, _ = explain_with_fallback(explain, network, chunk.images, chunk.labels)
        original = maps if original is None else original
        reason = "" if maps.any() else with_reason(partial(explain, network, chunk.images, chunk.labels))[1]
        correlation = float(map_similarity(original, maps)[0, RANK_CORRELATION])
        found.append(NewMap(block, maps[0].cpu().numpy(), correlation, reason))
    return found


def draw_sanity(maps: Mapping[str, Sequence[NewMap]], example: Example, footer: str) -> np.ndarray:
    """{title: its maps} -> techniques down, blocks randomised from left to right; uint8 (H, W, 3)."""
    rows = []
    for place, found in enumerate(maps.values()):
        panels = [Panel(example.pixels, example.title if place == 0 else "")]
        panels += [panel_of(each, named=place == 0) for each in found]
        rows.append(panels)
    return draw_grid(
        rows,
        row_names=[textwrap.fill(title, 14) for title in maps],
        cell=1.3,
        title="Does the map follow the weights? Random from the classifier down to the block named",
        footer=f"numbers: rank correlation with the original map; {footer}",
    )


def panel_of(found: NewMap, *, named: bool) -> Panel:
    """A map with its rank correlation, below the block's name if it is `named`."""
    told = not math.isnan(found.correlation) and found.block != ORIGINAL
    words = f"{found.correlation:.2f}" if told else ""
    title = f"{short_name(found.block, LETTERS)}\n{words}".strip() if named else words
    return Panel(heat(found.values), title, blank_note(found.values, found.reason))
