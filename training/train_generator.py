"""Train the generator that draws scenes from their codes, on freshly rendered scenes, on a CPU.

Writes visualization/generator.safetensors (half precision, with its recipe inside) and beside it a picture of the
learning curve. A checkpoint lies beside them while it trains: started again with the same flags, a training goes
on from there.
"""

import sys
from pathlib import Path

from studies.shared.options import OUTPUT_FOLDER, Parser, number, run_script, whole_number
from training.train import INTERRUPTED, train_to_file

STEPS = 800
NAME = "generator"


def main(options) -> int:
    import torch

    from patterns.scenes import CLASS_NAMES
    from training.generator_training import GeneratorRecipe, GeneratorTraining

    torch.set_flush_denormal(True)
    recipe = GeneratorRecipe(
        steps=options.steps,
        seed=options.seed,
        classes=tuple(range(len(CLASS_NAMES))),
        learning_rate=options.learning_rate,
        half_precision=options.precision == "bfloat16",
    )
    output = options.output
    try:
        training = train_to_file(recipe, output, workers=options.workers, fresh=options.fresh, kind=GeneratorTraining)
    except KeyboardInterrupt:  # train_to_file has said what is left
        return INTERRUPTED
    curve = output.with_name(f"{output.stem}_learning_curve.png")
    draw_learning_curve(training, curve)
    minutes, share = training.seconds / 60, training.accuracies[-1][1]
    print(f"{recipe.steps} steps in {minutes:.1f} minutes; {share:.1%} of the held-out scenes named when drawn again")
    print(f"wrote {output} and {curve}")
    return 0


def draw_learning_curve(training, path: Path) -> None:
    """Both losses and the share of held-out scenes named against steps, as a PNG."""
    import numpy as np
    from matplotlib.figure import Figure

    from drawing.files import describe, save_picture
    from drawing.grid import pixels_of

    recipe, losses = training.recipe, np.array(training.losses)  # (S, 2)
    width = max(1, min(25, len(losses) // 20))  # the loss of one batch is noisy: means of so many are drawn
    means = losses[: len(losses) // width * width].reshape(-1, width, 2).mean(axis=1)
    figure = Figure(figsize=(8, 4), dpi=110, facecolor="white", layout="constrained")
    left = figure.subplots()
    steps = (np.arange(len(means)) + 0.5) * width
    for part, name, colour in ((0, "pixels", "tab:blue"), (1, "features", "tab:green")):
        left.plot(steps, means[:, part] / means[0, part], color=colour, label=f"{name}, {means[0, part]:.2f} at first")
    left.set_xlabel("steps")
    left.set_ylabel("loss, as a share of its first value")
    left.set_ylim(bottom=0)
    left.legend(loc="upper center", frameon=False)
    right = left.twinx()
    right.plot(*zip(*training.accuracies, strict=True), color="tab:orange", marker=".")
    right.set_ylabel("held-out scenes named when drawn again", color="tab:orange")
    right.set_ylim(0, 1.05)
    settings = {"steps": recipe.steps, "seed": recipe.seed}
    save_picture(pixels_of(figure), path, describe("training/train_generator.py", settings, "trained from nothing"))


def parser() -> Parser:
    result = Parser(prog="python -m training.train_generator", description=__doc__)
    add = result.add_argument
    add("--steps", type=whole_number(1, 10_000_000), default=STEPS, metavar="N", help="steps in all")
    add("--seed", type=whole_number(0, 10**6), default=0, metavar="N", help="start of all random numbers")
    add("--learning-rate", type=number(1e-6, 1), default=2e-3, metavar="N", help="the highest")
    add("--precision", choices=("bfloat16", "float32"), default="bfloat16", help="of the arithmetic while training")
    add("--workers", type=whole_number(0, 64), default=1, metavar="N", help="processes that render scenes")
    add("--fresh", action="store_true", help="start anew even if there is a checkpoint")
    place = OUTPUT_FOLDER / f"{NAME}.safetensors"
    add("--output", type=Path, default=place, metavar="PATH", help="where to write the weights")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
