"""Which images look alike to the network? Nearest neighbours, PCA, t-SNE and an image map, features beside pixels.

Writes visualization/embedding_visualization.png, queries with their nearest images in feature space and in pixel space;
beside it embedding_visualization_tsne.png, every image as a point in the plane, and embedding_visualization_map.png,
every image in a cell of its own. With --technique it draws those named; of several, the second and later ones get
their names appended to the file's.

Of rendered scenes, of handwritten digits and of a folder with a subfolder for each class the classes are known. Then it
prints how many of the nearest images are of the image's own class, in each space and in each drawing.

Features are kept in visualization/embedding_cache/, by the content of the picture, so that a second run takes seconds.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from studies.shared.options import (
    OUTPUT_FOLDER,
    constant_of,
    defaults_of,
    find_techniques,
    make_parser,
    number,
    progress,
    run_script,
    whole_number,
)

THUMBNAIL = 64  # pixels a side, of what is kept of each image
PIXEL_SIDE = 32  # of the pictures that are compared pixel by pixel: as small as people still know what they show
CHUNKS = 12  # of images between two writings to the cache
QUERIES = 7
SCENES = 1800
ABOVE_CHANCE = 0.1  # a class is named in a drawing where its precision is so much above chance
MOST_NAMES = 40  # more hide what they name
WIDEST_MAP, WIDEST_CELL, NARROWEST = 2000, 120, 800  # pixels: of a map, of an image in it, of its figure
FRAMED, FRAME, DASH = 110, 5, 9  # pixels: side of a neighbour's picture, width of its frame, length of its dashes
GREEN, RED = (20, 150, 60), (215, 40, 30)
LONGEST_NAME = 15
MARKERS = "os^DvP"
SPACES = ("features", "pixels")


TECHNIQUES = {  # name: title; what each shows is said where it is drawn, below
    "neighbours": "Nearest neighbours",
    "pca": "PCA",
    "tsne": "t-SNE",
    "map": "Image map",
}
NAMESAKE = ("neighbours", "tsne", "map")  # what a bare run draws


class Source(NamedTuple):
    """A picture that is named but not yet read."""

    name: str
    class_name: str  # "" where nobody knows
    content: Callable[[], bytes]  # a hash of all that its pixels depend on
    read: Callable  # side in pixels -> uint8 (side, side, 3), as the network gets it


class Collection(NamedTuple):
    """The images that could be read, in the two spaces in which they are compared."""

    what: str  # "1800 rendered scenes"
    sources: list[Source]
    features: object  # (N, C), each row of length 1
    pixels: object  # (N, 3 * PIXEL_SIDE^2), 0 to 1
    thumbnails: object  # uint8 (N, T, T, 3)
    labels: object  # (N,) or None
    class_names: list[str]
    feature_words: str
    network: str


def main(options) -> int:
    names = find_techniques(options.technique or NAMESAKE, TECHNIQUES)
    # After parsing, so that --help does not wait for torch.
    from drawing.files import describe, save_picture
    from studies.shared.inputs import load_network

    model = load_network(options)
    images, exit_code = collect(model, options)
    metadata = describe("embedding_visualization.py", vars(options), model.weights_name)
    report = Report(images, options)
    draw = {
        "neighbours": draw_neighbours,
        "pca": partial(draw_scatter, "pca"),
        "tsne": partial(draw_scatter, "tsne"),
        "map": draw_map,
    }
    for place, name in enumerate(names):
        figure = draw[name](images, report, options)
        path = options.output.with_stem(f"{options.output.stem}_{name}") if place else options.output
        print(f"wrote {save_picture(figure, path, metadata)}", flush=True)
    return exit_code


# --- The images ----------------------------------------------------------------------------------


def list_sources(options) -> tuple[str, list[Source]]:
    """What the images are, in words, and the images."""
    if options.digits:
        return "handwritten digits", digit_sources()
    if options.images:
        return "images", [source for path in options.images for source in path_sources(path)]
    return "rendered scenes", scene_sources(options)


def scene_sources(options) -> list[Source]:
    """Rendered scenes of all classes in turn. A scene depends on its numbers and on the code that renders it."""
    import hashlib

    import numpy as np

    import patterns
    from patterns.scenes import CLASS_NAMES, render_indexed

    code = hashlib.sha256(np.__version__.encode())
    for path in sorted(Path(patterns.__file__).parent.glob("*.py")):
        code.update(path.read_bytes())

    def source(index: int) -> Source:
        scene = {"seed": options.seed, "index": index}
        name = CLASS_NAMES[index % len(CLASS_NAMES)]
        return Source(
            f"scene {index}",
            name,
            lambda: hashlib.sha256(f"{name} {scene} {code.hexdigest()}".encode()).digest(),
            lambda size: render_indexed(name, **scene, size=size).image,
        )

    return [source(index) for index in range(options.scenes or SCENES)]


def digit_sources() -> list[Source]:
    """The 1797 digits of 8 x 8 pixels that come with scikit-learn, black on white."""
    import hashlib

    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    greys = (255 - digits.images * (255 / 16)).round().astype(np.uint8)  # (N, 8, 8), 0 to 16 -> 255 to 0

    def source(index: int) -> Source:
        return Source(
            f"digit {index}",
            str(digits.target[index]),
            lambda: hashlib.sha256(b"8 x 8 " + greys[index].tobytes()).digest(),
            lambda size: np.asarray(Image.fromarray(greys[index]).convert("RGB").resize((size, size), Image.BICUBIC)),
        )

    return [source(index) for index in range(len(greys))]


def path_sources(path: str) -> list[Source]:
    """The pictures of a file, of a folder, or of a folder's subfolders, each of which is a class."""
    import hashlib

    import numpy as np

    from core.defaults import PHOTOGRAPHS
    from core.images import SUFFIXES, centre_crop, default_photograph, list_image_files, load_image

    def source(file: Path, class_name: str = "") -> Source:
        return Source(file.stem, class_name, lambda: file_hash(file), lambda size: crop(load_image(file), size))

    def crop(image, size: int):
        return np.asarray(centre_crop(image, size))

    if path in PHOTOGRAPHS:
        hash_ = hashlib.sha256(f"photograph {path}".encode()).digest()
        return [Source(path, "", lambda: hash_, lambda size: crop(default_photograph(path), size))]
    folder = Path(path).expanduser()
    inside = sorted(folder.iterdir()) if path and folder.is_dir() else []
    classes = []
    for below in (entry for entry in inside if entry.is_dir() and not entry.name.startswith(".")):
        files = sorted(file for file in below.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
        classes += [source(file, below.name) for file in files]
    if not classes:
        return [source(file) for file in list_image_files([path])]
    beside = sum(entry.suffix.lower() in SUFFIXES for entry in inside if entry.is_file())
    if beside:
        print(f"left out: {beside} pictures of '{path}' beside its subfolders, which have no class", file=sys.stderr)
    return classes


def file_hash(path: Path) -> bytes:
    """A hash of the file's content; of its name where it cannot be read, which is said where the picture is wanted."""
    import hashlib

    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return hashlib.sha256(f"unreadable {path}".encode()).digest()


def shrink(pixels, side: int):
    """uint8 (H, W, 3) -> (side, side, 3), each pixel the mean of those that it stands for."""
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BOX))


