"""Fools the network with each attack on each image, into every class, or from noise."""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

import torch
from torch import Tensor, nn

from core.errors import WorkError
from core.images import as_jpeg, denormalise, deprocess, preprocess
from core.sharing import company
from drawing.files import describe
from drawing.grid import Panel
from studies.fooling.cost import cost
from studies.fooling.figure import Judged, Result, draw_attacks, draw_classes, length_text
from studies.fooling.flags import ATTACKS, NOISE, TARGETS, Settings
from studies.fooling.parcels import Told, packed, unpacked
from studies.shared.cost import tell
from studies.shared.network import class_probabilities, class_title, first_known, footer, make_generator, open_network
from studies.shared.options import find_class
from studies.shared.pictures import load_batch
from studies.shared.report import Report
from visualizers.deepfool import deepfool
from visualizers.fgsm import fgsm
from visualizers.fooling_from_noise import fooling_from_noise, noise_pictures
from visualizers.fooling_image import Fooling, fool
from visualizers.pgd import pgd
from visualizers.smallest_norm import along, smallest_norm

MANY_TARGETS = (("goldfish", "tarantula", "volcano", "broccoli", "teapot"), ("stripes", "maze", "heart", "cup", "sun"))
NOISES = 3  # starts
JPEG_QUALITY = 90
# What is tried where the smallest bound is looked for: whole grey levels, and Euclidean lengths 10 % apart.
BOUNDS = {"linf": [levels / 255 for levels in range(1, 65)], "l2": [0.05 * 1.1**rung for rung in range(64)]}


def run(settings: Settings, report: Report) -> None:
    """Fool, judge what a file holds, draw."""
    model, settings = open_network(settings, report)
    tell(cost(settings), report.say, model)
    make = fool_into_classes if settings.grid else fool_from_noise if settings.technique == ("noise",) else fool_images
    there = company()
    if make is not fool_images and there.size > 1:
        report.say(
            f"what is made into many classes is not shared: the first of the {there.size} processes does it alone"
        )
        if not there.leads:
            return
    result = make(model, settings, report)
    if result is None:  # the first process draws
        return
    report.picture(result.figure, settings.output, describe("fooling", asdict(settings), model.weights_name))
    if result.failures:
        advice = "allow more --iterations, a smaller --learning-rate, a larger bound or another --labels"
        report.fail(f"{result.failures} of {result.count} images were not fooled; {advice}")


def fool_images(model: nn.Module, settings: Settings, report: Report) -> Result | None:
    """Every attack on every image. Several processes share them; the first alone draws, the others get None."""
    there, batch = company(), load_batch(model, settings, report.of_all())
    predicted = class_probabilities(model, batch.images).argmax(dim=1).tolist()
    aim = model.class_names.index(first_known([(target,) for target in TARGETS], model.class_names)[0])
    beside = (aim + 1) % len(model.class_names)  # the aim of a picture that has the first one's name as it is
    several = len(settings.technique) > 1
    jobs = [(index, name) for index in range(len(batch.names)) for name in settings.technique]
    done: dict[int, Told] = {}  # by the job's number
    with report.progress(total=len(list(there.deal(jobs))), desc="fooling", unit="image") as bar:
        for number, (index, name) in there.deal(enumerate(jobs)):
            image = batch.images[index : index + 1]
            targeted = bool(settings.labels or ATTACKS[name].targeted)
            own = predicted[index]
            goal = aim if own != aim else beside
            label = int(batch.labels[index]) if settings.labels else goal if targeted else own
            fooling, found = attack(name, model, image, label, targeted, settings)
            judged = judge(name, model, image, fooling)
            words = f"{batch.names[index]}{f', {name}' if several else ''}: {in_words(judged, fooling, found)}"
            done[number] = Told(judged, words)
            bar.update()
    if there.size > 1:
        parts = there.gather(packed(done))
        if not there.leads:
            return None
        if None in parts:
            raise WorkError("one of the processes did not do its share; what it said tells why")
        done = {number: told for part in parts for number, told in unpacked(part).items()}
    report.say("\n".join(done[number].words for number in range(len(jobs))))
    judged = [done[number].judged for number in range(len(jobs))]
    return draw_attacks(judged, jpeg_quality=JPEG_QUALITY, named=several, footer=footer(model))


def attack(
    name: str, model: nn.Module, image: Tensor, label: int, targeted: bool, settings: Settings
) -> tuple[Fooling, list[str]]:
    """One image (1, 3, H, W) -> what came of it, in whole grey levels, and how its norm was found, in words."""
    norm, words = settings.norm or ATTACKS[name].norm, []
    if name == "ascent":
        return fool(model, image, label, whole_levels=True, **settings.ascent, **settings.bounds), words
    if name == "deepfool":
        exact = deepfool(model, image, label, norm=norm)
        seek = along(model, image, label, exact.images, norm=norm)
        change = denormalise(exact.images) - denormalise(image)
        length = float(change.norm() if norm == "l2" else change.abs().max())
        words = [f"DeepFool itself {length_text(length, norm)}" if exact.fooled else "DeepFool itself failed"]
    else:
        hit = partial(fgsm if name == "fgsm" else pgd, model, image, label, targeted=targeted, whole_levels=True)
        if name == "pgd":
            hit = partial(hit, **settings.pgd, generator=chance(settings))
        if settings.bounds:
            return hit(**settings.bounds), words
        seek = within(hit, norm)
    smallest = smallest_norm(seek, 1, BOUNDS[norm])
    fooled = smallest.fooled_at.isfinite()
    words += [f"enough {length_text(float(smallest.fooled_at), norm)}"] * bool(fooled)
    words += [f"not enough {length_text(float(smallest.failed_at), norm)}"] * bool(smallest.failed_at)
    return Fooling(smallest.images, fooled, smallest.steps), words


