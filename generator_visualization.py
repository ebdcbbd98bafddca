"""What excites the network most, in the world of rendered scenes? Pictures drawn by a generator whose code climbs.

Writes visualization/generator_visualization.png: the generator's picture of each class, below it those climbed pixel by
pixel and in the Fourier form; and what the generator knows: scenes it has never seen, and what it draws of their codes.

The generator has seen rendered scenes only. So for the ImageNet network this is the scene that excites the class most,
not a photograph of it.
"""

import sys

from class_visualization import FORMS, settings_of
from core.errors import UsageError
from studies.shared.options import defaults_of, find_class, make_parser, number, progress, run_script, whole_number

CLASSES = (  # the first group that the network knows
    ("honeycomb", "starfish", "monarch", "chainlink fence", "umbrella"),
    ("star", "spiral", "honeycomb", "fish", "butterfly"),
)
SHOWN = ("bricks", "target", "eye", "house", "mushroom")  # scenes that the generator draws from their own codes
STARTS = ("marble", "wood grain", "cracks", "leopard spots")  # scenes whose codes the ascents start from
SCENE_SEED = 2027
DEFAULTS = defaults_of("visualizers.generator_visualization", "climb_codes")
SETTINGS = {  # flag: (type, what it is)
    "iterations": (whole_number(1, 100_000), "steps of gradient ascent"),
    "learning_rate": (number(0, 1e6), "length of a step, the Euclidean norm over the code"),
    "code_weight": (number(0, 1e6), "weight of the code's squared norm"),
    "largest": (number(1e-3, 100), "largest size of a code's numbers, in standard deviations of the scenes' codes"),
    "max_jitter": (whole_number(0, 112), "largest random shift before each step, in pixels"),
}


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    import torch

    from core.generator import SIZE, codes_of, load_generator
    from core.images import deprocess, preprocess
    from core.parametrisations import decode, random_spectrum
    from core.squeezenet import load_squeezenet
    from drawing.colours import stretch
    from drawing.files import describe, save_picture
    from drawing.grid import Panel, draw_grid, stack
    from patterns.scenes import render_scene
    from studies.shared.inputs import class_title, footer, load_network, make_generator
    from visualizers.class_visualization import climb_pixels
    from visualizers.fourier_visualization import fourier_visualization
    from visualizers.generator_visualization import climb_codes

    model = load_network(options)
    device = next(model.parameters()).device
    judge = load_judge(options, model)
    encoder, generate = load_squeezenet("patterns", options.device), load_generator(device=device)
    names, labels, objectives = find_targets(options, model)
    scenes = [render_scene(name, seed=SCENE_SEED, size=SIZE).image for name in (*SHOWN, *STARTS)]
    codes = codes_of(generate, encoder, preprocess(scenes).to(device))
    starts = codes[len(SHOWN) : len(SHOWN) + options.starts]
    settings = {name: getattr(options, name) for name in SETTINGS}
    others = {form: settings_of(form, model) for form in FORMS}

    # Each returns the objective of its start, and the last picture.
    def by_generator(objective, **loop):
        climbed = climb_codes(model, generate, objective, starts, **loop, **settings)
        with torch.no_grad():
            best = objective(generate(climbed)).argmax()
            return objective(generate(starts)).max(), generate(climbed[best][None])

    def by_pixels(objective, **loop):
        noise = torch.randn(1, 3, SIZE, SIZE, generator=loop["generator"]).to(device)
        with torch.no_grad():
            return objective(noise), climb_pixels(model, objective, noise, **loop, **others["pixels"])

    def by_waves(objective, **loop):
        start = random_spectrum(1, SIZE, generator=loop["generator"]).to(device)
        with torch.no_grad():
            return objective(decode(start)), fourier_visualization(
                model, objective, 1, size=SIZE, start=start, **loop, **others["fourier"]
            )

    kinds = {"generator": by_generator, "pixels": by_pixels, "Fourier form": by_waves}
    rows, right = {kind: [] for kind in kinds}, dict.fromkeys(kinds, 0)
    steps = settings["iterations"] + sum(others[form]["iterations"] for form in FORMS)
    with progress(total=len(names) * steps, desc="generator visualization", unit="step") as bar:
        for index, (name, objective) in enumerate(zip(names, objectives, strict=True)):
            for kind, make in kinds.items():
                loop = {"generator": make_generator(options), "callback": lambda _: bar.update() and None}
                first, picture = make(objective, **loop)
                title = name
                with torch.no_grad():
                    last = objective(picture).item()
                    if labels:
                        title = class_title(model, model(picture)[0].softmax(dim=0), labels[index])
                    if judge is not None:
                        seen = judge(preprocess(deprocess(picture)[0]).to(device))[0].softmax(dim=0)
                        best = int(seen.argmax())
                        right[kind] += best == labels[index]
                        title += f"\njudge: {class_title(judge, seen, best)}"
                shown = deprocess(picture)[0]
                rows[kind].append(Panel(stretch(shown) if kind == "pixels" else shown, title))
                said = title.replace("\n", ", ")
                bar.write(f"{kind}: {said}: objective {first.item():.2f} at first, {last:.2f} at last")
    if judge is not None:
        counts = ", ".join(f"{count} of the {kind}" for kind, count in right.items())
        print(f"of {len(names)} pictures each, the judge names as asked: {counts}")
    with torch.no_grad():
        redrawn = torch.cat([generate(code[None]) for code in codes[: len(SHOWN)]])
    known = [
        [Panel(scene, name) for scene, name in zip(scenes, SHOWN, strict=False)],
        [Panel(picture) for picture in deprocess(redrawn)],
    ]
    figure = stack(
        [
            draw_grid(
                list(rows.values()),
                row_names=("code of a\ngenerator", "single\npixels", "Fourier\nform"),
                columns=5 if len(names) <= 10 else 9,
                title="What excites the network most, drawn by a generator of scenes, and without one",
            ),
            draw_grid(
                known,
                row_names=("a new scene", "drawn from\nits code"),
                title="What the generator knows",
                footer=f"{footer(model)}; the generator knows rendered scenes only; single pixels: contrast stretched",
            ),
        ]
    )
    metadata = describe("generator_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    return 0


def find_targets(options, model):
    """What to excite: (names, class numbers or nothing for units, objectives)."""
    from core.objectives import class_objective, unit_objective
    from studies.shared.inputs import first_known

    if options.layer and options.labels:
        raise UsageError("labels: classes and units of a layer do not go together; give --labels or --layer")
    if options.layer:
        names = [f"{options.layer}, channel {channel}" for channel in options.channels]
        return names, [], [unit_objective(model, options.layer, [channel]) for channel in options.channels]
    named = options.labels or first_known(CLASSES, model.class_names)
    named = range(len(model.class_names)) if named == ["all"] else named
    labels = [find_class(text, model.class_names) for text in named]
    return [model.class_names[label] for label in labels], labels, [class_objective(model, [x]) for x in labels]


def load_judge(options, model):
    """The second network, or None."""
    from core.squeezenet import load_squeezenet

    if not options.judge:
        return None
    judge = load_squeezenet(options.judge, options.device)
    if judge.class_names != model.class_names or options.layer:
        raise UsageError("judge: it can name pictures of its own classes only; give both networks the same classes")
    return judge


def parser():
    result = make_parser(__doc__, output="generator_visualization.png", images=False)
    add = result.add_argument
    add(
        "--labels",
        nargs="+",
        metavar="CLASS",
        help=f"class names or numbers, or all (default: {', '.join(CLASSES[0])})",
    )
    add("--layer", metavar="NAME", help="excite units of this layer, at the centre of its map, not classes")
    add("--channels", nargs="+", type=whole_number(0), default=[0, 1, 2, 3, 4], metavar="N", help="whose units")
    add(
        "--starts",
        type=whole_number(1, len(STARTS)),
        default=3,
        metavar="N",
        help="codes to start from; the best is shown",
    )
    add("--judge", metavar="FILE", help="weights of a second network that says what it sees in the pictures")
    for name, (kind, meaning) in SETTINGS.items():
        add(f"--{name.replace('_', '-')}", type=kind, default=DEFAULTS[name], metavar="N", help=meaning)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
