"""Which looks does the network see in one class? Its images sorted into facets, and a picture climbed for each.

Writes visualization/facet_visualization.png: for each facet the images nearest to its centre, their mean, and the
picture climbed from that mean. With --images, give many pictures of one class. Without, scenes are rendered whose kinds
are known, for the embedded network unless --weights says otherwise, and it is told how well the facets match the kinds.
"""

import sys
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from studies.shared.options import constant_of, defaults_of, make_parser, number, progress, run_script, whole_number

CLASSES = ("star", "tree", "spiral")
SHOWN = 3  # images a side in the square of those nearest to a facet's centre
TILE = 84  # pixels a side of each
LAYERS = defaults_of("visualizers.facets", "facet_features")["layers"]
NEAREST = constant_of("visualizers.facets", "NEAREST")
DEFAULTS = defaults_of("visualizers.facet_visualization", "facet_visualization")
SETTINGS = {  # flag: (type, what it is)
    "iterations": (whole_number(1, 100_000), "steps of gradient ascent"),
    "facet_weight": (number(0, 1e6), "how much the facet's features count beside the class's score; the paper has 0"),
    "learning_rate": (number(0, 1e6), "length of a step, the Euclidean norm over the picture"),
    "l2_reg": (number(0, 1e6), "weight of the picture's squared norm"),
    "blur_every": (whole_number(0), "iterations between two blurs, 0 for none"),
}


class Pictures(NamedTuple):
    """The pictures of one class, read one by one, so that memory does not grow with their number."""

    label: int
    count: int
    read: Callable  # number -> uint8 (H, W, 3)
    kinds: list  # the kind of each, by name, where it is known


def main(options) -> int:
    # After parsing, so that --help does not wait for torch.
    from core.activations import find_layer
    from drawing.files import describe, save_picture
    from drawing.grid import draw_grid
    from studies.shared.inputs import footer, load_network

    if not options.images and options.weights == "auto":
        print("no --images of one class: taking rendered scenes and the embedded network")
        options.weights = "patterns"
    model = load_network(options)
    for layer in options.layers:
        find_layer(model, layer)
    exit_code, groups = folder(options, model) if options.images else (0, scenes(options, model))
    columns, agreements, stopped = [], [], False
    for pictures in groups:
        try:
            panels, agreement = facets_of(options, model, pictures)
        except KeyboardInterrupt:
            if not columns:
                raise
            stopped = True
            print("stopped: the classes that were finished are drawn", file=sys.stderr)
            break
        columns += panels
        agreements += agreement
    below = [footer(model)]
    if agreements:
        below.append(f"adjusted Rand index with the planted kinds: {', '.join(agreements)}")
    figure = draw_grid(
        list(zip(*columns, strict=True)),
        row_names=[
            "nearest to\nthe facet's centre",
            f"mean of the\n{options.nearest} nearest",
            "climbed\nfrom the mean",
        ],
        title="The facets of a class",
        footer="; ".join(below),
    )
    metadata = describe("facet_visualization.py", vars(options), model.weights_name)
    print(f"wrote {save_picture(figure, options.output, metadata)}")
    if stopped:
        raise KeyboardInterrupt
    return exit_code


def folder(options, model) -> tuple[int, list[Pictures]]:
    """The exit code, 1 if a file is broken, and the pictures named, as of one class."""
    import numpy as np

    from core.errors import UsageError
    from core.images import centre_crop
    from studies.shared.inputs import list_pictures, load_pictures, name_broken, open_picture
    from studies.shared.options import find_class

    if options.labels and len(options.labels) > 1:
        raise UsageError(f"labels: {len(options.labels)} classes for --images; give one, all pictures are of one class")
    named, good, broken, predicted = list_pictures(options.images), [], [], Counter()
    for picture in progress(named, desc="read", unit="picture"):
        batch = load_pictures(model, [picture], [None], options.size)
        broken += batch.broken
        good += [picture] * len(batch.names)
        predicted.update(batch.labels.tolist())
    if not good:
        raise broken[0]
    name_broken(broken)
    label, _ = predicted.most_common(1)[0]
    if options.labels:
        label = find_class(options.labels[0], model.class_names)
    name = model.class_names[label]
    print(f"class {name}, which the network sees in {predicted[label]} of {len(good)} pictures")

    def read(index: int):
        return np.asarray(centre_crop(open_picture(good[index]), options.size))

    return int(bool(broken)), [Pictures(label, len(good), read, [])]


def scenes(options, model) -> list[Pictures]:
    """Rendered scenes of each class asked for, their kinds drawn at random."""
    from core.errors import UsageError
    from patterns.kinds import kind_names, planted_kinds
    from patterns.scenes import CLASS_NAMES, render_indexed
    from studies.shared.options import find_class

    if model.class_names != CLASS_NAMES:
        raise UsageError(
            f"images: none given, and {model.weights_name} does not know the rendered scenes; "
            "give a folder of pictures of one class, or --weights patterns"
        )
    groups = []
    for label in [find_class(text, CLASS_NAMES) for text in options.labels or CLASSES]:
        kinds, names = planted_kinds(label, options.scenes, seed=options.seed), kind_names(label)

        def read(index: int, label=label, kinds=kinds):
            return render_indexed(label, seed=options.seed, index=index, size=options.size, facet=kinds[index]).image

        groups.append(Pictures(label, options.scenes, read, [names[kind] for kind in kinds] if names else []))
    return groups


