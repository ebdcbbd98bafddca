"""How fast is it, beside Captum, pytorch-grad-cam and the course's plain loops? The same work, in turn, in one process.

Writes a table (Markdown and CSV) of medians, ranges, ratios and peak memory, and a picture of the ratios;
`python -m benchmarks.docs` puts the table into docs/how_fast.md. pytorch-grad-cam is optional: pip install -r
requirements-bench.txt. Nothing else may run meanwhile: two programs on the same cores slow each other by more than
any of these ratios.
"""

import os
import platform
import sys
from importlib.util import find_spec
from pathlib import Path

import torch

from benchmarks.memory import measure
from benchmarks.speed_table import CSV_HEADER, HEADER, Line, Row, as_numbers, as_text, draw
from benchmarks.timing import convolution_rate, operations_of, summary, take_turns
from benchmarks.waits import PHOTOGRAPHS_OF_THE_FOLDER, WAITS, measure_waits
from benchmarks.works import WORKS, Setup
from core.errors import UsageError
from drawing.tables import write_csv, write_markdown
from measures.agreement import relative_difference
from studies.shared.memory import keep_freed_memory
from studies.shared.options import Parser, number, run_script, whole_number
from studies.shared.progress import progress
from visualizers.gradcam import scale_each

SAME = "Captum, our network"
RESNET = "resnet18"


ROWS = (
    *(Row("saliency", n, 224, {"Captum": goal}, n == 25) for n, goal in ((1, 1.6), (5, 1.7), (25, 1.7))),
    *(Row("guided backprop", n, 224, {"Captum": goal}) for n, goal in ((1, 1.6), (5, 1.7), (25, 1.7))),
    *(
        Row("Grad-CAM", n, 224, {"Captum": goal, "pytorch-grad-cam": 4}, n == 25)
        for n, goal in ((1, 2.2), (5, 2.5), (25, 2.5))
    ),
    Row("four maps", 1, 224, {"Captum": 4}),
    Row("integrated gradients", 5, 224, {"Captum": 4}, True),
    Row("occlusion", 1, 224, {"Captum": 8}, True),
    *(Row("class visualization", n, 224, {"plain loop": 1.8}) for n in (1, 5)),
    Row("fooling", 5, 224, {"plain loop": 1.8}),
    Row("style transfer", 1, 192, {"plain loop": 1.5}),
    Row("style transfer", 1, 512, {"plain loop": 1.5}, True),
    Row("style transfer to the loss", 1, 192, {"plain loop": 15}),
    *(Row(work, n, 224, {}, network=RESNET) for work in ("saliency", "guided backprop", "Grad-CAM") for n in (1, 25)),
)


def main(options) -> int:

    known = (*WORKS, *WAITS, RESNET)
    if unknown := set(options.only or ()) - set(known):
        raise UsageError(f"only: no work is called '{min(unknown)}'; allowed are {', '.join(known)}")
    rows = [row for row in ROWS if not options.only or {row.work, row.network} & set(options.only)]
    if options.keep_memory:
        keep_freed_memory()
    lines, rate = [], 0.0
    for row in progress(rows, desc="speed", unit="row"):
        rate = max(rate, convolution_rate())  # measured before each row: the best rate of the run
        lines += measure_row(row, options)
    others = measure_waits([name for name in WAITS if not options.only or name in options.only], options)
    lines = [line._replace(share=line.share / rate if rate else 0.0) for line in lines]
    cores = f"{torch.get_num_threads()} threads, {platform.machine()}, {platform.system()}"
    memory = "freed memory kept" if options.keep_memory else "freed memory as the C library likes it"
    shares = [line.share for line in lines if line.share]
    note = (
        f"Medians of rounds taken in turn in one process, with the least and the largest; {cores}, torch "
        f"{torch.__version__.split('+')[0]}, {memory}. Captum and pytorch-grad-cam work on the network as "
        "torchvision gives it, the plain loops on the same, frozen; the ratio "
        "on our network is what remains if Captum gets ours, channels last and frozen. Difference: median and largest "
        "over the images of ||ours - theirs|| / ||theirs||; for occlusion the largest difference over the largest "
        "drop. Memory: peak above the start, ours and theirs, each in a process of its own; of a whole command, all "
        "that it held. ResNet-18 has random weights, which take as long. The machine's best "
        f"convolution rate in the same run: {rate / 1e9:.0f} GFLOP/s"
    )
    note += f"; ours works at {min(shares):.0%} to {max(shares):.0%} of it." if shares else "."
    same = {line.row: line.ratio for line in lines if line.peer == SAME}
    rows_of_text = [as_text(line, same.get(line.row)) for line in lines if line.peer != SAME] + others
    write_markdown(options.output, HEADER, rows_of_text, note)
    print(f"wrote {write_csv(options.output, CSV_HEADER, [as_numbers(line) for line in lines])}")
    if lines:
        print(f"wrote {draw(lines, options.output.with_suffix('.png'))}")
    missed = [
        f"{line.row.name} x{line.row.count} beside {line.peer}" for line in lines if (line.goal or 0) > line.ratio
    ]
    print(f"goals missed: {'; '.join(missed) or 'none'}")
    return 0


