"""Train SqueezeNet 1.1 from nothing on freshly rendered scenes, on a CPU, and store it as plain weights.

Writes visualization/squeezenet1_1.safetensors (half precision, with the class names inside) and beside it a
picture of the learning curve. A checkpoint lies beside them while it trains: started again with the same flags,
a training goes on from there.
"""

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.files import write_whole
from studies.shared.options import OUTPUT_FOLDER, Parser, number, progress, run_script, whole_number

SECONDS_BETWEEN_CHECKPOINTS = 60
INTERRUPTED = 130  # the exit code that shells give for Ctrl-C
STEPS = 4500
NAME = "squeezenet1_1"


def main(options) -> int:
    import torch

    from patterns.scenes import CLASS_NAMES
    from training.training import BY_HEART, Recipe

    torch.set_flush_denormal(True)
    if options.output is None:
        options.output = OUTPUT_FOLDER / (
            "shuffled_labels.safetensors" if options.shuffle_labels else f"{NAME}.safetensors"
        )
    settings = {
        "steps": options.steps,
        "seed": options.seed,
        "classes": tuple(range(len(CLASS_NAMES))),
        "learning_rate": options.learning_rate,
        "perturbation": options.perturbation,
        "half_precision": options.precision == "bfloat16",
    }
    recipe = Recipe(**(settings | (BY_HEART if options.shuffle_labels else {})))
    try:
        training = train_to_file(recipe, options.output, workers=options.workers, fresh=options.fresh)
    except KeyboardInterrupt:  # train_to_file has said what is left
        return INTERRUPTED
    curve = options.output.with_name(f"{options.output.stem}_learning_curve.png")
    draw_learning_curve(training, curve)
    minutes, share = training.seconds / 60, training.accuracies[-1][1]
    print(f"{recipe.steps} steps in {minutes:.1f} minutes; {share:.1%} of the held-out scenes named correctly")
    print(f"wrote {options.output} and {curve}")
    return 0


def train_to_file(recipe, output: Path, *, workers: int, fresh: bool = False, kind: type | None = None):
    """Train by the recipe, write the weights to `output`, and return the training.

    kind: the class of the training; the classifier's, if None. It goes on from the checkpoint beside `output`, if
    there is one and `fresh` does not forbid it. When stopped by Ctrl-C or SIGTERM it keeps a checkpoint, says so,
    and raises KeyboardInterrupt.
    """
    from safetensors.torch import save

    from training.training import Training

    kind = kind or Training
    checkpoint = output.with_suffix(".checkpoint.pt")
    resumed = checkpoint.exists() and not fresh
    training = kind.load(checkpoint, recipe) if resumed else kind(recipe)
    if resumed:
        print(f"going on after step {training.step} of {recipe.steps}, from {checkpoint}", flush=True)
    try:
        _train(training, checkpoint, workers)
    except KeyboardInterrupt:
        kept = f"run the same command to go on from {checkpoint}" if checkpoint.exists() else "nothing was written yet"
        print(f"{Path(sys.argv[0]).name}: stopped; {kept}", file=sys.stderr)
        raise
    state, facts = training.shipped()
    write_whole(output, save(state, metadata=facts))
    checkpoint.unlink(missing_ok=True)
    return training


def _train(training, checkpoint: Path, workers: int) -> None:
    """Run to the end, with a bar, a line for each evaluation, and a checkpoint a minute.

    Raises KeyboardInterrupt when a stop was asked for, after the step at hand.
    """
    saved = time.monotonic()
    steps = training.recipe.steps
    bar = progress(total=steps, initial=training.step, desc="train", unit="step")
    with bar, noticing_signals() as asked_to_stop:

        def after_step(training) -> None:
            nonlocal saved
            bar.update()
            if news := training.news():
                bar.write(f"step {training.step} of {steps}: {news}, {training.seconds / 60:.1f} minutes")
                sys.stdout.flush()
            if time.monotonic() - saved > SECONDS_BETWEEN_CHECKPOINTS:
                training.save(checkpoint)
                saved = time.monotonic()
            if asked_to_stop.is_set():
                training.save(checkpoint)
                raise KeyboardInterrupt

        training.run(workers=workers, after_step=after_step)
    training.save(checkpoint)


@contextmanager
def noticing_signals() -> Iterator[threading.Event]:
    """Within the block the first Ctrl-C or SIGTERM sets the event; a second one interrupts at once.

    An interrupt in the middle of a step would leave a state between two steps, which is no use to keep.
    """
    asked = threading.Event()

    def notice(number: int, _frame) -> None:
        asked.set()
        signal.signal(number, signal.default_int_handler)
        print("\nstopping after this step", file=sys.stderr)

    before = {number: signal.signal(number, notice) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def draw_learning_curve(
    training, path: Path, *, script: str = "training/train.py", loss: str = "loss, half of each batch perturbed"
) -> None:
    """Loss and held-out accuracy against steps, as a PNG. script: who trained; loss: what the axis says."""
    import numpy as np
    from matplotlib.figure import Figure

    from drawing.files import describe, save_picture
    from drawing.grid import pixels_of

    recipe, losses = training.recipe, np.array(training.losses)
    width = max(1, min(50, len(losses) // 20))  # the loss of one batch is noisy: means of so many are drawn
    means = losses[: len(losses) // width * width].reshape(-1, width).mean(axis=1)
    figure = Figure(figsize=(8, 4), dpi=110, facecolor="white", layout="constrained")
    left = figure.subplots()
    left.plot((np.arange(len(means)) + 0.5) * width, means, color="tab:blue")
    left.set_xlabel("steps")
    left.set_ylabel(loss, color="tab:blue")
    right = left.twinx()
    right.plot(*zip(*training.accuracies, strict=True), color="tab:orange", marker=".")
    right.set_ylabel(f"held-out accuracy at {recipe.stages[-1].size} px, as stored", color="tab:orange")
    right.set_ylim(0, 1.02)
    for first, stage in zip(recipe.first_steps(), recipe.stages, strict=False):
        left.axvline(first, color="0.8", linewidth=1, zorder=0)
        left.text(first, 1.01, f" {stage.size} px", transform=left.get_xaxis_transform(), fontsize=8, color="0.4")
    settings = {"steps": recipe.steps, "seed": recipe.seed}
    save_picture(pixels_of(figure), path, describe(script, settings, "trained from nothing"))


def parser() -> Parser:
    result = Parser(prog="python -m training.train", description=__doc__)
    add = result.add_argument
    add("--steps", type=whole_number(1, 10_000_000), default=STEPS, metavar="N", help="steps in all")
    add("--seed", type=whole_number(0, 10**6), default=0, metavar="N", help="start of all random numbers")
    add("--learning-rate", type=number(1e-6, 1), default=3e-3, metavar="N", help="the highest")
    meaning = "length of the perturbation of half of each batch, at 224 pixels, 0 for none"
    add("--perturbation", type=number(0, 100), default=8.0, metavar="N", help=meaning)
    add("--precision", choices=("bfloat16", "float32"), default="bfloat16", help="of the arithmetic while training")
    meaning = "learn a few scenes with shuffled labels by heart, for trust_visualization.py --random-labels"
    add("--shuffle-labels", action="store_true", help=meaning)
    add("--workers", type=whole_number(0, 64), default=1, metavar="N", help="processes that render scenes")
    add("--fresh", action="store_true", help="start anew even if there is a checkpoint")
    place = f"where to write the weights (default: {OUTPUT_FOLDER / NAME}.safetensors; with shuffled labels another)"
    add("--output", type=Path, metavar="PATH", help=place)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
