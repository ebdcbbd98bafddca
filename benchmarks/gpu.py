"""How fast is it on a GPU, and what error do its quicker types of numbers bring? In milliseconds, beside Captum.

Each work is done in float32, with TF32 (PyTorch's own choice for convolutions), by a network in bf16, and by Captum as
PyTorch comes. Each result is judged by the same work in float64 on the same GPU. Writes a table, Markdown and CSV.
Nothing else may run on the GPU meanwhile. `--device cpu` tries it out, where all but bf16 is plain float32.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from benchmarks.timing import summary, take_turns
from benchmarks.works import ITERATIONS, PATCH, STEPS, STRIDE, STYLE, WORKS, Setup
from core.defaults import PHOTOGRAPHS
from core.images import default_photograph, preprocess
from core.passes import scores_of
from core.squeezenet import choose_device
from drawing.tables import write_table
from measures.agreement import relative_difference
from painting.course_loop import style_objective, transfer_style
from studies.shared.options import Parser, number, run_script, whole_number
from studies.shared.progress import progress

MAPS = ("saliency", "guided backprop", "Grad-CAM", "four maps", "integrated gradients", "occlusion")
WITHOUT_ERROR = ("class visualization",)  # a long ascent is chaotic: two correct ways part after a few steps
ONE_BY_ONE = ("occlusion",)  # which takes so many times as long for so many pictures
STYLE_STEPS = 10
LONG = 2.0  # seconds that a call may take; what takes longer is timed once
PRECISIONS = {"float32": (torch.float32, False), "TF32": (torch.float32, True), "bf16": (torch.bfloat16, True)}
HEADER = (
    "work",
    "images x pixels",
    *(f"{name}, ms" for name in (*PRECISIONS, "Captum")),
    *(f"error of {name}" for name in (*PRECISIONS, "Captum")),
    "memory, MiB",
)


class Row(NamedTuple):
    """A work of a size."""

    work: str
    count: int
    size: int


def rows_of(counts: Sequence[int], sizes: Sequence[int], only: Sequence[str] | None) -> list[Row]:
    """All works, each of several numbers of pictures, and one step of a style transfer at several sizes."""
    works = ("scores", *MAPS, *WITHOUT_ERROR)
    rows = [Row(work, count, 224) for work in works for count in (counts[:1] if work in ONE_BY_ONE else counts)]
    rows += [Row("style step", 1, size) for size in sizes]
    return [row for row in rows if not only or row.work in only]


@cache
def photographs(count: int, side: int = 224) -> Tensor:
    """Crops of the five photographs, each of them another one: (count, 3, side, side), in the network's units."""
    crops = []
    for index in range(count):
        picture = default_photograph(PHOTOGRAPHS[index % len(PHOTOGRAPHS)])
        edge = min(picture.size) - 4 * (index // len(PHOTOGRAPHS))
        crops.append(picture.crop((0, 0, edge, edge)).resize((side, side)))
    return preprocess(crops)


def setup_of(row: Row, dtype: torch.dtype, options) -> Setup:
    """The networks, in their type, and the pictures, at least in float32, on the device."""
    setup = Setup(row.count, row.size, options.weights, options.device)
    setup.ours = setup.ours.to(dtype)
    if row.work != "style step":
        setup.images = photographs(row.count).to(options.device, torch.promote_types(dtype, torch.float32))
    return setup


@contextmanager
def tensor_floats(allowed: bool) -> Iterator[None]:
    """Within the block, convolutions and products of float32 may be rounded to TF32, or may not."""
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    try:
        torch.backends.cudnn.allow_tf32 = allowed
        torch.set_float32_matmul_precision("high" if allowed else "highest")
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])


def work_of(row: Row, who: str, setup: Setup) -> Callable[[], object]:
    """What is timed."""
    if row.work == "scores":
        return torch.no_grad()(lambda: scores_of(setup.ours, setup.images).gather(1, setup.labels[:, None]))
    if row.work == "style step":
        content, style = (each.to(next(setup.ours.parameters()).dtype) for each in setup.pictures)
        objective = style_objective(content, style, setup.ours.features, **STYLE)
        return partial(transfer_style, content, objective, iterations=STYLE_STEPS)
    return partial(WORKS[row.work][who], setup)


def judged(row: Row, result: object, work: Callable[[], object]) -> tuple[Tensor, ...]:
    """The tensors, each (N, ...), whose error counts: of a style step, the gradient of its loss where it starts."""
    if row.work == "style step":
        start, objective = work.args[0].detach().clone().requires_grad_(True), work.args[1]
        return torch.autograd.grad(objective(start), start)
    return (result,) if isinstance(result, Tensor) else tuple(result)


