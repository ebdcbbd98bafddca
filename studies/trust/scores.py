"""The jobs: each row's scores on a few images at a time, kept in files: an interrupted run goes on where it stopped."""

import hashlib
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from core.defaults import ROOT
from core.files import write_whole
from core.kept import NoFile, Unreadable, as_json, read_json
from core.sharing import company
from measures.scorecard import score_maps
from studies.shared.options import OUTPUT_FOLDER
from studies.shared.report import Report
from studies.trust.pictures import CHUNK, Chunk, Pictures
from studies.trust.rows import Row

CACHE = OUTPUT_FOLDER / "trust_cache"
FOLDERS = ("core", "measures", "visualizers")  # whose code makes the scores, beside this study's rows and jobs
# Modules of these folders that make none.
NO_SCORES = {"agreement", "captum_reference", "files", "kept", "named_files", "shards", "sharing"}
KIND, VERSION = "trust scores", 1  # of the files

Scores = Mapping[str, np.ndarray]  # {what: one score or several an image, images first}


class Checks(NamedTuple):
    """How thoroughly the maps are checked."""

    seed: int
    checked: int  # so many images with each block random
    draws: int  # random networks of each kind
    stages: int  # of deletion and insertion
    noise: float  # standard deviation, in normalised units


class Networks(NamedTuple):
    """The network, and one that was trained on random labels."""

    model: nn.Module
    randomly_labelled: nn.Module | None


def score_all(
    rows: Mapping[str, Row], networks: Networks, pictures: Pictures, checks: Checks, report: Report
) -> dict[str, Scores]:
    """{title: scores} of every row, from the files where they hold them.

    Several processes share the rows' scores on the chunks, so that a slow row falls to each in turn; what each makes
    lies in the files, where the first then finds it. In the others nothing comes back.
    """
    there = company()
    jobs = [(number, title) for number in range(len(pictures.chunks)) for title in rows]
    if there.size > 1:
        mine = [job for place, job in enumerate(jobs) if (place + job[0]) % there.size == there.rank]
        keep_scores(mine, rows, networks, pictures, checks, report, desc=there.of_all("trust"))
        there.gather()
        if not there.leads:
            return {}
    return keep_scores(jobs, rows, networks, pictures, checks, report, desc="trust")


def keep_scores(
    jobs: Sequence[tuple[int, str]],
    rows: Mapping[str, Row],
    networks: Networks,
    pictures: Pictures,
    checks: Checks,
    report: Report,
    *,
    desc: str,
) -> dict[str, Scores]:
    """{title: scores} of these jobs, (number of a chunk, title of a row): from the files, or made and kept there."""
    gathered: dict[str, list[dict]] = {}
    estimated, damaged = set(), 0
    total = sum(min(CHUNK, pictures.count - CHUNK * number) for number, _ in jobs)
    with report.progress(total=total, desc=desc, unit="map") as bar:
        for number, of_chunk in groupby(jobs, key=itemgetter(0)):
            chunk = pictures.chunks[number]()
            for _, title in of_chunk:
                row = rows[title]
                path = cache_path(row, networks, chunk, checks)
                bar.set_postfix_str(title)
                found, damage = read_scores(path, shapes_of(row, networks, chunk, checks))
                damaged += bool(damage)
                if found is None:
                    began = time.perf_counter()
                    found = score_chunk(row, networks, chunk, checks)
                    content = without_nan(found)
                    write_whole(path, as_json(content, kind=KIND, version=VERSION))
                    seconds = (time.perf_counter() - began) / len(chunk.labels)
                    if title not in estimated and company().leads:
                        estimated.add(title)
                        minutes = seconds * pictures.count / 60
                        words = f"{seconds:.2g} s an image, about {minutes:.1f} minutes for {pictures.count}"
                        bar.write(f"{title}: {words}")
                gathered.setdefault(title, []).append(
                    {key: np.array(value, dtype=float) for key, value in found.items()}
                )
                bar.update(len(chunk.labels))
    if damaged:
        report.say(
            f"{damaged} of the files in {CACHE} were damaged or of another version; their scores were made again"
        )
    return {title: joined(parts) for title, parts in gathered.items()}