def collect(model, options) -> tuple[Collection, int]:
    """The images in both spaces, and the exit code: 1 if one could not be read, which is named and left out."""
    import numpy as np
    import torch

    from core.errors import UsageError
    from visualizers.image_features import unit_length

    what, sources = list_sources(options)
    entries, broken = find_features(model, sources, options)
    kept = [(source, entry) for source, entry in zip(sources, entries, strict=True) if entry is not None]
    for error in broken:
        if not kept:
            raise error
        print(f"skipped: {error}", file=sys.stderr)
    sources = [source for source, _ in kept]
    if len(sources) < 4:
        raise UsageError(f"images: {len(sources)} are too few to compare; give at least 4")
    features = torch.from_numpy(np.stack([entry.features for _, entry in kept]))
    thumbnails = np.stack([entry.thumbnail for _, entry in kept])
    step = THUMBNAIL // PIXEL_SIDE
    small = torch.from_numpy(thumbnails).unflatten(1, (PIXEL_SIDE, step)).unflatten(3, (PIXEL_SIDE, step))
    class_names = sorted({source.class_name for source in sources})
    labels = None
    if all(class_names) and len(class_names) > 1:
        labels = torch.tensor([class_names.index(source.class_name) for source in sources])
        what += f" of {len(class_names)} classes"
    images = Collection(
        what=f"{len(sources)} {what}",
        sources=sources,
        features=unit_length(features),
        pixels=(small.float().mean(dim=(2, 4)) / 255).flatten(1),
        thumbnails=thumbnails,
        labels=labels,
        class_names=class_names,
        feature_words=f"{options.layer}, {features.shape[1]} numbers",
        network=f"SqueezeNet 1.1, weights {model.weights_name}",
    )
    return images, 1 if broken else 0


