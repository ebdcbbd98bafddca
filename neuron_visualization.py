"""What does a neuron look for? One layer inside the network: where it fires, what excites it, what it dreams of.

Writes visualization/neuron_visualization.png: the activation maps of --layer on a picture, and for its most selective
channels the patches that excite them most, with guided backprop beneath, and a picture climbed to excite them.

With --technique it draws one of these alone, or something else: templates (the weights of a linear classifier,
trained on scenes of 32 pixels), filters (the first layer's, of any torchvision network by --model), weights (a higher
layer's), activations, patches, channels and units (pictures climbed for a whole map, or for its centre alone). Of
several techniques each gets a file of its own.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice
from typing import NamedTuple

from core.errors import UsageError, WorkError
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

LAYER = "features.7"  # the seventh of 13: beyond edges, not yet whole objects
NAMESAKE = ("activations", "patches", "channels")  # what a bare run draws, under each other
COUNT = 6  # channels side by side
MARKED = 9  # strongest maps of a picture
PICTURES = 5  # whose activations are drawn; patches are sought in all
PANEL = 254  # pixels of a channel's panel
OURS = "squeezenet1_1"
TEMPLATE_SIZE = 32  # pixels, CIFAR-10's
TEST_SHARE = 0.2  # scenes to test the templates on, besides those they are trained on
FORMS = {"fourier": "Fourier basis", "pixels": "plain pixels"}
ITERATIONS = {"fourier": 256, "pixels": 100}
PIXELS = {"l2_reg": 0.0, "learning_rate": 15.0, "blur_every": 2}


class Subject:
    """What the figures are of, each made when a figure first asks for it: network, pictures, channels."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.failed = False  # something asked for could not be had; the rest was done

    @cached_property
    def model(self):
        from studies.shared.inputs import load_network

        return load_network(self.options)

    @cached_property
    def batch(self):
        """The first few of the pictures named, or the default ones."""
        from studies.shared.examples import example_scenes
        from studies.shared.inputs import load_batch, load_pictures, readable_pictures

        if self.options.images:
            readable = islice(readable_pictures(self.pictures, self.broken), PICTURES)
            few = [picture for picture, _ in readable]
            return load_pictures(self.model, few, [None] * len(few), self.options.size)
        without_labels = argparse.Namespace(**vars(self.options) | {"labels": None})  # those are of the templates
        return load_batch(without_labels, self.model, example_scenes)

    @cached_property
    def pictures(self) -> list:
        """All pictures named, not yet read."""
        from studies.shared.inputs import list_pictures

        return list_pictures(self.options.images)

    def stream(self, what: str) -> Iterator:
        """Many pictures (1, 3, H, W), one after the other: the files named, or rendered scenes."""
        from patterns.dataset import stream_scenes
        from studies.shared.inputs import stream_pictures

        options = self.options
        if not options.images:
            scenes = stream_scenes(options.scenes, seed=options.seed, size=options.size)
            yield from progress(scenes, desc=what, unit="scene", total=options.scenes)
            return
        yield from stream_pictures(progress(self.pictures, desc=what, unit="image"), options.size, self.broken)

    @cached_property
    def broken(self) -> dict:
        """What is wrong with each file that could not be read."""
        return {}

    @cached_property
    def channels(self) -> list[int]:
        """Those asked for, or the most selective ones over the stream."""
        from visualizers.selective_channels import selective_channels

        if self.named_channels:
            return self.named_channels
        stream, number = self.stream("which channels are selective"), self.options.count or COUNT
        found = selective_channels(self.model, self.layer, stream, number=number)
        if len(found) < number:
            cause = "what the others like best is among the patches already; give more pictures, or name --channels"
            print(f"channels: {len(found)} instead of {number}, since {cause}")
        return found

    @cached_property
    def named_channels(self) -> list[int]:
        """Those asked for by --channels, if any."""
        check_channels(self.options.channels, self.layer, self.map_shape[0])
        return self.options.channels or []

    @property
    def layer(self) -> str:
        return self.options.layer or LAYER

    @cached_property
    def map_shape(self) -> tuple[int, int, int]:
        """Of the layer, (C, h, w)."""
        import torch

        from visualizers.activation_maps import activation_maps

        empty = torch.zeros(1, 3, self.options.size, self.options.size)
        return tuple(activation_maps(self.model, empty, layer=self.layer).shape[1:])

    @cached_property
    def layer_title(self) -> str:
        """ "features.7, 256 channels of 27 x 27, each unit sees up to 63 x 63 pixels"."""
        from core.receptive_field import receptive_fields

        boxes = receptive_fields(self.model, self.layer, size=(self.options.size,) * 2)  # (C, h, w, 4)
        high, wide = ((boxes[..., last] - boxes[..., first]).max().item() for first, last in ((0, 2), (1, 3)))
        channels, height, width = self.map_shape
        return f"{self.layer}, {channels} channels of {height} x {width}, each unit sees up to {high} x {wide} pixels"

    @property
    def source(self) -> str:
        if not self.options.images:
            return f"{self.options.scenes} rendered scenes"
        count = len(self.pictures) - len(self.broken)
        return f"{count} pictures" if count > 1 else "1 picture"


