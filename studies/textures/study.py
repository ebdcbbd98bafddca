"""Makes each texture anew by both ways, and measures how far the results are from the sample."""

import time
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import Tensor, nn

from core.images import deprocess, preprocess
from drawing.files import describe
from studies.shared.cost import tell
from studies.shared.interruption import Interruption
from studies.shared.network import footer, make_generator, open_network
from studies.shared.report import Report
from studies.textures.cost import cost
from studies.textures.figure import BLOCKS, Row, Texture, draw
from studies.textures.flags import Settings
from studies.textures.samples import Sample, read_samples
from visualizers.style_transfer import StyleStep
from visualizers.texture_sampling import sample_texture
from visualizers.texture_synthesis import LAYER_SETS, colour_noise, gram_distance, synthesize_texture


def run(settings: Settings, report: Report) -> None:
    """Make the textures row by row, say the distances, draw."""
    model, settings = open_network(settings, report)
    tell(cost(settings), report.say, model)
    samples = read_samples(settings.images, settings.sample_size, report)
    rows: list[Row] = []
    with Interruption() as stop:
        for sample in samples:
            noise, *made = make_row(model, sample, settings, report)
            rows.append(Row(sample.name, sample.pixels, made))
            say_distances(sample.name, [noise, *made], report)
    if not rows:
        stop.go_on()
    if stop.happened:
        report.fail(f"stopped before {samples[len(rows)].name} was finished: the rows before it are drawn")
    figure = draw(rows, footer=footer(model))
    report.picture(figure, settings.output, describe("textures", asdict(settings), model.weights_name))
    stop.go_on()


def make_row(model: nn.Module, sample: Sample, settings: Settings, report: Report) -> list[Texture]:
    """What each method makes of a sample: noise in its colours first, the classical one last."""
    target = preprocess(sample.pixels).to(next(model.parameters()))
    shape = (settings.size, settings.size)

    def chance() -> torch.Generator:
        return make_generator(settings.seed)

    def judged(method: str, picture: Tensor, seconds: float = 0.0) -> Texture:
        return Texture(method, deprocess(picture)[0], gram_distance(model, picture, target), seconds)

    def timed(method: str, work: Callable[[], Tensor]) -> Texture:
        start = time.perf_counter()
        picture = work()
        return judged(method, picture, time.perf_counter() - start)

    def synthesized(layers: tuple[int, ...], method: str) -> Tensor:
        neural = {name: getattr(settings, name) for name in ("iterations", "scales", "tv_weight")}
        with report.progress(desc=f"{sample.name}, {method}", unit="step", leave=False) as bar:

            def watch(step: StyleStep) -> None:
                bar.total = step.scales * step.iterations
                bar.update()

            return synthesize_texture(model, target, shape, layers=layers, generator=chance(), callback=watch, **neural)

    def sampled() -> Tensor:
        classical = {"window": settings.window, "tolerance": settings.tolerance}
        pixels = settings.size**2
        with report.progress(total=pixels, desc=f"{sample.name}, sampling", unit="pixel", leave=False) as bar:
            return sample_texture(target, shape, generator=chance(), callback=bar.update, **classical)

    made = [judged("noise in its colours", colour_noise(target, shape, generator=chance()))]
    for layers in LAYER_SETS if settings.size <= len(sample.pixels) else LAYER_SETS[-1:]:
        method = f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"
        made.append(timed(method, lambda layers=layers, method=method: synthesized(layers, method)))
    return [*made, timed("sampled pixels", sampled)]


def say_distances(name: str, made: list[Texture], report: Report) -> None:
    """Say how far each is from the sample, and how long it took."""
    layers = ", ".join(map(str, BLOCKS))
    report.say(f"{name}: relative Gram distance from the sample over layers {layers}, and seconds")
    for texture in made:
        seconds = f"{texture.seconds:8.1f} s" if texture.seconds else ""
        report.say(f"  {texture.method:<22}{texture.distance:10.5f}{seconds}")