def find_features(model, sources: list[Source], options) -> tuple[list, list]:
    """The cache's entry of each source, new ones put there, None where it is broken; and what is wrong with those."""
    from core.activations import find_layer
    from core.errors import UsageError
    from core.gradients import CHUNK_PIXELS
    from core.images import preprocess
    from studies.shared.feature_cache import Entry, cache_folder, load_entries, save_entries
    from visualizers.image_features import image_features

    find_layer(model, options.layer)
    settings = {"layer": options.layer, "size": options.size, "thumbnail": THUMBNAIL}
    folder = cache_folder(OUTPUT_FOLDER / "embedding_cache", model, settings)
    hashes = [source.content() for source in progress(sources, desc="hashes", unit="image")]
    known, unsaved = load_entries(folder, hashes).keys(), {}
    missing = [(hash_, source) for hash_, source in zip(hashes, sources, strict=True) if hash_ not in known]
    if len(missing) < len(sources):
        print(f"features: {len(sources) - len(missing)} of {len(sources)} images are known from {folder}")
    device, broken = next(model.parameters()).device, []
    together = CHUNKS * max(1, CHUNK_PIXELS // options.size**2)
    with progress(total=len(missing), desc="features", unit="image") as bar:
        for start in range(0, len(missing), together):
            pictures = {}
            for hash_, source in missing[start : start + together]:
                try:
                    pictures[hash_] = source.read(options.size)
                except UsageError as error:
                    broken.append(error)
                bar.update()
            if pictures:
                images = preprocess(list(pictures.values())).to(device)
                rows = image_features(model, images, layer=options.layer).float().cpu().numpy()
                thumbnails = [shrink(pixels, THUMBNAIL) for pixels in pictures.values()]
                new = dict(zip(pictures, map(Entry, rows, thumbnails), strict=True))
                if not save_entries(folder, new):
                    unsaved |= new
    if unsaved:
        print(f"features: not kept, '{folder}' cannot be written", file=sys.stderr)
    # Read again at the end: small arrays held among the large ones that come and go would scatter the memory.
    found = unsaved | load_entries(folder, hashes)
    return [found.get(hash_) for hash_ in hashes], broken


# --- The numbers ---------------------------------------------------------------------------------


class Plane(NamedTuple):
    """The images as points."""

    points: object  # (N, 2)
    measured_as: str
    title: str


class Report:
    """Measures, prints what it measured, and keeps what several figures need."""

    def __init__(self, images: Collection, options) -> None:
        from core.errors import UsageError
        from visualizers.nearest_neighbours import best_precision, chance_precision

        self.images, self.count, self.perplexity = images, options.neighbours, options.perplexity
        self.planes: dict[tuple[str, str], Plane] = {}
        self.precisions = {}  # what was measured: one precision for each image, (N,)
        most = len(images.sources) - 1
        if self.count > most:
            raise UsageError(f"neighbours: {self.count} for {most + 1} images; allowed are 1 to {most}")
        if images.labels is None:
            print(f"{images.what}, whose classes are unknown")
            return
        self.chance, best = chance_precision(images.labels), best_precision(images.labels, self.count)
        limit = "" if best == 1 else f", {best:.1%} at best"
        print(f"{images.what}; of an image's {self.count} nearest, the share of its own class, with its 95 % interval:")
        print(f"  {'chance':<30}{self.chance:7.1%}{limit}")
        for space in SPACES:
            self.measure(space, getattr(images, space))

    def measure(self, what: str, points, also: str = "") -> None:
        """Print and keep the precision among these points (N, D), with all of them as queries."""
        from measures.intervals import mean_interval
        from visualizers.nearest_neighbours import nearest_neighbours, precision_at_k

        words = ""
        if self.images.labels is not None:
            near, _ = nearest_neighbours(points, self.count)
            self.precisions[what] = precision_at_k(near, self.images.labels)
            share = mean_interval(self.precisions[what])
            words = f"{share.mean:7.1%} ({max(0, share.low):.1%} to {min(1, share.high):.1%})"
        if words or also:
            print(f"  {what:<30}{words}{also}", flush=True)

    def share(self, what: str) -> str:
        """What was measured, for a title: "83.1 ± 0.8 % are of its class", or nothing."""
        from measures.intervals import mean_interval

        if what not in self.precisions:
            return ""
        share = mean_interval(self.precisions[what])
        return f"{100 * share.mean:.1f} ± {100 * (share.high - share.mean):.1f} % are of its class"

    def plane(self, technique: str, space: str) -> Plane:
        """The images' "features" or "pixels" as points in the plane, by "pca" or "tsne"."""
        from visualizers.embedding import principal_components, trustworthiness, tsne

        if (technique, space) not in self.planes:
            rows, extra = getattr(self.images, space), ""
            if technique == "pca":
                points, _, _, variance = principal_components(rows)
                extra = "{:.0f} % + {:.0f} % of the variance, ".format(*(100 * variance).tolist())
            else:
                points = tsne(rows, perplexity=self.perplexity)
            extra += f"trustworthiness {trustworthiness(rows, points):.3f}"
            what = f"{TECHNIQUES[technique]} of the {space}"
            self.measure(what, points, also=f"  {extra}")
            share = self.share(what)
            below = f"of a point's {self.count} nearest {share}, by chance {100 * self.chance:.1f} %" if share else ""
            self.planes[technique, space] = Plane(points, what, f"{what}: {extra}\n{below}".strip())
        return self.planes[technique, space]

    def kept_together(self, what: str) -> list[int]:
        """The classes whose names say something among the points measured; elsewhere a class has no place."""
        precisions, labels = self.precisions[what], self.images.labels
        shares = [float(precisions[labels == label].mean()) for label in range(len(self.images.class_names))]
        best = sorted(range(len(shares)), key=lambda label: -shares[label])[:MOST_NAMES]
        return sorted(label for label in best if shares[label] >= self.chance + ABOVE_CHANCE)


# --- The figures ---------------------------------------------------------------------------------


def draw_neighbours(images: Collection, report: Report, options):
    """Queries down; beside each its nearest images by features, and by pixels; uint8 (H, W, 3)."""
    import numpy as np

    from drawing.grid import draw_grid
    from visualizers.nearest_neighbours import nearest_neighbours

    queries = choose_queries(images, options.seed)
    nearness = {
        "features": lambda distance: f"cosine {1 - distance**2 / 2:.2f}",  # of rows of length 1
        "pixels": lambda distance: f"distance {distance:.1f}",
    }
    halves = []
    for space, footer in (
        ("features", f"{images.network}, {images.feature_words}, cosine"),
        ("pixels", f"Euclidean distance of {PIXEL_SIDE} x {PIXEL_SIDE} pixels; queries drawn by chance"),
    ):
        near, distances = nearest_neighbours(getattr(images, space), report.count, queries=queries)
        rows = [[panel(images, options.size, query)] if space == "features" else [] for query in queries.tolist()]
        for row, query, found, far in zip(rows, queries.tolist(), near.tolist(), distances.tolist(), strict=True):
            row += [
                panel(images, options.size, other, query, nearness[space](distance))
                for other, distance in zip(found, far, strict=True)
            ]
        title = f"Nearest by {space}: {report.share(space)}".removesuffix(": ")
        halves.append(draw_grid(rows, cell=1.1, title=title, footer=footer))
    return np.concatenate(halves, axis=1)


def choose_queries(images: Collection, seed: int):
    """Images drawn by chance, each of another class while there are others, (Q,)."""
    import torch

    order = torch.randperm(len(images.sources), generator=torch.Generator().manual_seed(seed)).tolist()
    first = {images.sources[index].class_name or index: index for index in reversed(order)}
    order.sort(key=lambda index: index not in set(first.values()))  # stable: the first of each class, then the others
    return torch.tensor(order[:QUERIES])


def panel(images: Collection, size: int, index: int, query: int | None = None, nearness: str = ""):
    """Image `index`, as a neighbour of a query framed: a whole green frame for its class, a broken red one for another.

    The picture is read again: of thousands of images only thumbnails are kept.
    """
    import numpy as np

    from drawing.grid import Panel

    source = images.sources[index]
    pixels = np.pad(shrink(source.read(size), FRAMED), ((FRAME, FRAME), (FRAME, FRAME), (0, 0)))
    name = source.class_name or source.name
    name = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    edge = np.ones(pixels.shape[:2], dtype=bool)
    edge[FRAME:-FRAME, FRAME:-FRAME] = False
    pixels[edge] = 255
    if query is None:
        return Panel(pixels, name)
    if images.labels is None:
        return Panel(pixels, f"{name}\n{nearness}")
    right = source.class_name == images.sources[query].class_name
    if not right:  # broken, so that it differs by more than its colour
        down, across = np.indices(edge.shape) // DASH
        edge &= (down + across) % 2 == 0
    pixels[edge] = GREEN if right else RED
    return Panel(pixels, f"{'✓' if right else '✗'} {name}")


def draw_scatter(technique: str, images: Collection, report: Report, options):
    """Every image as a point, by its pixels and by its features, coloured by class; uint8 (H, W, 3)."""
    from matplotlib.figure import Figure

    from drawing.grid import DOTS_PER_INCH, pixels_of

    figure = Figure(figsize=(13.2, 7.2), dpi=DOTS_PER_INCH, facecolor="white")
    title = f"{TECHNIQUES[technique]}: {images.what}, a point each"
    figure.text(0.012, 0.965, title, fontsize=14, fontweight="bold", va="center")
    words = f"{images.network}, {images.feature_words} scaled to length 1; pixels: {PIXEL_SIDE} x {PIXEL_SIDE}"
    if images.labels is not None:
        least = 100 * (report.chance + ABOVE_CHANCE)
        words += f"; named: the classes to which at least {least:.0f} % of their points' nearest belong"
    figure.text(0.012, 0.018, words, fontsize=7.5, color="0.4", va="center")
    for place, space in enumerate(("pixels", "features")):
        plane = report.plane(technique, space)
        axes = figure.add_axes((0.012 + 0.495 * place, 0.04, 0.481, 0.83))
        axes.set_title(plane.title, fontsize=10.5, loc="left", linespacing=1.25)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_color("0.8")
        places = plane.points.numpy()
        size = min(30, max(5, 16000 / len(places)))
        if images.labels is None:
            axes.scatter(*places.T, s=size, color="#2471a3", linewidths=0)
            continue
        colours = class_colours(len(images.class_names))
        for label, colour in enumerate(colours):
            mine = places[images.labels.numpy() == label]
            marker = MARKERS[label // 10 % len(MARKERS)]
            axes.scatter(*mine.T, s=size, color=colour, marker=marker, linewidths=0, alpha=0.75)
        name_classes(axes, places, images, report.kept_together(plane.measured_as), colours)
    return pixels_of(figure)


def class_colours(count: int) -> list:
    """A colour for each class; past 20 they are told apart by their markers and names as well."""
    import matplotlib

    few = matplotlib.colormaps["tab10"].colors
    many = [*matplotlib.colormaps["Dark2"].colors, *few, *matplotlib.colormaps["Set1"].colors[:5]]
    return [(few if count <= 10 else many)[number % (10 if count <= 10 else len(many))] for number in range(count)]


def name_classes(axes, places, images: Collection, named: list[int], colours=None, fontsize=9) -> None:
    """Write the names of these classes where most of their points are, moved aside where names would overlap."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.patheffects import withStroke

    if not named:
        return
    axes.autoscale_view()
    # Not the median of all points: of a class in two groups it would lie between them, among points of others.
    medians = np.stack([middle(places[images.labels.numpy() == label]) for label in named])
    texts = []
    for label, median in zip(named, medians, strict=True):
        colour = "black" if colours is None else np.multiply(colours[label], 0.7)
        style = {"color": colour, "fontsize": fontsize, "fontweight": "bold", "ha": "center", "va": "center"}
        halo = [withStroke(linewidth=3, foreground="white")]
        texts.append(axes.text(*median, images.class_names[label], path_effects=halo, parse_math=False, **style))
    renderer = FigureCanvasAgg(axes.figure).get_renderer()
    sizes = np.array([text.get_window_extent(renderer).size for text in texts]) + 4
    start = axes.transData.transform(medians)
    moved = spread(start, sizes, np.array(axes.get_window_extent(renderer).extents).reshape(2, 2))
    for text, place in zip(texts, axes.transData.inverted().transform(moved), strict=True):
        text.set_position(place)


def middle(points):
    """The median of the half of the points (N, 2) that lie closest together, (2,)."""
    import numpy as np

    distances = np.linalg.norm(points[:, None] - points, axis=2)
    reach = np.median(distances, axis=1)
    centre = reach.argmin()
    return np.median(points[distances[centre] <= reach[centre]], axis=0)


def spread(centres, sizes, bounds):
    """Move boxes, centres and sizes (K, 2), apart until none overlaps, inside bounds (2, 2) -> centres (K, 2)."""
    import numpy as np

    places = centres + np.linspace(0, 1e-3, len(centres))[:, None]  # two on one spot must part somehow
    room = (sizes[:, None] + sizes) / 2
    for _ in range(500):
        apart = places[:, None] - places  # (K, K, 2)
        overlap = room - np.abs(apart)
        np.fill_diagonal(overlap[..., 0], -1)
        both = (overlap > 0).all(axis=2)
        if not both.any():
            break
        axis = overlap.argmin(axis=2)  # the shorter way out
        for each in (0, 1):
            push = np.where(both & (axis == each), np.sign(apart[..., each]) * overlap[..., each], 0)
            places[:, each] += 0.3 * push.sum(axis=1)
        places = places.clip(bounds[0] + sizes / 2, bounds[1] - sizes / 2)
    return places


def draw_map(images: Collection, report: Report, options):
    """Every image in a cell of its own, by t-SNE of the features and a linear assignment; uint8 (H, W, 3)."""
    import textwrap

    import numpy as np
    import torch
    from matplotlib.figure import Figure

    from drawing.grid import DOTS_PER_INCH, pixels_of
    from visualizers.image_map import grid_shape, place_on_grid

    points = report.plane("tsne", "features").points
    rows, columns = grid_shape(len(points))
    cells = place_on_grid(points, rows, columns)
    down, right = cells // columns, cells % columns
    report.measure(measured_as := "image map, cells", torch.stack([right, down], dim=1))
    side = min(WIDEST_CELL, max(12, WIDEST_MAP // columns))
    canvas = np.full((rows * side, columns * side, 3), 255, np.uint8)
    for index, (y, x) in enumerate(zip((down * side).tolist(), (right * side).tolist(), strict=True)):
        # Of a few hundred images there is room for more than is kept of them: they are read again.
        pixels = images.thumbnails[index] if side <= THUMBNAIL else images.sources[index].read(options.size)
        canvas[y : y + side - 1, x : x + side - 1] = shrink(pixels, side - 1)  # a white line between two
    height, width = canvas.shape[:2]
    words = f"{images.network}, {images.feature_words}; t-SNE, then a linear assignment"
    share = report.share(measured_as)
    words += f"; of the {report.count} nearest cells {share}" if share else ""
    lines = textwrap.wrap(words, max(width, NARROWEST) // 7)
    head, foot, margin = 50, 12 + 15 * len(lines), 10
    whole = np.array([max(width, NARROWEST) + 2 * margin, height + head + foot])
    figure = Figure(figsize=whole / DOTS_PER_INCH, dpi=DOTS_PER_INCH, facecolor="white")
    title = f"{images.what}, those alike to the network side by side"
    left, size = margin / whole[0], min(16, whole[0] / 75)
    figure.text(left, 1 - head / 2 / whole[1], title, fontsize=size, fontweight="bold", va="center")
    figure.text(left, foot / 2 / whole[1], "\n".join(lines), fontsize=7.5, color="0.4", va="center")
    axes = figure.add_axes((left, foot / whole[1], width / whole[0], height / whole[1]))
    axes.imshow(canvas, aspect="auto", interpolation="nearest")
    axes.set_axis_off()
    if images.labels is not None:
        middles = (torch.stack([right, down], dim=1).numpy() + 0.5) * side
        name_classes(axes, middles, images, report.kept_together(measured_as), fontsize=max(9, 0.75 * size))
    return pixels_of(figure)


def parser():
    result = make_parser(__doc__, output="embedding_visualization.png", images=False)
    add = result.add_argument
    names = f"all, or any of {', '.join(TECHNIQUES)} (default: {', '.join(NAMESAKE)})"
    add("--technique", nargs="+", metavar="NAME", help=names)
    which = result.add_mutually_exclusive_group()
    text = "files or folders; in a folder with subfolders each subfolder is a class"
    which.add_argument("--images", nargs="+", metavar="PATH", help=text)
    text = f"that many rendered scenes, the 36 classes in turn (the default, {SCENES} of them)"
    which.add_argument("--scenes", type=whole_number(4, 100_000), metavar="N", help=text)
    which.add_argument("--digits", action="store_true", help="scikit-learn's 1797 handwritten digits")
    add("--size", type=whole_number(64, 1024), default=224, metavar="PIXELS", help="side of the square crop")
    add(
        "--layer",
        default=constant_of("visualizers.image_features", "LAYER"),
        metavar="NAME",
        help="the features' layer",
    )
    add("--neighbours", type=whole_number(1, 8), default=5, metavar="N", help="how many are shown, and counted")
    perplexity = defaults_of("visualizers.embedding", "tsne")["perplexity"]
    text = "of t-SNE: about how many neighbours count"
    add("--perplexity", type=number(2, 500), default=perplexity, metavar="N", help=text)
    return result


if __name__ == "__main__":
    sys.exit(run_script(main, parser(), keep_memory=False))  # pictures of many sizes: what is kept would scatter
