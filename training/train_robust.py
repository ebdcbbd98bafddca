"""Train a small-picture network that is hard to fool, or one of its twins, on freshly rendered scenes, on a CPU.

--adversary linf: each scene is moved to a worse one within --eps (adversarial training); noise: each scene gets
Gaussian noise of --noise, for certified defence; none: the plain twin, alike in everything else.

Writes visualization/robust.safetensors (half precision, with the class names inside; noise.safetensors and
plain.safetensors for the twins) and beside it a picture of the learning curve. A checkpoint lies beside them while it
trains: started again with the same flags, a training goes on from there.
"""

import sys
from pathlib import Path

from studies.shared.options import OUTPUT_FOLDER, Parser, number, run_script, whole_number
from training.train import INTERRUPTED, draw_learning_curve, train_to_file

STEPS = 2000
NAMES = {"linf": "robust", "noise": "noise", "none": "plain"}


def main(options) -> int:
    import torch

    from patterns.scenes import CLASS_NAMES
    from training.robust_training import RobustRecipe, RobustTraining

    torch.set_flush_denormal(True)
    recipe = RobustRecipe(
        steps=options.steps,
        seed=options.seed,
        classes=tuple(range(len(CLASS_NAMES))),
        learning_rate=options.learning_rate,
        linf=options.eps / 255 if options.adversary == "linf" else 0.0,
        inner_steps=options.inner_steps,
        noise=options.noise if options.adversary == "noise" else 0.0,
        half_precision=options.precision == "bfloat16",
    )
    output = options.output or OUTPUT_FOLDER / f"{NAMES[options.adversary]}.safetensors"
    try:
        training = train_to_file(recipe, output, workers=options.workers, fresh=options.fresh, kind=RobustTraining)
    except KeyboardInterrupt:  # train_to_file has said what is left
        return INTERRUPTED
    curve = output.with_name(f"{output.stem}_learning_curve.png")
    loss = {"linf": "loss, perturbed", "noise": "loss, with noise", "none": "loss"}[options.adversary]
    draw_learning_curve(training, curve, script="training/train_robust.py", loss=loss)
    minutes, share = training.seconds / 60, training.accuracies[-1][1]
    print(f"{recipe.steps} steps in {minutes:.1f} minutes; {share:.1%} of the clean held-out scenes named correctly")
    print(f"wrote {output} and {curve}")
    return 0


def parser() -> Parser:
    result = Parser(prog="python -m training.train_robust", description=__doc__)
    add = result.add_argument
    add("--adversary", choices=tuple(NAMES), default="linf", help="what moves the scenes")
    add("--eps", type=number(0.1, 64), default=4.0, metavar="N", help="largest change of a channel, of 255")
    meaning = "gradients for each perturbation: 1 is the fast form, several are projected gradient ascent"
    add("--inner-steps", type=whole_number(1, 100), default=1, metavar="N", help=meaning)
    add("--noise", type=number(0.001, 2), default=0.12, metavar="N", help="standard deviation, white is 1")
    add("--steps", type=whole_number(1, 10_000_000), default=STEPS, metavar="N", help="steps in all")
    add("--seed", type=whole_number(0, 10**6), default=0, metavar="N", help="start of all random numbers")
    add("--learning-rate", type=number(1e-6, 1), default=3e-3, metavar="N", help="the highest")
    add("--precision", choices=("bfloat16", "float32"), default="bfloat16", help="of the arithmetic while training")
    add("--workers", type=whole_number(0, 64), default=1, metavar="N", help="processes that render scenes")
    add("--fresh", action="store_true", help="start anew even if there is a checkpoint")
    place = f"where to write the weights (default: {OUTPUT_FOLDER}/robust.safetensors, noise or plain for the twins)"
    add("--output", type=Path, metavar="PATH", help=place)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