class Drawn(NamedTuple):
    """A figure, and the weights that it shows."""

    pixels: object  # uint8 (H, W, 3)
    weights: str


def main(options) -> int:
    names = find_techniques(options.technique or NAMESAKE, TECHNIQUES)
    if options.model and not {"filters", "weights"} & set(names):
        raise UsageError("model: of other networks only filters and weights are shown; add --technique filters")
    # After parsing, so that --help does not wait for torch.
    from core.torchvision_models import check_model_name
    from drawing.files import describe, save_picture
    from drawing.grid import stack

    for name in options.model or ():
        check_model_name(name)
    subject = Subject(options)
    figures = []
    for name in names:
        drawn = TECHNIQUES[name](subject)
        figures.append(drawn.pixels)
        if options.technique:
            path = options.output.with_stem(f"{options.output.stem}_{name}") if len(names) > 1 else options.output
            metadata = describe("neuron_visualization.py", vars(options), drawn.weights)
            print(f"wrote {save_picture(drawn.pixels, path, metadata)}")
    if not options.technique:
        metadata = describe("neuron_visualization.py", vars(options), subject.model.weights_name)
        print(f"wrote {save_picture(stack(figures), options.output, metadata)}")
    return int(subject.failed or bool(subject.broken))


def draw_templates(subject: Subject) -> Drawn:
    """A linear classifier's weights, one picture a class."""
    import torch

    from drawing.colours import signed
    from drawing.grid import Panel, draw_grid
    from patterns.dataset import SceneDataset
    from patterns.scenes import CLASS_NAMES
    from visualizers.linear_templates import linear_templates

    options = subject.options
    classes = list(dict.fromkeys(find_class(text, CLASS_NAMES) for text in options.labels or range(len(CLASS_NAMES))))

    def scenes(each: int, seed: int, what: str):
        """Scenes (N, 3, 32, 32) in [0, 1] and the places of their classes in the list, (N,)."""
        data = SceneDataset(each * len(classes), seed=seed, size=TEMPLATE_SIZE, classes=classes)
        pictures = torch.stack([data[index][0] for index in progress(range(len(data)), desc=what, unit="scene")])
        return pictures.float() / 255, torch.arange(len(data)) % len(classes)

    training = scenes(options.train, 2 * options.seed, "scenes to train on")
    test = scenes(max(1, round(TEST_SHARE * options.train)), 2 * options.seed + 1, "scenes to test on")
    classifier = linear_templates(*training, weight_decay=options.weight_decay)
    learnt, new = classifier.accuracy(*training), classifier.accuracy(*test)
    chance = f"chance {100 / len(classes):.1f} %"
    print(
        f"templates: {100 * new:.1f} % of {len(test[0])} new scenes right, {100 * learnt:.1f} % of the "
        f"{len(training[0])} it was trained on, {chance}"
    )
    pictures = classifier.templates.permute(0, 2, 3, 1).numpy()
    columns = min(len(classes), 9)
    panels = [Panel(signed(picture), CLASS_NAMES[label]) for picture, label in zip(pictures, classes, strict=True)]
    pixels = draw_grid(
        [panels],
        columns=columns,
        cell=max(1.2, 10.8 / columns if columns > 4 else 2.3),
        title=f"A linear classifier has one template a class: {100 * new:.1f} % of new scenes right ({chance})",
        footer=f"softmax on {len(training[0])} scenes of {TEMPLATE_SIZE} pixels, weight decay "
        f"{options.weight_decay:g}; grey is weight 0, each template on its own scale",
    )
    return Drawn(pixels, "none")


