"""What picture does the network hold most typical of a class? Pictures climbed from noise, class by class.

Writes visualization/class_visualization.png: one picture for each class, and a strip of the first one's growth.
--form fourier climbs in a Fourier basis with decorrelated colours instead of pixels; --form both shows the two.
"""

import sys

from core.errors import UsageError
from studies.shared.options import defaults_of, make_parser, number, progress, run_script, whole_number

CLASSES = (  # the first group that the network knows
    ("gorilla", "Yorkshire terrier", "tarantula", "hourglass", "bee eater"),
    ("star", "spiral", "honeycomb", "fish", "butterfly"),
)
MOMENTS = (0.01, 0.05, 0.1, 0.25, 1.0)  # of all iterations: what the strip shows
TECHNIQUE = "visualizers.class_visualization"
DEFAULTS = defaults_of(TECHNIQUE, "visualize_classes") | defaults_of(TECHNIQUE, "climb_pixels")
EMBEDDED = {"iterations": 200, "learning_rate": 15.0, "l2_reg": 3e-5, "blur_every": 2}  # its scores are smaller
FOURIER = defaults_of("visualizers.fourier_visualization", "fourier_visualization")
SETTINGS = {  # flag: (type, what it is)
    "iterations": (whole_number(1, 100_000), "steps of gradient ascent"),
    "learning_rate": (number(0, 1e6), "length of a step, the Euclidean norm over the picture; fourier: Adam's rate"),
    "l2_reg": (number(0, 1e6), "weight of the picture's squared norm"),
    "max_jitter": (whole_number(0, 512), "largest random shift before each step, in pixels"),
    "blur_every": (whole_number(0), "iterations between two blurs, 0 for none"),
    "blur_sigma": (number(0, 100), "standard deviation of the blur, in pixels"),
    "clip_pixels": (number(0, 0.99), "share of pixels of smallest norm set to the mean colour at each blur"),
    "clip_gradients": (number(0, 0.99), "share of pixels of smallest gradient times pixel set to it, likewise"),
    "shift": (number(0, 0.5), "largest random shift before each step, as a share of the side"),
    "zoom": (number(0, 0.9), "largest random change of size before each step, as a share"),
    "rotation": (number(0, 180), "largest random turn before each step, in degrees"),
}
FORMS = {"pixels": DEFAULTS, "fourier": FOURIER}


def __getattr__(name: str) -> type:
    """The class that the course's scripts import from here, loaded when asked for: --help need not wait for torch."""
    if name != "ClassVisualization":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from visualizers import ClassVisualization

    return ClassVisualization


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    import torch

    from core.images import deprocess
    from drawing.colours import stretch
    from drawing.files import describe, save_picture
    from drawing.grid import Panel, draw_grid, stack
    from studies.shared.inputs import class_title, first_known, footer, load_network, make_generator
    from studies.shared.options import find_class

    forms = tuple(FORMS) if options.form == "both" else (options.form,)
    given = settings_given(options, forms)
    model = load_network(options)
    labels = [find_class(text, model.class_names) for text in options.labels or first_known(CLASSES, model.class_names)]
    settings = {form: settings_of(form, model) | given[form] for form in forms}
    several = len(forms) > 1
    rows, strips = [], []
    with progress(
        total=sum(settings[form]["iterations"] for form in forms), desc="class visualization", unit="step"
    ) as bar:
        for form in forms:
            moments = {max(1, round(share * settings[form]["iterations"])) for share in MOMENTS}
            strip, objective, drawn = [], [], stretch if form == "pixels" else (lambda picture: picture)

            def watch(step, moments=moments, strip=strip, objective=objective, drawn=drawn) -> None:
                bar.update()
                objective.append(step.value.tolist())  # one number a class
                if step.iteration in moments:
                    strip.append(Panel(drawn(deprocess(step.image[:1])[0]), f"iteration {step.iteration}"))

            generator = make_generator(options)
            pictures = make_pictures(form, model, labels, options.size, generator, watch, settings[form])
            with torch.no_grad():
                probabilities = model(pictures).softmax(dim=1)  # (N, K)
            panels = []
            for index, label in enumerate(labels):
                title = class_title(model, probabilities[index], label)
                named = f"{form}: {title}" if several else title
                picture = drawn(deprocess(pictures[index : index + 1])[0])
                panels.append(Panel(picture, named if len(labels) == 1 else title))
                first, last = objective[0][index], objective[-1][index]
                bar.write(f"{named}: objective {first:.2f} in the noise, {last:.2f} at the last step")
            rows.append(panels)
            strips.append(strip)
    name, names = model.class_names[labels[0]], ("pixels", "Fourier basis") if several else ()
    faint = "; contrast of the pixel form stretched" if several else "; contrast stretched where faint"
    note = footer(model) + (faint if "pixels" in forms else "")
    figure = stack(
        [
            draw_grid(rows, row_names=names, columns=5, title="What the network holds most typical"),
            draw_grid(strips, row_names=names, columns=5, title=f"{name}: from noise to picture", footer=note),
        ]
    )
    written = {key: value for form in forms for key, value in settings[form].items()}
    metadata = describe(
        "class_visualization.py", vars(options) | (settings if several else written), model.weights_name
    )
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    return 0


