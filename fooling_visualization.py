"""How little must change before the network sees something else? Fooling images, and the change made visible.

Writes visualization/fooling_visualization.png: image, fooled image, difference, and the difference ten times.
"""

import sys

from core.options import defaults_of, make_parser, number, progress, run_script, whole_number

TARGETS = ("goldfish", "maze")  # the first that the network knows
DEFAULTS = defaults_of("visualizers.fooling_image", "fool")


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    import torch

    from core.figures import Panel, describe, draw_grid, save_picture
    from core.images import denormalise, deprocess, preprocess
    from core.inputs import class_title, first_known, footer, load_batch, load_network
    from patterns.examples import example_scenes
    from visualizers.fooling_image import fool

    model = load_network(options)
    options.labels = options.labels or first_known([[target] for target in TARGETS], model.class_names)
    batch = load_batch(options, model, example_scenes)
    bounds = {"linf": options.linf and options.linf / 255, "l2": options.l2}
    rows, failures = [], 0
    for index in progress(range(len(batch.names)), desc="fooling", unit="image"):
        image, target = batch.images[index : index + 1], int(batch.labels[index])
        result = fool(
            model, image, target, learning_rate=options.learning_rate, iterations=options.iterations, **bounds
        )
        saved = preprocess(deprocess(result.images)).to(image.device)  # as an 8-bit PNG would give it back
        with torch.no_grad():
            before, after, reread = (model(each).softmax(dim=1)[0].cpu() for each in (image, result.images, saved))
        difference = denormalise(result.images) - denormalise(image)  # in RGB, white 1
        largest, length = float(difference.abs().max()) * 255, float(difference.norm())
        fooled = bool(result.fooled)
        failures += not fooled
        verdict = f"fooled in {int(result.steps)} steps" if fooled else f"not fooled in {int(result.steps)} steps"
        survives = "survives" if int(reread.argmax()) == target else "does not survive"
        print(
            f"{batch.names[index]}: {class_title(model, before, int(before.argmax()))} -> "
            f"{class_title(model, after, int(after.argmax()))}, {verdict}, largest change {largest:.1f}/255, "
            f"L2 {length:.2f}{f'; {survives} 8-bit rounding' if fooled else ''}"
        )
        change = difference[0].permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
        second = class_title(model, after, int(after.argmax()))
        if int(reread.argmax()) != int(after.argmax()):
            second += f"\n(in 8 bits: {class_title(model, reread, int(reread.argmax()))})"
        rows.append(
            [
                Panel(batch.pixels[index], class_title(model, before, int(before.argmax()))),
                Panel(deprocess(result.images)[0], second if fooled else f"not fooled: {second}"),
                Panel((0.5 + change).clip(0, 1), f"difference, at most {largest:.1f}/255"),
                Panel((0.5 + 10 * change).clip(0, 1), "10 x difference"),
            ]
        )
    grid = draw_grid(rows, title="What we see is not what the network reads", footer=footer(model))
    metadata = describe("fooling_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(grid, options.output, metadata)}")
    if failures:
        advice = "allow more --iterations, a smaller --learning-rate, a larger bound or another --labels"
        print(f"{failures} of {len(rows)} images were not fooled; {advice}", file=sys.stderr)
    return 1 if failures else batch.exit_code


def parser():
    wanted = f"what it shall take the images for (default: {TARGETS[0]})"
    result = make_parser(__doc__, output="fooling_visualization.png", labels=wanted)
    result.add_argument(
        "--iterations", type=whole_number(1, 10_000), default=DEFAULTS["iterations"], metavar="N", help="most steps"
    )
    result.add_argument(
        "--learning-rate",
        type=number(1e-6, 1e6),
        default=DEFAULTS["learning_rate"],
        metavar="N",
        help="length of a step, in normalised units",
    )
    result.add_argument(
        "--linf", type=number(0.01, 255), metavar="LEVELS", help="largest change of a pixel, in 1/255 (default: any)"
    )
    result.add_argument(
        "--l2",
        type=number(1e-6, 1e6),
        metavar="N",
        help="largest Euclidean norm of the change, white being 1 (default: any)",
    )
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