def draw_filters(subject: Subject) -> Drawn:
    """The first layer's filters in colours, networks across, and untrained ones of the same shape beneath."""
    from drawing.grid import Panel, draw_grid
    from drawing.mosaic import mosaic
    from studies.shared.inputs import make_generator
    from visualizers.filters import convolution, first_convolution, scale_weights, untrained

    shared = subject.options.shared_scale
    rows, names = [[], []], []
    for name, network in networks(subject):
        layer = first_convolution(network)
        module = convolution(network, layer)
        start = untrained(module.weight, generator=make_generator(subject.options))
        high, wide = module.kernel_size
        title = f"{name}, {layer}\n{module.out_channels} filters of {high} x {wide}, stride {module.stride[0]}"
        for row, weights, words in zip(rows, (module.weight, start), (title, ""), strict=True):
            tiles = scale_weights(weights, shared_scale=shared).permute(0, 2, 3, 1).cpu().numpy()
            row.append(Panel(mosaic(tiles, side=380).pixels, words))
        names.append(network.weights_name)
    if len(names) == 1:  # side by side
        rows = [[rows[0][0], rows[1][0]._replace(title="the same before training,\nHe's random weights")]]
    pixels = draw_grid(
        rows,
        row_names=("trained", "untrained") if len(rows) > 1 else (),
        columns=4,
        cell=3.4,
        title="What the first layer looks for: its filters as pictures",
        footer=f"grey is weight 0, {'all filters on one scale' if shared else 'each filter on its own scale'}; "
        f"weights {', '.join(names)}",
    )
    return Drawn(pixels, ", ".join(names))


def draw_weights(subject: Subject) -> Drawn:
    """Filters of a higher layer: a grey tile for each channel that a filter reads."""
    from drawing.grid import Panel, draw_grid
    from drawing.mosaic import mosaic
    from visualizers.filters import convolution, scale_weights, second_convolution, widest_convolution

    options = subject.options
    rows, titles, names = [], [], []
    for name, network in networks(subject):
        layer = widest_convolution(network, options.layer) if options.layer else second_convolution(network)
        weights = convolution(network, layer).weight.detach()
        filters, channels, high, wide = weights.shape
        check_channels(options.channels, layer, filters)
        strongest = weights.flatten(1).norm(dim=1).argsort(descending=True, stable=True).tolist()
        chosen = options.channels or sorted(strongest[: options.count or COUNT])
        tiles = scale_weights(weights[chosen], shared_scale=options.shared_scale).cpu().numpy()  # (F, C, kh, kw)
        row = [mosaic([to_grey(plane) for plane in one], side=250).pixels for one in tiles]
        rows.append([Panel(pixels, f"filter {index}") for pixels, index in zip(row, chosen, strict=True)])
        titles.append("\n".join([name, *wrapped(layer), f"{filters} filters of {channels} x {high} x {wide}"]))
        names.append(network.weights_name)
    which = "the filters asked for" if options.channels else "the filters of largest norm"
    scale = "all filters of a network on one scale" if options.shared_scale else "each filter on its own scale"
    pixels = draw_grid(
        rows,
        row_names=titles,
        columns=COUNT,
        title="A higher layer's weights say little: one tile for each channel that a filter reads",
        footer=f"{which}; grey is weight 0, {scale}; weights {', '.join(names)}",
    )
    return Drawn(pixels, ", ".join(names))


