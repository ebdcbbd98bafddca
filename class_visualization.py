"""What picture does the network hold most typical of a class? Pictures climbed from noise, class by class.

Writes visualization/class_visualization.png: one picture for each class, and a strip of the first one's growth.
"""

import sys

from core.options import defaults_of, make_parser, number, progress, run_script, whole_number

CLASSES = (  # the first group that the network knows
    ("gorilla", "Yorkshire terrier", "tarantula", "hourglass", "bee eater"),
    ("star", "spiral", "honeycomb", "fish", "butterfly"),
)
MOMENTS = (0.01, 0.05, 0.1, 0.25, 1.0)  # of all iterations: what the strip shows
TECHNIQUE = "visualizers.class_visualization"
DEFAULTS = defaults_of(TECHNIQUE, "visualize_classes") | defaults_of(TECHNIQUE, "climb_pixels")
EMBEDDED = {"iterations": 200, "learning_rate": 15.0, "l2_reg": 3e-5, "blur_every": 2}  # its scores are smaller
SETTINGS = {  # flag: (type, what it is)
    "iterations": (whole_number(1, 100_000), "steps of gradient ascent"),
    "learning_rate": (number(0, 1e6), "length of a step, the Euclidean norm over the picture"),
    "l2_reg": (number(0, 1e6), "weight of the picture's squared norm"),
    "max_jitter": (whole_number(0, 512), "largest random shift before each step, in pixels"),
    "blur_every": (whole_number(0), "iterations between two blurs, 0 for none"),
    "blur_sigma": (number(0, 100), "standard deviation of the blur, in pixels"),
    "clip_pixels": (number(0, 0.99), "share of pixels of smallest norm set to the mean colour at each blur"),
    "clip_gradients": (number(0, 0.99), "share of pixels of smallest gradient times pixel set to it, likewise"),
}


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    import torch

    from core.figures import Panel, describe, draw_grid, save_picture, stack, stretch
    from core.images import deprocess
    from core.inputs import class_title, first_known, footer, load_network, make_generator
    from core.options import find_class
    from patterns.scenes import CLASS_NAMES
    from visualizers.class_visualization import visualize_classes

    model = load_network(options)
    labels = [find_class(text, model.class_names) for text in options.labels or first_known(CLASSES, model.class_names)]
    defaults = DEFAULTS | (EMBEDDED if model.class_names == CLASS_NAMES else {})
    given = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    settings = {name: defaults[name] for name in SETTINGS} | given
    moments = sorted({max(1, round(share * settings["iterations"])) for share in MOMENTS})
    strip, objective = [], []
    with progress(total=settings["iterations"], desc="class visualization", unit="step") as bar:

        def watch(step) -> None:
            bar.update()
            objective.append(step.value.tolist())  # one number a class
            if step.iteration in moments:
                strip.append(Panel(stretch(deprocess(step.image[:1])[0]), f"iteration {step.iteration}"))

        generator = make_generator(options)
        pictures = visualize_classes(model, labels, size=options.size, generator=generator, callback=watch, **settings)
    with torch.no_grad():
        probabilities = model(pictures).softmax(dim=1)  # (N, K)
    panels = []
    for index, label in enumerate(labels):
        title = class_title(model, probabilities[index], label)
        panels.append(Panel(stretch(deprocess(pictures[index : index + 1])[0]), title))
        print(f"{title}: objective {objective[0][index]:.2f} in the noise, {objective[-1][index]:.2f} at the last step")
    name = model.class_names[labels[0]]
    figure = stack(
        [
            draw_grid([panels], columns=5, title="What the network holds most typical"),
            draw_grid(
                [strip],
                columns=5,
                title=f"{name}: from noise to picture",
                footer=f"{footer(model)}; contrast stretched where faint",
            ),
        ]
    )
    metadata = describe("class_visualization.py", vars(options) | settings, model.weights_name)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    return 0


def default_of(name: str) -> str:
    """The words for --help: a setting's default, and what the embedded network takes instead."""
    instead = f", {EMBEDDED[name]} on the embedded network" if name in EMBEDDED else ""
    return f"(default: {DEFAULTS[name]}{instead})"


def parser():
    result = make_parser(__doc__, output="class_visualization.png", images=False)
    add, named = result.add_argument, ", ".join(CLASSES[0])
    add("--labels", nargs="+", metavar="CLASS", help=f"class names or numbers (default: {named})")
    side = whole_number(64, 1024)
    add("--size", type=side, default=DEFAULTS["size"], metavar="PIXELS", help="side of the pictures")
    for name, (kind, meaning) in SETTINGS.items():
        add(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=f"{meaning} {default_of(name)}")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
