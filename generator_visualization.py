"""What excites the network most, in the world of rendered scenes? Pictures drawn by a generator whose code climbs.

Writes visualization/generator_visualization.png: the generator's picture of each class above the one climbed pixel by
pixel; and what the generator knows: scenes it has never seen, and below them what it draws of their codes.

The generator has seen rendered scenes only. So for the ImageNet network this is the scene that excites the class most,
not a photograph of it.
"""

import sys

from class_visualization import DEFAULTS as PIXELS
from class_visualization import EMBEDDED
from class_visualization import SETTINGS as PIXEL_SETTINGS
from core.errors import UsageError
from core.options import defaults_of, find_class, make_parser, number, progress, run_script, whole_number

CLASSES = (  # the first group that the network knows
    ("honeycomb", "starfish", "monarch", "chainlink fence", "umbrella"),
    ("star", "spiral", "honeycomb", "fish", "butterfly"),
)
SHOWN = ("bricks", "target", "eye", "house", "mushroom")  # scenes that the generator draws from their own codes
STARTS = ("marble", "leaf", "heart", "cup")  # scenes whose codes the ascents start from
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

    from core.figures import Panel, describe, draw_grid, save_picture, stack, stretch
    from core.images import deprocess, preprocess
    from core.inputs import class_title, first_known, footer, load_network, make_generator
    from core.objectives import class_objective, unit_objective
    from core.squeezenet import load_squeezenet
    from patterns.generator import SIZE, codes_of, load_generator
    from patterns.scenes import CLASS_NAMES, render_scene
    from visualizers.class_visualization import climb_pixels
    from visualizers.generator_visualization import climb_codes

    model = load_network(options)
    device = next(model.parameters()).device
    judge = load_judge(options, model)
    encoder, generate = load_squeezenet("patterns", options.device), load_generator(device=device)
    if options.layer:
        if options.labels:
            raise UsageError("labels: classes and units of a layer do not go together; give --labels or --layer")
        targets = options.channels
        names = [f"{options.layer}, channel {channel}" for channel in targets]
        objectives = [unit_objective(model, options.layer, [channel]) for channel in targets]
    else:
        wanted = options.labels or first_known(CLASSES, model.class_names)
        wanted = range(len(model.class_names)) if wanted == ["all"] else wanted
        targets = [find_class(text, model.class_names) for text in wanted]
        names = [model.class_names[label] for label in targets]
        objectives = [class_objective(model, [label]) for label in targets]
    settings = {name: getattr(options, name) for name in SETTINGS}
    scenes = [render_scene(name, seed=SCENE_SEED, size=SIZE).image for name in (*SHOWN, *STARTS)]
    codes = codes_of(generate, encoder, preprocess(scenes).to(device))
    starts = codes[len(SHOWN) : len(SHOWN) + options.starts]
    noise = torch.randn(1, 3, SIZE, SIZE, generator=make_generator(options)).to(device)
    own = PIXELS | (EMBEDDED if model.class_names == CLASS_NAMES else {})
    own = {name: own[name] for name in PIXEL_SETTINGS}

    def drawn(picture, objective, index: int) -> tuple[Panel, str, bool]:
        """The panel of a picture (1, 3, H, W), what is said of it, and whether the judge names it."""
        with torch.no_grad():
            value, title, named = objective(picture).item(), names[index], False
            if not options.layer:
                title = class_title(model, model(picture)[0].softmax(dim=0), targets[index])
            if judge is not None:
                seen = preprocess(deprocess(picture)[0]).to(device)  # in 8 bits, as a file has it
                probabilities = judge(seen)[0].softmax(dim=0)
                named = int(probabilities.argmax()) == targets[index]
                title += f"\njudge: {class_title(judge, probabilities, int(probabilities.argmax()))}"
        return Panel(stretch(deprocess(picture)[0]), title), f"{value:.2f}", named

    rows, right = ([], []), [0, 0]
    total = len(names) * (settings["iterations"] + own["iterations"])
    with progress(total=total, desc="generator visualization", unit="step") as bar:
        for index, (name, objective) in enumerate(zip(names, objectives, strict=True)):
            chance = make_generator(options)
            loop = {"generator": chance, "callback": lambda _: bar.update() and None}
            climbed = climb_codes(model, generate, objective, starts, **loop, **settings)
            with torch.no_grad():
                before, values = objective(generate(starts)).max().item(), objective(generate(climbed))
                picture = generate(climbed[values.argmax()][None])
            pixels = climb_pixels(model, objective, noise, **loop, **own)
            at_first = (before, objective(noise).item())
            for row, (kind, result) in enumerate((("generator", picture), ("pixels", pixels))):
                panel, value, named = drawn(result, objective, index)
                rows[row].append(panel)
                right[row] += named
                said = panel.title.replace("\n", ", ")
                bar.write(f"{name}, {kind}: objective {at_first[row]:.2f} at first, {value} at the last step; {said}")
    if judge is not None:
        print(
            f"the judge names {right[0]} of {len(names)} pictures of the generator as asked, {right[1]} of the pixels"
        )
    with torch.no_grad():
        redrawn = torch.cat([generate(code[None]) for code in codes[: len(SHOWN)]])
    known = [
        [Panel(scene, name) for scene, name in zip(scenes, SHOWN, strict=False)],
        [Panel(picture) for picture in deprocess(redrawn)],
    ]
    figure = stack(
        [
            draw_grid(
                rows,
                row_names=("drawn by\nthe generator", "climbed pixel\nby pixel"),
                columns=5 if len(names) <= 10 else 9,
                title="What excites the network most, within the world of rendered scenes",
            ),
            draw_grid(
                known,
                row_names=("a new scene", "drawn from\nits code"),
                title="What the generator knows",
                footer=f"{footer(model)}; contrast stretched where faint",
            ),
        ]
    )
    metadata = describe("generator_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    return 0


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