def error(results: tuple[Tensor, ...], exact: tuple[Tensor, ...]) -> str:
    """Median and largest over the images, and over several maps, of ||result - exact|| / ||exact||, in words."""
    pairs = zip(results, exact, strict=True)
    # Captum's coarse map is another size than ours.
    pairs = [(one.detach().double(), two) for one, two in pairs if one.shape == two.shape]
    each = torch.cat([relative_difference(one, two) for one, two in pairs])
    return f"{float(each.median()):.0e}, {float(each.max()):.0e}"


def measure(row: Row, options) -> list[str]:
    """Every precision and Captum in turn. Where the memory does not suffice, it says so."""
    reference = setup_of(row, torch.float64, options)
    exact = None
    if row.work not in WITHOUT_ERROR:
        work = work_of(row, "ours", reference)
        exact = judged(row, work(), work)
    works, memory, errors, spent, longest = {}, {}, {}, {}, 0.0
    for name in (*PRECISIONS, *(("Captum",) if row.work in MAPS else ())):
        dtype, allowed = PRECISIONS.get(name, (torch.float32, torch.backends.cudnn.allow_tf32))
        setup = setup_of(row, dtype, options)
        setup.labels = reference.labels if row.work != "style step" else None
        work = work_of(row, name if name == "Captum" else "ours", setup)
        works[name] = tensor_floats(allowed)(work)
        begun = time.perf_counter()
        try:
            memory[name], result = peak(works[name], options.device)
        except torch.OutOfMemoryError:
            spent[name] = "out of memory"
            del works[name]
            torch.cuda.empty_cache()
            continue
        longest = max(longest, time.perf_counter() - begun)
        if exact is not None:
            with tensor_floats(allowed):
                errors[name] = error(judged(row, result, work), exact)
    steps = STYLE_STEPS if row.work == "style step" else 1
    least = 1 if longest > LONG else options.rounds
    for name, (_, seconds) in take_turns(works, budget=options.budget, least=least, most=50).items():
        middle, least, largest = (1000 * value / steps for value in summary(seconds))
        spent[name] = f"{middle:.3g} ({least:.3g} to {largest:.3g})"
    names = (*PRECISIONS, "Captum")
    held = ", ".join(f"{memory[name]:.0f}" for name in ("float32", "Captum") if memory.get(name))
    return [
        row.work,
        f"{row.count} x {row.size}",
        *(spent.get(name, "") for name in names),
        *(errors.get(name, "") for name in names),
        held,
    ]


def peak(work: Callable[[], object], device: torch.device) -> tuple[float, object]:
    """Memory of the GPU that a call takes above what is held before it, in MiB, and what the call returned."""
    if device.type != "cuda":
        return 0.0, work()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    result = work()
    return (torch.cuda.max_memory_allocated() - before) / 2**20, result


def main(options) -> None:

    options.device = choose_device(options.device)
    cuda = options.device.type == "cuda"
    usual = f"cudnn.allow_tf32 {torch.backends.cudnn.allow_tf32}, products {torch.get_float32_matmul_precision()}"
    rows = rows_of(options.counts, options.sizes, options.only)
    lines = [measure(row, options) for row in progress(rows, desc="gpu", unit="row")]
    note = (
        f"{torch.cuda.get_device_name() if cuda else 'CPU'}, torch {torch.__version__}. Milliseconds: medians of "
        "rounds taken in turn in one process, with the least and the largest. Error: median and largest over the "
        "images of ||result - exact|| / ||exact||, exact being the same work in float64 on the same device; of a style "
        "step, of the gradient of its loss. Memory: peak above the start, float32 and Captum's. As PyTorch comes: "
        f"{usual}; Captum runs so. Integrated gradients: {STEPS} nodes; occlusion: windows of {PATCH} pixels, {STRIDE} "
        f"apart; class visualization: {ITERATIONS} iterations."
    )
    write_table(options.output, HEADER, lines, note)


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.gpu", description=__doc__)
    add = result.add_argument
    add("--only", nargs="+", metavar="WORK", help="only these works, e.g. saliency 'style step'")
    add("--counts", nargs="+", type=whole_number(1, 1000), default=(1, 25, 100), metavar="N", help="pictures at once")
    add("--sizes", nargs="*", type=whole_number(64, 4096), default=(192, 512, 1024), metavar="PIXELS", help="of style")
    add("--rounds", type=whole_number(1, 100), default=3, metavar="N", help="least number of rounds")
    add("--budget", type=number(0, 3600), default=2.0, metavar="SECONDS", help="time for the rounds of one work")
    add("--device", default="cuda", choices=("cuda", "cpu"), help="where to compute; cpu only to try it out")
    add("--weights", default=os.environ.get("SQUEEZENET_WEIGHTS", "auto"), metavar="FILE", help="as for the studies")
    path = Path("visualization/gpu.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