def facets_of(options, model, pictures: Pictures) -> tuple[list, list[str]]:
    """A column of panels for each facet of one class, and how well they match the kinds, where those are known."""
    import torch
    from sklearn.metrics import adjusted_rand_score

    from core.images import deprocess, preprocess
    from drawing.colours import stretch
    from drawing.grid import Panel
    from studies.shared.inputs import class_title, make_generator
    from visualizers.facet_visualization import facet_visualization
    from visualizers.facets import facet_directions, facet_features, find_facets, mean_images

    label, name = pictures.label, model.class_names[pictures.label]
    device = next(model.parameters()).device
    generator = make_generator(options)
    with progress(total=pictures.count + options.iterations, desc=name, unit="step") as bar:
        features = []
        for index in range(pictures.count):
            image = preprocess(pictures.read(index)).to(device)
            features.append(facet_features(model, image, label, layers=options.layers))
            bar.update()
        features = torch.cat(features)
        facets = find_facets(features, count=options.facets, generator=generator)
        shown = [members[: max(options.nearest, SHOWN**2)].tolist() for members in facets.nearest]
        nearest = [[pictures.read(index) for index in members] for members in shown]
        starts = mean_images([preprocess(each[: options.nearest]) for each in nearest]).to(device)
        climbed = facet_visualization(
            model,
            starts,
            label,
            facet_directions(features, facets),
            layers=options.layers,
            generator=generator,
            callback=lambda _step: bar.update() and None,
            **{setting: getattr(options, setting) for setting in SETTINGS},
        )
    with torch.no_grad():
        probabilities = model(climbed).softmax(dim=1)  # (facets, K)
    columns = []
    print(f"{name}: {len(nearest)} facets, silhouette {facets.silhouette:.2f}")
    for number_, members in enumerate(facets.nearest):
        share = f"{len(members) / pictures.count:.0%} of {pictures.count} images"
        held = Counter(pictures.kinds[index] for index in members.tolist()) if pictures.kinds else Counter()
        title = class_title(model, probabilities[number_], label)
        print(
            f"  facet {number_ + 1}: {share}; picture: {title}"
            + "".join(f"; {count} {kind}" for kind, count in held.most_common())
        )
        heading = [f"{name}, facet {number_ + 1}", share, *(f"{count} {kind}" for kind, count in held.most_common(1))]
        columns.append(
            [
                Panel(mosaic(nearest[number_][: SHOWN**2]), "\n".join(heading)),
                Panel(stretch(deprocess(starts)[number_])),
                Panel(stretch(deprocess(climbed)[number_]), title),
            ]
        )
    if not pictures.kinds:
        return columns, []
    agreement = adjusted_rand_score(pictures.kinds, facets.labels)
    print(f"  adjusted Rand index of facets and planted kinds: {agreement:.2f} (1 the same, 0 chance)")
    return columns, [f"{name} {agreement:.2f}"]


def mosaic(pictures):
    """Up to SHOWN x SHOWN pictures, uint8 (H, W, 3) each, in one."""
    import numpy as np
    from PIL import Image

    whole = np.full((SHOWN * TILE, SHOWN * TILE, 3), 255, np.uint8)
    for index, pixels in enumerate(pictures):
        top, left = (TILE * place for place in divmod(index, SHOWN))
        small = Image.fromarray(pixels).resize((TILE - 2, TILE - 2), Image.Resampling.LANCZOS)
        whole[top + 1 : top + TILE - 1, left + 1 : left + TILE - 1] = np.asarray(small)
    return whole


def parser():
    result = make_parser(__doc__, output="facet_visualization.png", images=False)
    add = result.add_argument
    add(
        "--images",
        nargs="+",
        metavar="PATH",
        help="pictures of one class, a folder or files (default: rendered scenes)",
    )
    named = ", ".join(CLASSES)
    words = "one, by name or number, for --images (default: the one predicted most often)"
    add("--labels", nargs="+", metavar="CLASS", help=f"the class: {words}; any for scenes (default: {named})")
    add("--scenes", type=whole_number(4, 100_000), default=160, metavar="N", help="rendered scenes of each class")
    add("--size", type=whole_number(64, 1024), default=224, metavar="PIXELS", help="side of the pictures")
    add("--facets", type=whole_number(2, 20), metavar="N", help="how many facets (default: the best by silhouette)")
    words = f"whose features tell the facets apart (default: {' '.join(LAYERS)})"
    add("--layers", nargs="+", default=LAYERS, metavar="NAME", help=words)
    add("--nearest", type=whole_number(1, 1000), default=NEAREST, metavar="N", help="images in the mean of a facet")
    for name, (kind, meaning) in SETTINGS.items():
        add(f"--{name.replace('_', '-')}", type=kind, default=DEFAULTS[name], metavar="N", help=meaning)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser()))