def within(hit: Callable[..., Fooling], norm: str) -> Callable[[Tensor, Tensor], Fooling]:
    """The attack as `smallest_norm` calls it: with a bound, in this norm."""
    return lambda bound, _places: hit(**{norm: bound})


def chance(settings: Settings) -> torch.Generator | None:
    """Where PGD starts in the ball, if it starts more than once."""
    return make_generator(settings.seed) if settings.restarts > 1 else None


def judge(name: str, model: nn.Module, image: Tensor, fooling: Fooling) -> Judged:
    """What the network says of the picture that an 8-bit file holds, and of its JPEG."""
    saved = deprocess(fooling.images)
    jpeg = preprocess(as_jpeg(saved, JPEG_QUALITY)).to(image.device)
    seen = (class_probabilities(model, each)[0] for each in (image, preprocess(saved).to(image.device), jpeg))
    before, after, reread = (class_title(model, each, int(each.argmax())) for each in seen)
    change = (denormalise(fooling.images) - denormalise(image))[0].permute(1, 2, 0).cpu().numpy()  # (H, W, 3)
    size = f"{length_text(abs(change).max(), 'linf')}, {length_text((change**2).sum() ** 0.5, 'l2')}"
    title, fooled = ATTACKS[name].title, bool(fooling.fooled)
    return Judged(title, deprocess(image)[0], saved[0], change, fooled, before, after, reread, size)


def in_words(judged: Judged, fooling: Fooling, found: list[str]) -> str:
    """What there is to say of it, in a line."""
    outcome = f"{'fooled' if judged.fooled else 'not fooled'} in {int(fooling.steps)} steps"
    if judged.fooled and not judged.change.any():  # a target that is on top as it is
        outcome = "named so as it is"
    line = f"{judged.before} -> {judged.after}, {outcome}, {judged.size}"
    return "; ".join([line, *found, f"as JPEG {JPEG_QUALITY}: {judged.as_jpeg}"])


def wanted_classes(model: nn.Module, settings: Settings) -> list[int]:
    """The classes that pictures are to be made into."""
    if settings.labels:
        return [find_class(target, model.class_names) for target in settings.labels]
    return [model.class_names.index(target) for target in first_known(MANY_TARGETS, model.class_names)]


def fool_into_classes(model: nn.Module, settings: Settings, report: Report) -> Result:
    """Images down, target classes across: each cell made by PGD with the least norm."""
    targets = wanted_classes(model, settings)
    batch = load_batch(model, replace(settings, labels=()), report)  # the labels are not those of the images
    norm, rows, failures = settings.norm or ATTACKS["pgd"].norm, [], 0
    for index in report.progress(range(len(batch.names)), desc="images", unit="image"):
        images = batch.images[index : index + 1].expand(len(targets), -1, -1, -1)

        def hit(bounds: Tensor, places: Tensor, images: Tensor = images) -> Fooling:
            aims = [targets[one] for one in places.tolist()]
            how = {**settings.pgd, norm: bounds, "generator": chance(settings)}
            return pgd(model, images[places], aims, targeted=True, whole_levels=True, **how)

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
        report.say(f"{batch.names[index]}: {', '.join(panel.title.replace(chr(10), ' ') for panel in row[1:])}")
    title = "Every image made every class, and the length of the change that it takes"
    note = f"{footer(model)}; PGD, {settings.pgd['steps']} steps"
    return draw_classes(rows, failures=failures, count=len(rows) * len(targets), title=title, footer=note)


def fool_from_noise(model: nn.Module, settings: Settings, report: Report) -> Result:
    """Starts of noise down, classes across, each made certain."""
    targets = wanted_classes(model, settings)
    starts = noise_pictures(NOISES, settings.size, generator=make_generator(settings.seed))
    starts = starts.to(next(model.parameters()).device)
    seen = [class_title(model, each, int(each.argmax())) for each in class_probabilities(model, starts)]
    rows = [[Panel(*start)] for start in zip(deprocess(starts), (f"noise: {title}" for title in seen), strict=True)]
    failures = 0
    for target in report.progress(targets, desc="classes", unit="class"):
        result = fooling_from_noise(model, starts, target, **settings.ascent)
        sure = (result.confidence > NOISE["confidence"]).tolist()
        failures += sure.count(False)
        probabilities = class_probabilities(model, result.images)
        for row, picture, good, each, steps in zip(
            rows, deprocess(result.images), sure, probabilities, result.steps.tolist(), strict=True
        ):
            title = f"{'' if good else 'not sure: '}{class_title(model, each, target)}\n{steps} steps"
            row.append(Panel(picture, title))
    for row in rows:
        report.say(", ".join(panel.title.replace("\n", " in ") for panel in row))
    title, count = "Noise, and the network is sure", NOISES * len(targets)
    return draw_classes(rows, failures=failures, count=count, title=title, footer=footer(model))