def read_scores(path: Path, shapes: Mapping[str, tuple[int | str, ...]]) -> tuple[dict[str, list] | None, str]:
    """The scores in a file, None if they are to be made; and what is wrong with the file, nothing if it is not there.

    shapes: of each score, as `shapes_of` gives them.
    """
    try:
        content = read_json(path, kind=KIND, version=VERSION)
    except NoFile as error:
        return None, "" if not os.path.lexists(path) else str(error)
    except Unreadable as error:
        return None, str(error)
    if not isinstance(content, dict) or content.keys() != shapes.keys():
        return None, "holds other scores"
    sizes: dict[str, int] = {}
    fits = all(has_shape(content[name], shape, sizes) for name, shape in shapes.items())
    return (content, "") if fits else (None, "holds scores of another shape")


def shapes_of(row: Row, networks: Networks, chunk: Chunk, checks: Checks) -> dict[str, tuple[int | str, ...]]:
    """The shape of each score that `score_chunk` gives; a length that follows from the network has a name."""
    count, each_block, draws = len(chunk.labels), chunk.first < checks.checked, checks.draws
    fully = each_block or not row.slow
    shapes: dict[str, tuple[int | str, ...]] = {}
    for kind in ("all_random", *(("cascading", "block_by_block") if each_block else ())) if fully else ():
        shapes[kind] = (count, draws, kind, 2)
        shapes[f"{kind} floor"] = shapes[f"{kind} before last ReLU"] = (count, draws, kind)
    shapes["deletion"] = shapes["insertion"] = (count, checks.stages + 1)
    if fully:
        shapes["stability"] = (count,)
    if chunk.masks is not None:
        shapes["localisation"] = (count, 3)
    if fully and networks.randomly_labelled is not None:
        shapes |= {"labels": (count, 2), "labels floor": (count,)}
    return shapes


def has_shape(values: Any, shape: Sequence[int | str], sizes: dict[str, int]) -> bool:
    """Whether values are numbers or None in lists of this shape. sizes: the lengths that have names, as first met."""
    if not shape:
        return values is None or type(values) in (int, float, bool)
    if not isinstance(values, list):
        return False
    length = sizes.setdefault(shape[0], len(values)) if isinstance(shape[0], str) else shape[0]
    return len(values) == length > 0 and all(has_shape(each, shape[1:], sizes) for each in values)


def without_nan(values: Any) -> Any:
    """None for what is not a number, the score of a blank map, which JSON cannot hold."""
    if isinstance(values, dict):
        return {name: without_nan(each) for name, each in values.items()}
    if isinstance(values, list):
        return [without_nan(each) for each in values]
    return None if isinstance(values, float) and math.isnan(values) else values


def joined(parts: list[dict[str, np.ndarray]]) -> Scores:
    """The chunks' scores one after the other; those that only the first chunks have end sooner."""
    return {key: np.concatenate([part[key] for part in parts if key in part]) for key in parts[0]}


def score_chunk(row: Row, networks: Networks, chunk: Chunk, checks: Checks) -> dict[str, list]:
    """All scores of one row on a few images, as lists, images first."""
    seed = checks.seed + chunk.first
    each_block = chunk.first < checks.checked
    fully = each_block or not row.slow
    scores = score_maps(
        row.seeded(seed),
        networks.model,
        chunk.images,
        chunk.labels,
        masks=chunk.masks,
        randomly_labelled=networks.randomly_labelled if fully else None,
        checked=fully,
        each_block=each_block,
        draws=checks.draws,
        stages=checks.stages,
        noise=checks.noise,
        generator=torch.Generator().manual_seed(seed),
    )
    return {name: values.tolist() for name, values in scores.items()}


def cache_path(row: Row, networks: Networks, chunk: Chunk, checks: Checks) -> Path:
    """Where the scores of a chunk lie: a name that changes with all they depend on, the source code included."""
    numbers = [*checks._replace(seed=checks.seed + chunk.first, checked=chunk.first < checks.checked)]
    asked = [None if network is None else [network.model_name, network.weights_name] for network in networks]
    facts = [row.identity, numbers, asked, chunk.images.device.type, torch.__version__, code_hash()]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for tensor in (chunk.images, chunk.labels, chunk.masks):
        digest.update(b"" if tensor is None else tensor.cpu().contiguous().numpy().tobytes())
    return CACHE / f"{row.title.replace(' ', '_')}_{digest.hexdigest()[:16]}.json"


@cache
def code_hash() -> str:
    """A hash of the code that makes the scores."""
    here = Path(__file__)
    files = [
        here,
        here.with_name("rows.py"),
        *(file for name in FOLDERS for file in sorted((ROOT / name).glob("*.py"))),
    ]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.stem not in NO_SCORES)).hexdigest()
