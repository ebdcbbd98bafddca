"""How many of an image's nearest are of its class: measured among any points, reported, kept for the figures."""

from typing import NamedTuple

from torch import Tensor

from core.errors import UsageError
from measures.intervals import mean_interval
from studies.embedding.collection import Collection
from studies.embedding.flags import TECHNIQUES, Settings
from studies.shared.report import Report
from visualizers.embedding import principal_components, trustworthiness, tsne
from visualizers.nearest_neighbours import best_precision, chance_precision, nearest_neighbours, precision_at_k

ABOVE_CHANCE = 0.1  # a class is named in a drawing where its precision is so much above chance
MOST_NAMES = 40  # more hide what they name


class Plane(NamedTuple):
    """The images as points."""

    points: Tensor  # (N, 2)
    title: str
    named: list[int]  # the classes whose names say something among these points


class Precision:
    """Measures, reports what it measured, and keeps what several figures need."""

    def __init__(self, images: Collection, settings: Settings, report: Report) -> None:
        self.images, self.report = images, report
        self.count, self.perplexity = settings.neighbours, settings.perplexity
        self.chance = 0.0
        self.planes: dict[tuple[str, str], Plane] = {}
        self.measured: dict[str, Tensor] = {}  # a precision for each image, (N,)
        most = len(images.sources) - 1
        if self.count > most:
            raise UsageError(f"neighbours: {self.count} for {most + 1} images; allowed are 1 to {most}")
        if images.labels is None:
            report.say(f"{images.what}, whose classes are unknown")
            return
        self.chance, best = chance_precision(images.labels), best_precision(images.labels, self.count)
        limit = "" if best == 1 else f", {best:.1%} at best"
        nearest = f"of an image's {self.count} nearest, the share of its own class, with its 95 % interval"
        report.say(f"{images.what}; {nearest}:")
        report.say(f"  {'chance':<30}{self.chance:7.1%}{limit}")
        for space, rows in images.spaces.items():
            self.measure(space, rows)

    def measure(self, what: str, points: Tensor, also: str = "") -> None:
        """Report and keep the precision among these points (N, D), every image taken once as the query."""
        words = ""
        if self.images.labels is not None:
            near, _ = nearest_neighbours(points, self.count)
            self.measured[what] = precision_at_k(near, self.images.labels)
            share = mean_interval(self.measured[what])
            words = f"{share.mean:7.1%} ({max(0, share.low):.1%} to {min(1, share.high):.1%})"
        if words or also:
            self.report.say(f"  {what:<30}{words}{also}")

    def share(self, what: str) -> str:
        """What was measured, for a title: "83.1 ± 0.8 % are of its class", or nothing."""
        if what not in self.measured:
            return ""
        share = mean_interval(self.measured[what])
        return f"{100 * share.mean:.1f} ± {100 * (share.high - share.mean):.1f} % are of its class"

    def plane(self, technique: str, space: str) -> Plane:
        """The images' "features" or "pixels" as points in the plane, by "pca" or "tsne"."""
        if (technique, space) not in self.planes:
            rows, extra = self.images.spaces[space], ""
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
            self.planes[technique, space] = Plane(points, f"{what}: {extra}\n{below}".strip(), self.named(what))
        return self.planes[technique, space]

    @property
    def least_named(self) -> float:
        """The precision from which on a class is named in a drawing."""
        return self.chance + ABOVE_CHANCE

    def named(self, what: str) -> list[int]:
        """The classes whose names say something among the points measured; elsewhere a class has no place."""
        if what not in self.measured:
            return []
        precisions, labels = self.measured[what], self.images.labels
        shares = [float(precisions[labels == label].mean()) for label in range(len(self.images.class_names))]
        best = sorted(range(len(shares)), key=lambda label: -shares[label])[:MOST_NAMES]
        return sorted(label for label in best if shares[label] >= self.least_named)