def settings_given(options, forms: tuple[str, ...]) -> dict[str, dict]:
    """The flags given, for each form; a UsageError for one that none of the forms has, or that means two things."""
    given = {name: getattr(options, name) for name in SETTINGS if getattr(options, name) is not None}
    for name in given:
        owners = [form for form in FORMS if name in FORMS[form]]
        if not set(owners) & set(forms):
            raise UsageError(f"{name}: --form {options.form} has no such setting; it belongs to --form {owners[0]}")
        if name == "learning_rate" and len(forms) > 1:
            raise UsageError("learning_rate: it has another unit in each form; give it with --form pixels or fourier")
    return {form: {name: value for name, value in given.items() if name in FORMS[form]} for form in forms}


def settings_of(form: str, model) -> dict[str, object]:
    """A form's settings where no flag is given; those of the embedded network differ in the pixel form."""
    from patterns.scenes import CLASS_NAMES

    defaults = FORMS[form] | (EMBEDDED if form == "pixels" and model.class_names == CLASS_NAMES else {})
    return {name: defaults[name] for name in SETTINGS if name in defaults}


def make_pictures(form: str, model, labels, size: int, generator, watch, settings: dict):
    """The pictures of these classes in this form, (N, 3, size, size)."""
    from core.objectives import class_objective
    from visualizers.class_visualization import visualize_classes
    from visualizers.fourier_visualization import fourier_visualization

    common = {"size": size, "generator": generator, "callback": watch, **settings}
    if form == "pixels":
        return visualize_classes(model, labels, **common)
    return fourier_visualization(model, class_objective(model, labels), len(labels), **common)


def default_of(name: str) -> str:
    """The words for --help: a setting's default in each form, and what the embedded network takes instead."""
    defaults = [f"{DEFAULTS[name]}" if name in DEFAULTS else ""]
    defaults += [f"{EMBEDDED[name]} on the embedded network" if name in EMBEDDED else ""]
    defaults += [f"fourier: {FOURIER[name]}" if name in FOURIER else ""]
    return f"(default: {', '.join(filter(None, defaults))})"


def parser():
    result = make_parser(__doc__, output="class_visualization.png", images=False)
    add, named = result.add_argument, ", ".join(CLASSES[0])
    add("--labels", nargs="+", metavar="CLASS", help=f"class names or numbers (default: {named})")
    add("--form", choices=(*FORMS, "both"), default="pixels", help="what is climbed")
    side = whole_number(64, 1024)
    add("--size", type=side, default=DEFAULTS["size"], metavar="PIXELS", help="side of the pictures")
    for name, (kind, meaning) in SETTINGS.items():
        add(f"--{name.replace('_', '-')}", type=kind, metavar="N", help=f"{meaning} {default_of(name)}")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
