"""Where does the time of one work go? torch's own profile of ours, the costliest operators first.

Writes a table (Markdown and CSV). `python -m benchmarks.profile "class visualization"` is the work that is furthest
from its goal.
"""

import os
import sys
from pathlib import Path

from torch.profiler import ProfilerActivity, profile

from benchmarks.works import WORKS, Setup
from core.errors import UsageError
from drawing.tables import write_table
from studies.shared.options import Parser, run_script, whole_number

HEADER = ("operator", "calls", "ms", "share")
SHOWN = 14  # operators; the others are summed
MEANING = {
    "aten::convolution_backward": "gradients of convolutions",
    "aten::mkldnn_convolution": "convolutions by oneDNN",
    "aten::_slow_conv2d_forward": "convolutions by patches and a matrix product: torch's choice for one small image",
    "aten::_slow_conv2d_backward": "their gradients",
    "aten::threshold_backward": "gradients of ReLUs",
    "aten::bmm": "matrix products of Gram matrices",
}


def main(options) -> int:

    if options.work not in WORKS:
        raise UsageError(f"work: '{options.work}' is unknown; allowed are {', '.join(WORKS)}")
    setup = Setup(options.count, options.size, options.weights, style_steps=20)
    work = WORKS[options.work]["ours"]
    work(setup)
    with profile(activities=[ProfilerActivity.CPU]) as measured:
        work(setup)
    operators = sorted(measured.key_averages(), key=lambda each: -each.self_cpu_time_total)
    total = sum(each.self_cpu_time_total for each in operators)
    rows = [[words(each.key), each.count, each.self_cpu_time_total] for each in operators[:SHOWN]]
    rest = operators[SHOWN:]
    rows.append(["all others", sum(each.count for each in rest), sum(each.self_cpu_time_total for each in rest)])
    text = [[name, f"{calls}", f"{time / 1000:.1f}", f"{time / total:.1%}"] for name, calls, time in rows]
    note = f"{options.work}, {options.count} x {options.size} pixels, {total / 1000:.0f} ms within torch's operators."
    write_table(options.output, HEADER, text, note)
    return 0


def words(operator: str) -> str:
    """The operator's name, and what it does here."""
    return f"`{operator}`" + (f" ({MEANING[operator]})" if operator in MEANING else "")


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.profile", description=__doc__)
    add = result.add_argument
    add("work", nargs="?", default="class visualization", help="such as 'saliency' (default: %(default)s)")
    add("--count", type=whole_number(1, 1000), default=1, metavar="N", help="pictures")
    add("--size", type=whole_number(64, 4096), default=224, metavar="PIXELS", help="side of a picture")
    add("--weights", default=os.environ.get("SQUEEZENET_WEIGHTS", "auto"), metavar="FILE", help="as for the scripts")
    path = Path("visualization/profile.md")
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table; the CSV lies beside it")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser(), keep_memory=False))