def draw_activations(subject: Subject) -> Drawn:
    """For each picture all maps of the layer, the strongest framed, and these laid over the picture."""
    from drawing.colours import diverging, full_scale, heat, overlay
    from drawing.grid import Panel, draw_grid
    from drawing.mosaic import mosaic
    from studies.shared.inputs import footer
    from visualizers.activation_maps import activation_maps, strongest_channels
    from visualizers.gradcam import upsample

    options, batch, layer = subject.options, subject.batch, subject.layer
    there, named = subject.map_shape[0], subject.named_channels
    rows = []
    for index in range(len(batch.names) if options.images else 1):
        maps = activation_maps(subject.model, batch.images[index : index + 1], layer=layer).cpu()  # (1, C, h, w)
        marked = named or strongest_channels(maps, min(options.count or MARKED, there))[0].tolist()
        values = maps[0].numpy()
        colours = diverging if values.min() < 0 else heat
        scale = full_scale(values) if options.shared_scale else None
        whole = mosaic([colours(one, scale=scale) for one in values], side=560)
        large = upsample(maps[0, marked], batch.images.shape[2:]).numpy()  # (marked, H, W)
        near = mosaic([overlay(batch.pixels[index], one, scale=scale) for one in large], side=560)
        peaks = maps[0, marked].amax(dim=(1, 2)).tolist()
        words = [f"{channel}: {peak:.3g}" for channel, peak in zip(marked, peaks, strict=True)]
        rows.append(
            [
                Panel(batch.pixels[index], batch.titles[index]),
                Panel(whole.pixels, f"all {there} channels", "", [whole.mark(one, str(one)) for one in marked]),
                Panel(
                    near.pixels,
                    f"{'channels asked for' if named else 'the strongest'}, channel: largest value",
                    "",
                    [near.mark(place, text) for place, text in enumerate(words)],
                ),
            ]
        )
        print(f"{batch.names[index]}: {layer}, channel: largest value: {', '.join(words)}")
    scale_words = "all maps of a picture on one scale" if options.shared_scale else "each map on its own scale"
    left_out = len(subject.pictures) - len(subject.broken) - len(rows) if options.images else 0
    if left_out > 0:
        print(f"activations: of the first {len(rows)} pictures; name one to see its own")
    few = f"the first {len(rows)} pictures of {len(rows) + left_out}; " if left_out > 0 else ""
    pixels = draw_grid(
        rows,
        cell=5.1,
        title=f"Where each channel fires: {subject.layer_title}",
        footer=f"{few}{scale_words}; {footer(subject.model)}",
    )
    return Drawn(pixels, subject.model.weights_name)


