"""Learns one perturbation, judges it on images that it has not seen, and on other networks."""

from dataclasses import asdict, replace

from torch import Tensor, nn

from core.attacks import first_choices, is_changed
from core.errors import WorkError
from core.networks import load_network
from core.squeezenet import load_squeezenet
from core.torchvision_models import known_models
from drawing.files import describe
from studies.shared.cost import tell
from studies.shared.network import make_generator, open_network
from studies.shared.report import Report
from studies.universal.cost import cost
from studies.universal.figure import Judged, Rates, draw, percent
from studies.universal.flags import BOUNDS, TILES, Settings
from studies.universal.sources import Images, as_levels, load_images, read_perturbation
from visualizers.universal_perturbation import noise_like, universal_by_deepfool, universal_perturbation

COUNTS = (1, 8, 64)  # images of the curve's points, as far as there are more; then all


def run(settings: Settings, report: Report) -> None:
    """Learn or read, judge, draw."""
    model, settings = open_network(settings, report)
    others = [load_other(name, settings.device) for name in settings.transfer]  # a wrong name is said at once
    tell(cost(settings), report.say, model)
    given = None
    if settings.perturbation is not None:
        given, settings = read_perturbation(settings.perturbation, settings)
    images = load_images(model, settings, report)
    settings = with_defaults(settings, images.kind)
    if given is None:
        difference, curve, trained = learn_and_keep(model, images, settings, report)
        name = f"{len(images.learn)} images"
    else:
        difference, curve, trained, name = given, [], None, "from a file"
        report.say(f"{settings.perturbation}: {settings.bound_text}")
    noise = noise_like(difference, norm=settings.norm, generator=make_generator(settings.seed))
    result = rates(name, model, images.held, difference, noise)
    moved = [rates(f"carried to {name_of(each)}", each, images.held, difference, noise) for each in others]
    for each in [result._replace(name=f"{len(images.held)} held-out {images.kind}"), *moved]:
        words = f"{percent(each.universal)} named otherwise; noise of the same norm {percent(each.noise)}"
        report.say(f"{each.name}: {words}")
    figure = draw(model, images.held, difference, Judged(result, curve, trained, moved), bound=settings.bound_text)
    report.picture(figure, settings.output, metadata(model, settings))
    if result.universal <= result.noise:
        advice = "allow a larger --bound or --l2, or more --iterations"
        report.fail(f"it fools no better than noise does; {advice}")


def with_defaults(settings: Settings, kind: str) -> Settings:
    """The bound and the tile that suit this kind of images, where none was asked for."""
    if settings.bound is None and settings.l2 is None:
        settings = replace(settings, bound=BOUNDS[kind])
    return settings if settings.tile is not None else replace(settings, tile=min(TILES[kind], settings.size))


def learn_and_keep(
    model: nn.Module, images: Images, settings: Settings, report: Report
) -> tuple[Tensor, list[tuple[int, float]], float]:
    """The perturbation of all images, kept beside the figure; the curve; the share of its own images that it changes.

    The curve: (images learned on, share of the held-out images named otherwise). DeepFool, which is slow, has the last
    point alone. Raises WorkError if nothing is left of the perturbation in whole grey levels.
    """
    difference, own = learn(model, images.learn, settings, report), first_choices(model, images.held)
    if not difference.any():
        advice = "allow a larger --bound or --l2, or more --iterations"
        raise WorkError(f"perturbation: what was learned within {settings.bound_text} is no whole grey level; {advice}")
    report.picture(as_levels(difference), settings.beside("_v.png"), metadata(model, settings))
    counts = [count for count in COUNTS if count < len(images.learn)] if settings.method == "ascent" else []
    learned = {count: learn(model, images.learn[:count], settings, report) for count in counts}
    learned[len(images.learn)] = difference
    curve = [(count, share(is_changed(model, images.held, each, own))) for count, each in learned.items()]
    trained = share(is_changed(model, images.learn, difference))
    words = f"{percent(trained)} of {len(images.learn)} {images.kind} that it was learned on are named otherwise"
    report.say(f"{settings.bound_text}: {words}")
    return difference, curve, trained


def learn(model: nn.Module, images: Tensor, settings: Settings, report: Report) -> Tensor:
    """The perturbation (1, 3, H, W), in RGB where white is 1, that these images (N, 3, H, W) teach."""
    deepfool = settings.method == "deepfool"
    total = settings.passes * len(images) if deepfool else settings.iterations
    with report.progress(total=total, desc=f"{len(images)} images", unit="step") as bar:
        how = {**settings.bounds, "callback": lambda _step: bar.update() and None}
        if deepfool:
            return universal_by_deepfool(model, images, passes=settings.passes, **how)
        how |= {"tile": settings.tile or None, "generator": make_generator(settings.seed)}
        return universal_perturbation(model, images, steps=settings.iterations, **how)


def rates(name: str, model: nn.Module, held: Tensor, difference: Tensor, noise: Tensor) -> Rates:
    """What the perturbation does to a network, and what noise does."""
    own = first_choices(model, held)
    return Rates(name, *(share(is_changed(model, held, each, own)) for each in (difference, noise)))


def share(hits: Tensor) -> float:
    """Of hits (N,) bool."""
    return float(hits.float().mean())


def metadata(model: nn.Module, settings: Settings) -> dict[str, str]:
    """What the files say of themselves."""
    return describe("universal", asdict(settings), model.weights_name)


def name_of(network: nn.Module) -> str:
    """Of its weights where their file tells the network, too."""
    return network.title if ":" in network.model_name else network.weights_name


def load_other(name: str, device: str) -> nn.Module:
    """Another network: a file of SqueezeNet's weights, or a name that --model takes."""
    return load_network(name, device=device) if name in known_models() or ":" in name else load_squeezenet(name, device)
