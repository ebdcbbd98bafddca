"""How little must change before the network sees something else? Fooling images, and the change made visible.

Writes visualization/fooling_visualization.png: image, fooled image, difference, and the difference ten times, or a
hundred times where ten would show nothing. What is shown and judged is the picture that an 8-bit PNG holds; what a JPEG
leaves of it is said beside it.

With --technique other attacks are drawn. FGSM and PGD take a bound, --linf or --l2, or else look for the smallest that
is enough; DeepFool finds its own. `noise` starts from noise and needs no image. With --labels an attack has a target,
without it any other class will do; `ascent` always has one, `deepfool` never.

With --grid it shows which images can be made which classes, and what it takes: PGD with the smallest bound.
"""

import sys
from functools import partial
from typing import NamedTuple

from core.errors import UsageError
from studies.shared.options import (
    defaults_of,
    find_class,
    find_techniques,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

TARGETS = ("goldfish", "maze")  # the first that the network knows
MANY_TARGETS = (("goldfish", "tarantula", "volcano", "broccoli", "teapot"), ("stripes", "maze", "heart", "cup", "sun"))
NOISES = 3  # starts
JPEG_QUALITY = 90
FAINT = 0.03  # a difference that is smaller everywhere is drawn a hundred times, ten would show nothing
ASCENT = defaults_of("visualizers.fooling_image", "fool")
PGD = defaults_of("visualizers.pgd", "pgd")
NOISE = defaults_of("visualizers.fooling_from_noise", "fooling_from_noise")
NORMS = ("linf", "l2")
# What is tried where the smallest bound is looked for: whole grey levels, and Euclidean lengths 10 % apart.
BOUNDS = {"linf": [levels / 255 for levels in range(1, 65)], "l2": [0.05 * 1.1**rung for rung in range(64)]}


class Technique(NamedTuple):
    """A row of the table: what an attack is called and what it can do."""

    title: str
    norm: str  # in which it looks for the smallest bound
    bounded: bool = True  # it takes --linf or --l2
    targeted: bool | None = None  # True: always, False: never, None: with --labels


TECHNIQUES = {
    "ascent": Technique("normalised\nascent", "l2", targeted=True),
    "fgsm": Technique("FGSM", "linf"),
    "pgd": Technique("PGD", "l2"),
    "deepfool": Technique("DeepFool", "l2", bounded=False, targeted=False),
    "noise": Technique("from noise", "l2", bounded=False, targeted=True),
}


def __getattr__(name: str) -> type:
    """The class that the course's scripts import from here, loaded when asked for: --help need not wait for torch."""
    if name != "FoolingImage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from visualizers import FoolingImage

    return FoolingImage


def main(options) -> int:
    names = find_techniques(options.technique or ["ascent"], TECHNIQUES)
    check_options(names, options)
    # After parsing, so that --help does not wait for torch.
    from drawing.files import describe, save_picture
    from studies.shared.inputs import load_network

    model = load_network(options)
    make = draw_noise if names == ("noise",) else draw_attacks
    figure, failures, count, code = (draw_classes if options.grid else make)(model, names, options)
    metadata = describe("fooling_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    if failures:
        advice = "allow more --iterations, a smaller --learning-rate, a larger bound or another --labels"
        print(f"{failures} of {count} images were not fooled; {advice}", file=sys.stderr)
    return 1 if failures else code


def check_options(names: tuple[str, ...], options) -> None:
    """Refuse at once what an attack cannot do."""
    bounds = [norm for norm in NORMS if getattr(options, norm) is not None]
    if "noise" in names and (len(names) > 1 or options.images):
        raise UsageError("technique: noise starts from noise; give it alone, and no --images")
    if options.grid and (options.technique or bounds):
        raise UsageError("grid: it is made by PGD with the smallest bound; leave --technique, --linf and --l2 out")
    for name in names:
        technique = TECHNIQUES[name]
        if options.labels and technique.targeted is False:
            raise UsageError(f"labels: {name} goes where the way is shortest and has no target; leave --labels out")
        if bounds and not technique.bounded:
            raise UsageError(f"{bounds[0]}: {name} has no bound; leave it out")
        if len(bounds) > 1 and name != "ascent":
            raise UsageError(f"linf, l2: {name} stays within one of them; leave the other out")


def draw_attacks(model, names, options):
    """A row for each image and attack -> the figure, how many failed, of how many, the inputs' exit code."""
    from drawing.grid import draw_grid
    from studies.shared.examples import example_scenes
    from studies.shared.inputs import class_probabilities, first_known, footer, load_batch

    batch = load_batch(options, model, example_scenes)
    predicted = class_probabilities(model, batch.images).argmax(dim=1).tolist()
    aim = find_class(first_known([[target] for target in TARGETS], model.class_names)[0], model.class_names)
    rows, row_names, said, failures = [], [], [], 0
    with progress(total=len(batch.names) * len(names), desc="fooling", unit="image") as bar:
        for index, picture in enumerate(batch.names):
            image = batch.images[index : index + 1]
            for name in names:
                targeted = bool(options.labels or TECHNIQUES[name].targeted)
                label = int(batch.labels[index]) if options.labels else aim if targeted else predicted[index]
                result, found = attack(name, model, image, label, targeted, options)
                panels, words = judge(model, image, result, found)
                rows.append(panels)
                row_names.append(TECHNIQUES[name].title if len(names) > 1 else "")
                said.append(f"{picture}{f', {name}' if len(names) > 1 else ''}: {words}")
                failures += not bool(result.fooled)
                bar.update()
    print("\n".join(said))
    title = (
        f"{failures} of {len(rows)} pictures: not fooled" if failures else "What we see is not what the network reads"
    )
    figure = draw_grid(
        rows, row_names=row_names, title=title, footer=f"{footer(model)}; pictures as an 8-bit PNG holds them"
    )
    return figure, failures, len(rows), batch.exit_code


def attack(name: str, model, image, label: int, targeted: bool, options):
    """One image (1, 3, H, W) -> Fooling, its picture in whole grey levels, and how its norm was found, in words."""
    from core.images import denormalise
    from studies.shared.inputs import make_generator
    from visualizers.deepfool import deepfool
    from visualizers.fgsm import fgsm
    from visualizers.fooling_image import Fooling, fool
    from visualizers.pgd import pgd
    from visualizers.smallest_norm import along, smallest_norm

    bounds = {"linf": options.linf and options.linf / 255, "l2": options.l2}
    bounds = {norm: bound for norm, bound in bounds.items() if bound is not None}
    norm, words = options.norm or TECHNIQUES[name].norm, []
    if name == "ascent":
        return fool(model, image, label, whole_levels=True, **ascent_settings(options), **bounds), words
    if name == "deepfool":
        exact = deepfool(model, image, label, norm=norm)
        seek = along(model, image, label, exact.images, norm=norm)
        change = denormalise(exact.images) - denormalise(image)
        length = float(change.norm() if norm == "l2" else change.abs().max())
        words = [f"DeepFool itself {length_text(length, norm)}" if exact.fooled else "DeepFool itself failed"]
    else:
        hit = partial(fgsm if name == "fgsm" else pgd, model, image, label, targeted=targeted, whole_levels=True)
        if name == "pgd":
            chance = make_generator(options) if options.restarts > 1 else None
            hit = partial(hit, steps=options.steps, restarts=options.restarts, loss=options.loss, generator=chance)
        if bounds:
            return hit(**bounds), words
        seek = lambda bound, _places: hit(**{norm: bound})  # noqa: E731
    smallest = smallest_norm(seek, 1, BOUNDS[norm])
    fooled = smallest.fooled_at.isfinite()
    words += [f"enough {length_text(float(smallest.fooled_at), norm)}"] * bool(fooled)
    words += [f"not enough {length_text(float(smallest.failed_at), norm)}"] * bool(smallest.failed_at)
    return Fooling(smallest.images, fooled, smallest.steps), words


def judge(model, image, result, found: list[str]):
    """Four panels of an attack on one image, and what there is to say of it in a line."""
    from core.images import as_jpeg, denormalise, deprocess, preprocess
    from drawing.grid import Panel
    from studies.shared.inputs import class_probabilities, class_title

    saved = deprocess(result.images)
    jpeg = preprocess(as_jpeg(saved, JPEG_QUALITY)).to(image.device)
    before, after, reread = (
        class_probabilities(model, each)[0] for each in (image, preprocess(saved).to(image.device), jpeg)
    )
    first, second, third = (class_title(model, each, int(each.argmax())) for each in (before, after, reread))
    change = (denormalise(result.images) - denormalise(image))[0].permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
    size = f"{length_text(abs(change).max(), 'linf')}, {length_text((change**2).sum() ** 0.5, 'l2')}"
    verdict = f"{'fooled' if bool(result.fooled) else 'not fooled'} in {int(result.steps)} steps"
    lead = "" if bool(result.fooled) else "not fooled: "
    if result.fooled and not change.any():  # a target that is on top as it is
        verdict, lead = "named so as it is", "as it is: "
    times = 10 if abs(change).max() > FAINT else 100
    panels = [
        Panel(deprocess(image)[0], first),
        Panel(saved[0], f"{lead}{second}\nas JPEG {JPEG_QUALITY}: {third}"),
        Panel((0.5 + change).clip(0, 1), f"difference\n{size}"),
        Panel((0.5 + times * change).clip(0, 1), f"{times} x difference"),
    ]
    words = "; ".join([f"{first} -> {second}, {verdict}, {size}", *found, f"as JPEG {JPEG_QUALITY}: {third}"])
    return panels, words


def draw_classes(model, _names, options):
    """Images down, target classes across: each cell made by PGD with the least norm -> as `draw_attacks`."""
    from core.images import deprocess
    from drawing.grid import Panel, draw_grid
    from studies.shared.examples import example_scenes
    from studies.shared.inputs import class_probabilities, class_title, first_known, footer, load_batch, make_generator
    from visualizers.pgd import pgd
    from visualizers.smallest_norm import smallest_norm

    wanted = options.labels or first_known(MANY_TARGETS, model.class_names)
    targets = [find_class(target, model.class_names) for target in wanted]
    options.labels = None  # they are not those of the images
    batch = load_batch(options, model, example_scenes)
    options.labels = list(wanted)
    norm, rows, failures = options.norm or TECHNIQUES["pgd"].norm, [], 0
    for index in progress(range(len(batch.names)), desc="images", unit="image"):
        images = batch.images[index : index + 1].expand(len(targets), -1, -1, -1)

        def hit(bounds, places, images=images):
            aims = [targets[one] for one in places.tolist()]
            chance = make_generator(options) if options.restarts > 1 else None
            settings = {"steps": options.steps, "loss": options.loss, norm: bounds}
            settings |= {"restarts": options.restarts, "generator": chance}
            return pgd(model, images[places], aims, targeted=True, whole_levels=True, **settings)

        made = smallest_norm(hit, len(targets), BOUNDS[norm])
        probabilities = class_probabilities(model, made.images)
        row = [Panel(batch.pixels[index], batch.titles[index])]
        for place, target in enumerate(targets):
            fooled, own = bool(made.fooled_at[place].isfinite()), int(batch.labels[index]) == target
            failures += not fooled
            size = length_text(float(made.fooled_at[place]), norm)
            title = f"{class_title(model, probabilities[place], target)}\n{size}"
            if own or not fooled:
                title = f"{model.class_names[target]}\n{'as it is' if own else 'not fooled'}"
            row.append(Panel(deprocess(made.images[place : place + 1])[0], title))
        rows.append(row)
        print(f"{batch.names[index]}: {', '.join(panel.title.replace(chr(10), ' ') for panel in row[1:])}")
    title = "Every image made every class, and the length of the change that it takes"
    title = f"{failures} of {len(rows) * len(targets)} pictures: not fooled" if failures else title
    words = f"{footer(model)}; PGD, {options.steps} steps; pictures as an 8-bit PNG holds them"
    return draw_grid(rows, cell=1.7, title=title, footer=words), failures, len(rows) * len(targets), batch.exit_code


def draw_noise(model, _names, options):
    """Starts of noise across, classes down, each made certain -> as `draw_attacks`."""
    from core.images import deprocess
    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import class_probabilities, class_title, first_known, footer, make_generator
    from visualizers.fooling_from_noise import fooling_from_noise, noise_pictures

    wanted = options.labels or first_known(MANY_TARGETS, model.class_names)
    targets = [find_class(target, model.class_names) for target in wanted]
    starts = noise_pictures(NOISES, options.size, generator=make_generator(options)).to(next(model.parameters()).device)
    seen = [class_title(model, each, int(each.argmax())) for each in class_probabilities(model, starts)]
    rows = [[Panel(*start)] for start in zip(deprocess(starts), (f"noise: {title}" for title in seen), strict=True)]
    failures = 0
    for target in progress(targets, desc="classes", unit="class"):
        result = fooling_from_noise(model, starts, target, **ascent_settings(options))
        sure = (result.confidence > NOISE["confidence"]).tolist()
        failures += sure.count(False)
        probabilities = class_probabilities(model, result.images)
        for row, picture, good, each, steps in zip(
            rows, deprocess(result.images), sure, probabilities, result.steps.tolist(), strict=True
        ):
            title = f"{'' if good else 'not sure: '}{class_title(model, each, target)}\n{steps} steps"
            row.append(Panel(picture, title))
    for row in rows:
        print(", ".join(panel.title.replace("\n", " in ") for panel in row))
    count = NOISES * len(targets)
    title = f"{failures} of {count} pictures: not fooled" if failures else "Noise, and the network is sure"
    words = f"{footer(model)}; pictures as an 8-bit PNG holds them"
    return draw_grid(rows, cell=1.7, title=title, footer=words), failures, count, 0


def ascent_settings(options) -> dict:
    """What was asked for; the techniques have defaults of their own."""
    named = {"iterations": options.iterations, "learning_rate": options.learning_rate}
    return {name: value for name, value in named.items() if value is not None}


def length_text(length: float, norm: str) -> str:
    """How long a change is, in words: "8/255" or "L2 0.52"."""
    if norm == "linf":
        return f"at most {length * 255:.3g}/255"
    return f"L2 {length:.3g}"


def parser():
    wanted = f"what it shall take the images for (default: any other class; ascent: {TARGETS[0]})"
    result = make_parser(__doc__, output="fooling_visualization.png", labels=wanted)
    add = result.add_argument
    names = f"any of {', '.join(TECHNIQUES)} (default: ascent)"
    add("--technique", nargs="+", metavar="NAME", help=names)
    add("--grid", action="store_true", help="images down, target classes across; the targets are --labels")
    add("--norm", choices=NORMS, help="in which the smallest bound is looked for (default: fgsm linf, the others l2)")
    linf, l2 = "largest change of a pixel, in 1/255", "largest Euclidean norm of the change, white being 1"
    add("--linf", type=number(0.01, 255), metavar="LEVELS", help=f"{linf} (default: any)")
    add("--l2", type=number(1e-6, 1e6), metavar="N", help=f"{l2} (default: any)")
    most = f"ascent and noise: most steps (default: {ASCENT['iterations']} and {NOISE['iterations']})"
    add("--iterations", type=whole_number(1, 10_000), metavar="N", help=most)
    step = f"their length, in normalised units (default: {ASCENT['learning_rate']} and {NOISE['learning_rate']})"
    add("--learning-rate", type=number(1e-6, 1e6), metavar="N", help=step)
    add("--steps", type=whole_number(1, 10_000), default=PGD["steps"], metavar="N", help="PGD: steps")
    add("--restarts", type=whole_number(1, 1000), default=PGD["restarts"], metavar="N", help="PGD: starts in the ball")
    add("--loss", choices=("cross entropy", "margin"), default=PGD["loss"], help="PGD: what is climbed")
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
