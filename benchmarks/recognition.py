"""Are the embedded network's class visualizations recognisable? A second network, trained from another seed, judges.

Makes the picture of every class exactly as class_visualization.py does, and counts how often the judge names it
as the class asked for: the 8-bit picture as it is, and with its contrast stretched as the figure shows it.
Train the judge with: python -m patterns.train --seed 1 --output visualization/second.safetensors
"""

import sys
from pathlib import Path

from core.files import write_whole
from core.options import OUTPUT_FOLDER, Parser, progress, run_script, whole_number

CHUNK = 6  # classes at a time


def main(options) -> None:
    # After parsing, so that --help does not wait for torch.
    import numpy as np
    import torch

    from class_visualization import DEFAULTS, EMBEDDED, SETTINGS
    from core.figures import stretch
    from core.images import deprocess, preprocess
    from core.inputs import load_network, make_generator
    from core.squeezenet import load_squeezenet
    from patterns.examples import check_classes
    from patterns.scenes import CLASS_NAMES
    from visualizers.class_visualization import visualize_classes

    model, judge = load_network(options), load_squeezenet(options.judge, options.device)
    check_classes(model)
    check_classes(judge)
    settings = {name: (DEFAULTS | EMBEDDED)[name] for name in SETTINGS}
    rows, counts = [], np.zeros(2, dtype=int)
    for start in progress(range(0, len(CLASS_NAMES), CHUNK), desc="recognition", unit="chunk"):
        labels = list(range(start, min(start + CHUNK, len(CLASS_NAMES))))
        pictures = deprocess(visualize_classes(model, labels, generator=make_generator(options), **settings))
        stretched = [(255 * stretch(picture)).round().astype(np.uint8) for picture in pictures]
        with torch.no_grad():
            named = [judge(preprocess(kind)).argmax(dim=1).tolist() for kind in (list(pictures), stretched)]
        for label, plain, contrasted in zip(labels, *named, strict=True):
            counts += (plain == label, contrasted == label)
            rows.append(f"| {CLASS_NAMES[label]} | {CLASS_NAMES[plain]} | {CLASS_NAMES[contrasted]} |")
    head = "| class asked for | named as it is | named with its contrast stretched |\n| --- | --- | --- |\n"
    shares = ", ".join(f"{count} of {len(CLASS_NAMES)} ({count / len(CLASS_NAMES):.0%})" for count in counts)
    verdict = f"Named as the class asked for: {shares}, as it is and stretched; seed {options.seed}.\n"
    print("\n".join(rows) + f"\n{verdict}wrote {options.output}")
    write_whole(options.output, f"{head}{chr(10).join(rows)}\n\n{verdict}".encode())


def parser() -> Parser:
    result = Parser(prog="python -m benchmarks.recognition", description=__doc__)
    add = result.add_argument
    add("--judge", required=True, metavar="FILE", help="weights of the second network")
    add("--weights", default="patterns", metavar="FILE", help="weights of the network whose pictures are judged")
    add("--device", default="auto", choices=("auto", "cpu", "cuda", "mps"), help="where to compute")
    add("--seed", type=whole_number(0), default=0, metavar="N", help="start of all random numbers")
    path = OUTPUT_FOLDER / "recognition.md"
    add("--output", type=Path, default=path, metavar="PATH", help="the Markdown table to write")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