def draw_patches(subject: Subject) -> Drawn:
    """For each channel the nine patches that excite it most, and guided backprop of that very unit beneath."""
    import torch

    from core.images import deprocess
    from drawing.colours import signed
    from drawing.grid import Panel, draw_grid
    from drawing.mosaic import mosaic
    from studies.shared.inputs import footer
    from visualizers.top_patches import top_patches
    from visualizers.unit_gradient import guided_unit

    model, layer, channels = subject.model, subject.layer, subject.channels
    found = top_patches(model, layer, channels, subject.stream("patches"))
    above, beneath = [], []
    for channel, patches in zip(channels, found, strict=True):
        images = torch.stack([patch.image for patch in patches])
        units = ([patch.row for patch in patches], [patch.column for patch in patches])
        gradients = guided_unit(model, images, layer, channel, *units)
        colours = [deprocess(patch.pixels[None])[0] / 255 for patch in patches]
        guided = [
            signed(patch.box.cut(one).permute(1, 2, 0).numpy()) for patch, one in zip(patches, gradients, strict=True)
        ]
        title = f"channel {channel}\n{patches[0].value:.3g} to {patches[-1].value:.3g}"
        for row, pictures, words in ((above, colours, title), (beneath, guided, "")):
            row.append(Panel(mosaic(same_frames(pictures, patches, side=PANEL // 3 - 1), side=PANEL).pixels, words))
    pixels = draw_grid(
        [above, beneath],
        row_names=("strongest patches", "guided backprop\nof that unit"),
        columns=COUNT,
        title=f"What excites a channel most: {subject.layer_title}",
        footer=f"the best patch of an image, the {len(found[0])} best of {subject.source}; cut as large as the unit "
        f"sees, light grey beyond the border; {footer(model)}",
    )
    return Drawn(pixels, model.weights_name)


def draw_channels(subject: Subject) -> Drawn:
    """Pictures climbed to excite a channel all over its map."""
    return draw_climbed(subject, "channel")


def draw_units(subject: Subject) -> Drawn:
    """Pictures climbed to excite the unit in the middle of a channel's map, cut to what it sees."""
    return draw_climbed(subject, "unit")


def draw_climbed(subject: Subject, what: str) -> Drawn:
    """Channels across, forms down."""
    from skimage.transform import resize

    from core.images import deprocess
    from core.objectives import channel_objective, unit_objective
    from core.receptive_field import receptive_field
    from drawing.colours import stretch
    from drawing.grid import Panel, draw_grid
    from studies.shared.inputs import footer

    options, model, layer, channels = subject.options, subject.model, subject.layer, subject.channels
    rows = []
    for form in options.form:
        objective = (channel_objective if what == "channel" else unit_objective)(model, layer, channels)
        pictures, before, after = climb(subject, objective, len(channels), form)
        row = []
        for index, channel in enumerate(channels):
            picture = pictures[index : index + 1]
            if what == "unit":
                middle = [length // 2 for length in subject.map_shape[1:]]
                picture = receptive_field(model, layer, channel, *middle, size=(options.size,) * 2).cut(picture)
            words = f"{what} {channel}\n{before[index]:.3g} to {after[index]:.3g}"
            # A ReLU below the layer holds it at 0, or the steps were too few: what is drawn is the noise at the start.
            stuck = before[index] == after[index] == 0
            note = "its value stayed 0; take more --iterations, or the layer before it" if stuck else ""
            drawn = resize(stretch(deprocess(picture)[0]), (PANEL, PANEL), anti_aliasing=True)
            row.append(Panel(drawn, words, note))
            values = f"objective {before[index]:.3g} at first, {after[index]:.3g} at last"
            print(f"{form}: {what} {channel} of {layer}: {values}")
        rows.append(row)
    goal = (
        "the mean of the channel's map"
        if what == "channel"
        else "the channel in the middle of its map, cut to what it sees"
    )
    pixels = draw_grid(
        rows,
        row_names=[f"climbed picture,\n{FORMS[form]}" for form in options.form],
        columns=COUNT,
        title=f"What a {what} responds to most: {subject.layer_title}",
        footer=f"climbed: {goal}; below the number its value at first and at last; {footer(model)}",
    )
    return Drawn(pixels, model.weights_name)


def climb(subject: Subject, objective, count: int, form: str) -> tuple:
    """Pictures (count, 3, size, size) of the form, and the objective of each at the first and at the last step."""
    import torch

    from studies.shared.inputs import make_generator
    from visualizers.class_visualization import climb_pixels
    from visualizers.fourier_visualization import fourier_visualization

    options, values = subject.options, []
    iterations = options.iterations or ITERATIONS[form]
    with progress(total=iterations, desc=form, unit="step") as bar:

        def watch(step) -> None:
            bar.update()
            values.append(step.value.tolist())

        common = {"iterations": iterations, "generator": make_generator(options), "callback": watch}
        if form == "fourier":
            pictures = fourier_visualization(subject.model, objective, count, size=options.size, **common)
        else:
            noise = torch.randn(1, 3, options.size, options.size, generator=common["generator"])
            pictures = climb_pixels(subject.model, objective, noise.repeat(count, 1, 1, 1), **common, **PIXELS)
    return pictures, values[0], values[-1]


def same_frames(pictures, patches, *, side: int) -> list:
    """Pictures (h, w, 3) of the patches, each in a square as large as an uncut one, `side` pixels: what lies beyond the
    image's border is light grey."""
    import numpy as np
    from skimage.transform import resize

    whole = max(max(picture.shape[:2]) for picture in pictures)
    framed = []
    for picture, patch in zip(pictures, patches, strict=True):
        high, wide = picture.shape[:2]
        top = whole - high if patch.box.top == 0 else 0
        left = whole - wide if patch.box.left == 0 else 0
        frame = np.full((whole, whole, 3), 0.92)
        frame[top : top + high, left : left + wide] = picture
        framed.append(resize(frame, (side, side), order=1, anti_aliasing=whole > side))
    return framed


def networks(subject: Subject) -> Iterator[tuple]:
    """(name, network) of those asked for by --model, ours if none; one that cannot be had is named and left out."""
    from core.torchvision_models import load_torchvision

    asked, missing = subject.options.model or [OURS], []
    for name in asked:
        try:
            yield name, subject.model if name == OURS else load_torchvision(name, otherwise=f"leave {name} out")
        except WorkError as error:
            missing.append(error)
            print(f"left out: {name}: {error}", file=sys.stderr)
            subject.failed = True
    if len(missing) == len(asked):
        raise WorkError(f"model: of {', '.join(asked)} no weights can be had; {OURS} works without")


def check_channels(channels: list[int] | None, layer: str, there: int) -> None:
    """Raise UsageError if the layer has not all of the channels."""
    for channel in channels or ():
        if channel >= there:
            raise UsageError(f"channels: '{layer}' has no channel {channel}; allowed are 0 to {there - 1}")


def wrapped(name: str, most: int = 24) -> list[str]:
    """A long name in lines, broken after its dots."""
    import textwrap

    return [line.replace(" ", "") for line in textwrap.wrap(name.replace(".", ". "), most)]


def to_grey(plane):
    """(h, w) in [0, 1] -> (h, w, 3)."""
    return plane[..., None].repeat(3, axis=2)


TECHNIQUES: dict[str, Callable[[Subject], Drawn]] = {
    "templates": draw_templates,
    "filters": draw_filters,
    "weights": draw_weights,
    "activations": draw_activations,
    "patches": draw_patches,
    "channels": draw_channels,
    "units": draw_units,
}


def parser():
    result = make_parser(__doc__, output="neuron_visualization.png", labels="templates: classes of scenes")
    add = result.add_argument
    listed = f"all, or any of {', '.join(TECHNIQUES)} (default: a sheet of {', '.join(NAMESAKE)})"
    add("--technique", nargs="+", metavar="NAME", help=listed)
    add("--layer", metavar="NAME", help=f"which layer (default: {LAYER}; weights: the second convolution)")
    channels = "which channels (default: those that fire most, or are most selective)"
    add("--channels", nargs="+", type=whole_number(0), metavar="N", help=channels)
    count = f"how many channels, if none are named (default: {COUNT}; activations: {MARKED})"
    add("--count", type=whole_number(1, 64), metavar="N", help=count)
    form = "channels, units: how the climbed picture is written"
    add("--form", nargs="+", choices=tuple(FORMS), default=["fourier"], help=f"{form} (default: fourier)")
    steps = ", ".join(f"{name} {steps}" for name, steps in ITERATIONS.items())
    add("--iterations", type=whole_number(1, 100_000), metavar="N", help=f"steps of the climb (default: {steps})")
    models = f"filters, weights: torchvision's classifiers, e.g. alexnet resnet18 (default: {OURS})"
    add("--model", nargs="+", metavar="NAME", help=models)
    add("--shared-scale", action="store_true", help="one colour scale for all filters or maps, not one for each")
    scenes = "rendered scenes to find patches in, if no --images are named"
    add("--scenes", type=whole_number(1, 1_000_000), default=360, metavar="N", help=scenes)
    add("--train", type=whole_number(2, 100_000), default=200, metavar="N", help="templates: scenes of each class")
    default = defaults_of("visualizers.linear_templates", "linear_templates")["weight_decay"]
    smooth = "templates: the larger, the smoother"
    add("--weight-decay", type=number(1e-9, 1e9), default=default, metavar="N", help=smooth)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