def measure_row(row: Row, options) -> list[Line]:
    """Let all implementations do one work in turn."""

    setup = Setup(row.count, row.size, options.weights, network=row.network)
    implementations = {
        implementation: lambda work=work: work(setup)
        for implementation, work in WORKS[row.work].items()
        if implementation != "pytorch-grad-cam" or find_spec("pytorch_grad_cam")
    }
    taken = take_turns(implementations, budget=options.budget, least=options.rounds, most=25)
    operations = operations_of(implementations["ours"])
    ours = summary(taken["ours"][1])
    memory = {}
    if row.memory:
        for implementation in ("ours", *row.goals):
            if implementation in implementations:
                memory[implementation] = measure(
                    row.work,
                    implementation,
                    count=row.count,
                    size=row.size,
                    weights=options.weights,
                    keep_memory=options.keep_memory,
                )
    lines = []
    for peer in [implementation for implementation in implementations if implementation != "ours"]:
        theirs = summary(taken[peer][1])
        lines.append(
            Line(
                row,
                peer,
                ours,
                theirs,
                theirs[0] / ours[0],
                row.goals.get(peer),
                agreement(row.work, taken["ours"][0], taken[peer][0], peer),
                operations / ours[0],
                (memory["ours"], memory[peer]) if peer in memory else None,
            )
        )
    return lines


def agreement(work: str, ours, theirs, peer: str) -> str:
    """How far two implementations' results are apart, in words."""

    if isinstance(ours, float):
        return f"loss {ours:.0f}, theirs {theirs:.0f}"
    if work in {"class visualization", "fooling"}:
        return ""  # long ascents are chaotic: two correct ways part after a few steps
    if peer == "pytorch-grad-cam":  # it returns maps scaled to [0, 1]
        ours = scale_each(ours)
    if work == "occlusion":
        return f"{float((ours - theirs).abs().max() / theirs.abs().max()):.1e}"
    pairs = zip(ours, theirs, strict=True) if work == "four maps" else [(ours, theirs)]
    each = []
    for mine, other in pairs:
        if mine.shape == other.shape:  # Grad-CAM of the four is coarse here, and scaled up there
            each.append(relative_difference(mine, other.detach()))
    values = torch.cat(each)
    return f"{float(values.median()):.0e}, {float(values.max()):.0e}"


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.speed", description=__doc__)
    add = result.add_argument
    add("--only", nargs="+", metavar="WORK", help="only these works, e.g. saliency 'Grad-CAM' resnet18 folder start")
    add("--rounds", type=whole_number(1, 100), default=3, metavar="N", help="least number of rounds")
    add("--budget", type=number(0, 3600), default=10.0, metavar="SECONDS", help="time for the rounds of one work")
    add("--folder-rounds", type=whole_number(1, 100), default=1, metavar="N", help="rounds of the folder of pictures")
    pictures = "how many the folder has"
    add("--pictures", type=whole_number(1, 10_000), default=PHOTOGRAPHS_OF_THE_FOLDER, metavar="N", help=pictures)
    add("--weights", default=os.environ.get("SQUEEZENET_WEIGHTS", "auto"), metavar="FILE", help="as for the scripts")
    path = Path("visualization/speed.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; CSV and PNG lie beside it")
    add("--keep-memory", action="store_true", help="every implementation keeps freed memory, as in our scripts")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser(), keep_memory=False))
