"""One perturbation for all images: added to any of them, it changes what the network sees.

It is learned on some images and judged on others, beside random noise of the same norm. Without --images it learns on
rendered scenes where the network knows them, else on crops of the default photographs, the last two held out.

Writes visualization/universal_perturbation.png: the perturbation magnified, the fooling rate against the number of
images that it was learned on, and six held-out images without and with it. The perturbation itself is kept beside it,
as ..._v.png, level 128 meaning no change; --perturbation FILE judges such a file again, on other images or networks.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from core.errors import UsageError
from studies.shared.options import defaults_of, make_parser, number, progress, run_script, whole_number

COUNTS = (1, 8, 64)  # images of the curve's points, as far as there are more; then all
SHOWN = 6
HELD_OUT = 2  # of the default photographs; of others a third
SMALLEST_CROP = 0.45  # of the shorter side
DEFAULTS = defaults_of("visualizers.universal_perturbation", "universal_perturbation")
LEVELS = {"scenes": 16, "crops": 10}  # the scenes' network is the harder one: it was trained on noisy pictures
TILES = {"scenes": 112, "crops": 56}  # pixels: of a few tried on the held-out images of seed 0, the best
GREY = 128  # no change


class Rates(NamedTuple):
    """Shares of the held-out images whose first choice changes."""

    name: str  # what the perturbation was learned on, or which network it was carried to
    universal: float
    noise: float  # random noise of the same norm


def main(options) -> int:
    if options.linf is not None and options.l2 is not None:
        raise UsageError("linf, l2: give one of the two")
    # After parsing, so that --help does not wait for torch.
    from core.attacks import first_choices, is_changed
    from drawing.files import describe, save_picture
    from studies.shared.inputs import load_network, make_generator
    from visualizers.universal_perturbation import noise_like

    model = load_network(options)
    others = [load_other(name, options.device) for name in options.transfer or []]  # a wrong name is said at once
    given = read_perturbation(options) if options.perturbation else None
    learn, held, kind, code = load_images(model, options)
    if options.linf is None and options.l2 is None:
        options.linf = LEVELS[kind]
    options.tile = min(TILES[kind], options.size) if options.tile is None else options.tile
    own = first_choices(model, held)

    def rate(difference) -> float:
        return float(is_changed(model, held, difference, own).float().mean())

    curve, trained = [], None
    if given is not None:
        difference = given
        print(f"{options.perturbation}: {bound_text(options)}")
    else:
        difference = learn_one(model, learn, options)
        print(f"wrote {write_perturbation(difference, model, options)}")
        for count in [count for count in COUNTS if count < len(learn)] if options.method == "ascent" else []:
            curve.append((count, rate(learn_one(model, learn[:count], options))))
        curve.append((len(learn), rate(difference)))
        trained = float(is_changed(model, learn, difference).float().mean())
        words = f"{percent(trained)} of {len(learn)} {kind} that it was learned on are named otherwise"
        print(f"{bound_text(options)}: {words}")
    norm = "linf" if options.l2 is None else "l2"
    noise = noise_like(difference, norm=norm, generator=make_generator(options))
    result = Rates("from a file" if given is not None else f"{len(learn)} images", rate(difference), rate(noise))
    moved = [transfer(network, held, difference, noise) for network in others]
    for each in [result._replace(name=f"{len(held)} held-out {kind}"), *moved]:
        print(f"{each.name}: {percent(each.universal)} named otherwise; noise of the same norm {percent(each.noise)}")
    figure = draw(model, held, difference, (result, curve, moved, trained), options)
    metadata = describe("universal_perturbation.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    if result.universal <= result.noise:
        print("it fools no better than noise does; allow a larger --linf or --l2, or more --steps", file=sys.stderr)
        return 1
    return code


def load_images(model, options):
    """Those to learn on and those held out, (N, 3, H, W) each in the network's units, what they are, the exit code."""
    import torch

    from patterns.dataset import stream_scenes
    from patterns.scenes import CLASS_NAMES
    from studies.shared.inputs import list_pictures, make_generator, name_broken, open_picture

    if not options.images and tuple(model.class_names) == CLASS_NAMES:
        sets = []
        for place, count in enumerate((options.count, options.held)):
            scenes = stream_scenes(count, seed=options.seed + place, size=options.size)
            sets.append(torch.cat(list(progress(scenes, total=count, desc="rendering", unit="scene", leave=False))))
        return *sets, "scenes", 0
    names, whole, broken = [], [], []
    for picture in list_pictures(options.images):
        try:
            whole.append(open_picture(picture))
            names.append(picture.name)
        except UsageError as error:
            broken.append(error)
    if not whole:
        raise broken[0]
    name_broken(broken)
    if len(whole) < 2:
        raise UsageError("images: got one; give at least two, the last third of them is held out")
    last = max(1, len(whole) // 3) if options.images else HELD_OUT
    chance = make_generator(options)
    learned = "" if options.perturbation else f"learned on crops of {', '.join(names[:-last])}; "
    print(f"{learned}held out: crops of {', '.join(names[-last:])}")
    sets = (whole[:-last], options.count), (whole[-last:], options.held)
    return *(random_crops(each, count, options.size, chance) for each, count in sets), "crops", int(bool(broken))


def random_crops(pictures, count: int, size: int, generator):
    """Squares cut at random out of the pictures in turn, half of them mirrored: (count, 3, size, size)."""
    import torch
    from PIL import ImageOps

    from core.images import preprocess

    crops = []
    for index in range(count):
        picture = pictures[index % len(pictures)]
        zoom, right, down, mirrored = torch.rand(4, generator=generator).tolist()
        side = int(min(picture.size) * (SMALLEST_CROP + (1 - SMALLEST_CROP) * zoom))
        left, top = int(right * (picture.width - side)), int(down * (picture.height - side))
        crop = picture.resize((size, size), box=(left, top, left + side, top + side))
        crops.append(ImageOps.mirror(crop) if mirrored < 0.5 else crop)
    return preprocess(crops)


def learn_one(model, images, options):
    """The perturbation (1, 3, H, W) that these images teach."""
    from studies.shared.inputs import make_generator
    from visualizers.universal_perturbation import universal_by_deepfool, universal_perturbation

    bounds = {"linf": options.linf and options.linf / 255, "l2": options.l2}
    steps = options.steps if options.method == "ascent" else options.passes * len(images)
    with progress(total=steps, desc=f"{len(images)} images", unit="step") as bar:
        step = {"callback": lambda _step: bar.update() and None}
        if options.method == "deepfool":
            return universal_by_deepfool(model, images, passes=options.passes, **bounds, **step)
        settings = {"steps": options.steps, "tile": options.tile or None, "generator": make_generator(options)}
        return universal_perturbation(model, images, **bounds, **settings, **step)


def load_other(name: str, device: str):
    """Another network: a file of SqueezeNet's weights, or a name torchvision knows."""
    from core.squeezenet import load_squeezenet
    from core.torchvision_models import known_models, load_torchvision

    return load_torchvision(name).to(device) if name in known_models() else load_squeezenet(name, device)


def transfer(network, held, difference, noise) -> Rates:
    """What the perturbation does to another network."""
    from core.attacks import first_choices, is_changed

    own = first_choices(network, held)
    rates = [float(is_changed(network, held, each, own).float().mean()) for each in (difference, noise)]
    return Rates(f"carried to {network.weights_name}", *rates)


def write_perturbation(difference, model, options) -> Path:
    """Keep it beside the figure: an 8-bit picture around level 128, so nothing is lost."""
    from drawing.files import describe, save_picture

    levels = (difference[0].permute(1, 2, 0) * 255).round() + GREY
    path = options.output.with_name(f"{options.output.stem}_v.png")
    metadata = describe("universal_perturbation.py", vars(options), model.weights_name)
    return save_picture(levels.clamp(0, 255).byte().cpu().numpy(), path, metadata)


def read_perturbation(options):
    """The difference (1, 3, size, size) in RGB, white being 1, that such a file holds; its norm becomes the bound."""
    import numpy as np
    import torch

    from core.images import load_image

    path, size = options.perturbation, options.size
    picture = load_image(path)
    if picture.size != (size, size):
        raise UsageError(f"perturbation: '{path}' is {picture.width} x {picture.height}; it must be {size} x {size}")
    difference = (torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() - GREY) / 255
    if not difference.any():
        raise UsageError(f"perturbation: '{path}' is level {GREY} everywhere; it changes nothing")
    norm, unit = ("linf", 255) if options.l2 is None else ("l2", 1)
    measured = round(float(difference.abs().max() if norm == "linf" else difference.norm()) * unit, 3)
    if getattr(options, norm) is not None and measured > getattr(options, norm) + 1e-3:
        raise UsageError(f"{norm}: '{path}' is larger, {measured:g}; leave --{norm} out, or give at least that")
    setattr(options, norm, measured)
    return difference


def draw(model, held, difference, rates, options):
    """The perturbation and the curve above, six held-out images below -> uint8 (H, W, 3)."""
    from core.images import denormalise, deprocess, normalise
    from drawing.grid import Panel, draw_grid, stack
    from studies.shared.inputs import class_probabilities, class_title, footer

    step = max(1, (len(held) - 1) // SHOWN)  # no whole number of times all classes in turn
    shown = held[: step * SHOWN : step]
    rows = []
    for images in (shown, normalise((denormalise(shown) + difference).clamp(0, 1))):
        titles = [class_title(model, each, int(each.argmax())) for each in class_probabilities(model, images)]
        rows.append([Panel(*pair) for pair in zip(deprocess(images), titles, strict=True)])
    words = f"{footer(model)}; {bound_text(options)}; pictures as an 8-bit PNG holds them"
    below = draw_grid(rows, row_names=("held-out images", "with the perturbation"), cell=1.75, footer=words)
    return stack([draw_head(difference, rates, below.shape[1], options), below])


def draw_head(difference, rates, width: int, options):
    """The perturbation magnified, and the fooling rate against the number of images -> uint8 (h, width, 3)."""
    from matplotlib.figure import Figure

    from drawing.grid import DOTS_PER_INCH, pixels_of

    result, curve, moved, trained = rates
    across, high = width / DOTS_PER_INCH, 3.7
    figure = Figure(figsize=(across, high), dpi=DOTS_PER_INCH, facecolor="white")
    title = f"One perturbation changes what the network sees in {percent(result.universal)} of new images"
    if result.universal <= result.noise:
        title = f"Not fooled: {percent(result.universal)} of new images are named otherwise, no more than with noise"
    figure.text(0.3 / across, 1 - 0.24 / high, title, fontsize=13, fontweight="bold", va="center")
    side = 2.75
    axes = figure.add_axes((0.36 / across, 0.18 / high, side / across, side / high))
    largest = float(difference.abs().max())
    axes.imshow(
        (0.5 + 0.5 * difference[0].permute(1, 2, 0).cpu().numpy() / largest).clip(0, 1), interpolation="nearest"
    )
    axes.set_axis_off()
    axes.set_title(f"the perturbation, {0.5 / largest:.3g} times magnified\n{bound_text(options)}", fontsize=9, pad=3)
    axes = figure.add_axes((4.1 / across, 0.55 / high, (across - 4.4) / across, 2.4 / high))
    if len(curve) > 1:
        counts, shares = zip(*curve, strict=True)
        axes.plot(
            counts, [100 * share for share in shares], "o-", color="#b5352b", label="perturbation, held-out images"
        )
        axes.set_xscale("log")
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
        axes.plot(counts[-1:], [100 * trained], "o", color="#b5352b", fillstyle="none", label="images learned on")
        axes.axhline(100 * result.noise, color="0.35", linestyle="--", label="random noise of the same norm")
        axes.set_xlabel("images it was learned on", fontsize=9)
    else:
        bars = [result, *moved]
        names, noises = [each.name for each in bars], [100 * each.noise for each in bars]
        shares = [100 * each.universal for each in bars]
        axes.bar(names, shares, color="#b5352b", width=0.4, label="perturbation, held-out images")
        axes.bar(names, noises, color="0.35", width=0.2, label="random noise of the same norm")
        axes.set_xlim(-1, len(bars))  # a single bar must not fill the place
    for each in moved:
        label = f"{each.name}: {percent(each.universal)}, noise {percent(each.noise)}"
        axes.plot([], [], " ", label=label)
    axes.set_ylim(0, 102)
    axes.set_ylabel("named otherwise, %", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(fontsize=8, frameon=False, loc="best")
    return pixels_of(figure)


def bound_text(options) -> str:
    return f"L2 {options.l2:g}" if options.l2 is not None else f"at most {options.linf:g}/255"


def percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def parser():
    result = make_parser(__doc__, output="universal_perturbation.png", images=False)
    add = result.add_argument
    add("--images", nargs="+", metavar="PATH", help="files or folders; the last third of the pictures is held out")
    add("--size", type=whole_number(64, 1024), default=224, metavar="PIXELS", help="side of the squares")
    add(
        "--linf",
        type=number(1, 127),
        metavar="LEVELS",
        help="largest change, in 1/255 (default: 16 scenes, 10 photographs)",
    )
    add("--l2", type=number(0.01, 1000), metavar="N", help="largest Euclidean norm instead, white being 1")
    add("--method", choices=("ascent", "deepfool"), default="ascent", help="deepfool: the paper's, one image at a time")
    tile = "side of the square that is repeated, in pixels; 0: nothing is (default: 112 scenes, 56 photographs)"
    add("--tile", type=whole_number(0, 1024), metavar="N", help=tile)
    add("--steps", type=whole_number(1, 100_000), default=DEFAULTS["steps"], metavar="N", help="ascent: steps")
    add("--passes", type=whole_number(1, 1000), default=1, metavar="N", help="deepfool: over the images, at most")
    add("--count", type=whole_number(1, 100_000), default=288, metavar="N", help="scenes or crops to learn on")
    add("--held", type=whole_number(6, 100_000), default=144, metavar="N", help="held-out scenes or crops")
    add(
        "--transfer", nargs="+", metavar="NET", help="judge on these too: weights of SqueezeNet, or torchvision's names"
    )
    add(
        "--perturbation",
        type=Path,
        metavar="FILE",
        help="judge this one, ..._v.png, and learn nothing; its norm is the bound",
    )
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
