"""The content of one picture, painted with the textures of another: style transfer by optimising pixels.

Bare, it makes every preset whose pictures are there, visualization/style_transfer_<content>_<style>.png, and a sheet of
them all, visualization/style_transfer.png.

With --content and --style it paints any picture like any other, or like several at once, from coarse to fine. All of a
folder are painted like all of another: every pair a picture, and a sheet of them. Started again, it goes on where it
stopped.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import UsageError
from studies.shared import settings as shared
from studies.shared.options import Parser, is_picture_path, make_parser, number, whole_number
from visualizers.catalogue import constant_of, defaults_of

QUESTION = "What does one picture look like, painted like another?"
LAYERS = (1, 4, 6, 7)  # of `features`: the modules whose textures count in a preset
CONTENT_LAYER = 3
SMALLEST = constant_of("painting.scales", "SMALLEST_SIDE")
PRESET_ITERATIONS = defaults_of("painting.course_loop", "transfer_style")["iterations"]
DEFAULTS = defaults_of("visualizers.style_transfer", "style_transfer")
CONTENT, STYLE, SIZE = "harbour_town", "swirling_night", 512  # where two pictures of one's own are not both named

# The course's steps of length 3 roughen the picture; steps of a thirtieth reach a lower loss, and brush strokes.
SMALL_STEPS = {"learning_rate": 0.1, "final_learning_rate": 0.03, "lower_at": 150, "clamp_to": 2.64}


@dataclass(frozen=True)
class Preset:
    """Two pictures and the weights that suit them; sizes are of the shorter side, in pixels."""

    content: str
    style: str
    size: int
    style_size: int
    content_weight: float
    style_weights: tuple[float, ...]
    tv_weight: float
    schedule: Mapping[str, float] = field(default_factory=dict)  # of the course's loop; its own where empty


PRESETS = {
    "composition_vii": Preset("tubingen", "composition_vii", 192, 512, 5e-2, (20000, 500, 12, 1), 5e-2),
    "the_scream": Preset("tubingen", "the_scream", 192, 224, 3e-2, (200000, 800, 12, 1), 2e-2),
    "starry_night": Preset("tubingen", "starry_night", 192, 192, 6e-2, (300000, 1000, 15, 3), 2e-2),
    "swirling_night": Preset(
        "harbour_town", "swirling_night", 288, 400, 3e-2, (1_000_000, 20000, 600, 200), 1e-2, SMALL_STEPS
    ),
    "blood_sunset": Preset("chelsea", "blood_sunset", 288, 288, 3e-2, (1_000_000, 20000, 600, 200), 1e-2, SMALL_STEPS),
}
ONLY_PAIRS = (  # flags that no preset has
    "blend",
    "mask",
    "style_scale",
    "style_weight",
    "optimiser",
    "loss",
    "keep_colour",
    "smallest",
    "gif",
    "curves",
    "fresh",
)
ONLY_PRESETS = {"style_size": "style-scale", "style_weights": "style-weight"}  # and what to use instead


@dataclass(frozen=True, kw_only=True)
class Settings(shared.Settings):
    """What both ways of painting take."""

    only_squeezenet = "styles are those of SqueezeNet's layers; of another network's use inversion or deepdream"
    start: str = "content"  # or noise; of a pair also an earlier picture

    @property
    def endings(self) -> tuple[str, ...]:
        return ("",) if is_picture_path(self.output) else ()  # in a folder, the pairs tell the names


@dataclass(frozen=True, kw_only=True)
class PresetSettings(Settings):
    """Presets, by the course's loop. What is None is taken from each preset."""

    preset: tuple[str, ...] = ()  # none: all whose pictures are there
    content: str | None = None
    style: str | None = None
    size: int | None = None
    style_size: int | None = None
    content_weight: float | None = None
    style_weights: tuple[float, ...] | None = None
    tv_weight: float | None = None
    iterations: int = PRESET_ITERATIONS


@dataclass(frozen=True, kw_only=True)
class PairSettings(Settings):
    """Any content like any style, from coarse to fine, with relative weights."""

    content: str = CONTENT  # a picture, or a folder of them
    style: tuple[str, ...] = (STYLE,)  # several are blended; a folder: each in turn
    size: int = SIZE
    content_weight: float = DEFAULTS["content_weight"]
    style_weight: float = DEFAULTS["style_weight"]
    tv_weight: float = DEFAULTS["tv_weight"]
    style_scale: float = DEFAULTS["style_scale"]
    iterations: int = DEFAULTS["iterations"]
    smallest: int = DEFAULTS["smallest"]
    optimiser: str = DEFAULTS["optimiser"]
    loss: str = DEFAULTS["loss"]
    blend: tuple[float, ...] = ()  # shares of the styles; none: equal ones
    mask: tuple[str, ...] = ()
    keep_colour: str | None = None
    curves: bool = False
    gif: bool = False
    fresh: bool = False


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError for flags of presets and of pairs together."""
    only_pairs = [name for name in ONLY_PAIRS if name in options.given]
    if options.preset and only_pairs:
        raise UsageError(
            f"{only_pairs[0]}: a preset keeps the course's loop and has no such setting; leave out --preset"
        )
    if options.preset or not (only_pairs or {"content", "style"} & options.given):
        if options.start not in {None, "content", "noise"}:
            words = "is for --content and --style; a preset starts at content or noise"
            raise UsageError(f"start: '{options.start}' {words}")
        if len(options.style or []) > 1:
            count = len(options.style)
            raise UsageError(f"style: got {count} pictures; a preset takes one, leave out --preset to blend")
        return PresetSettings.of(options, style=options.style[0] if options.style else None)
    for name, instead in ONLY_PRESETS.items():
        if name in options.given:
            raise UsageError(f"{name}: it belongs to presets; add --preset NAME, or use --{instead}")
    return PairSettings.of(options)


def parser() -> Parser:
    result = make_parser(
        __doc__, output="", writes="pictures: a folder, or one .png or .jpg", images=False, any_network=False
    )
    side, weight = whole_number(SMALLEST, 4096), number(0, 1e12)
    add = result.add_argument
    add("--content", metavar="PATH", help=f"the picture to paint, or a folder of them (default: {CONTENT})")
    styles = "the picture to paint it like, several to blend them, or a folder: each in turn"
    add("--style", nargs="+", metavar="PATH", help=f"{styles} (default: {STYLE})")
    add("--size", type=side, metavar="PIXELS", help=f"shorter side of the result (default: {SIZE}, or the preset's)")
    for name, what in {"content": "content loss", "tv": "total variation"}.items():
        words = f"relative weight of the {what}; for a preset absolute, as in the course"
        default = f"(default: {DEFAULTS[f'{name}_weight']}, or the preset's)"
        add(f"--{name}-weight", type=weight, metavar="N", help=f"{words} {default}")
    default = f"(default: {DEFAULTS['iterations']}; {PRESET_ITERATIONS} for a preset, which has one size)"
    add("--iterations", type=whole_number(1, 100_000), metavar="N", help=f"steps at each size {default}")
    add("--start", metavar="START", help="content, noise, or an earlier picture to go on from (default: content)")

    add = result.add_argument_group("without a preset").add_argument

    def option(name: str, words: str, **kind: Any) -> None:
        add(f"--{name}", help=f"{words} (default: {DEFAULTS[name.replace('-', '_')]})", **kind)

    option("style-weight", "relative weight of the style", type=weight, metavar="N")
    strokes = "size of the strokes: 0.5 halves, 2 doubles them (default: 1)"
    add("--style-scale", type=number(0.05, 20), metavar="N", help=strokes)
    add("--blend", type=number(0, 1e6), nargs="+", metavar="N", help="shares of the styles, one each (default: equal)")
    masks = "a mask for each style: a grey picture, white where the style goes, or paint on transparency"
    add("--mask", nargs="+", metavar="FILE", help=masks)
    add("--keep-colour", "--keep-color", choices=("luminance", "histogram"), help="keep the content's colours")
    option("loss", "what makes two textures alike", choices=("gram", "wasserstein"))
    optimiser = f"how it steps (default: {DEFAULTS['optimiser']})"
    add("--optimiser", "--optimizer", choices=("adam", "lbfgs"), help=optimiser)
    option("smallest", "shorter side to begin with", type=side, metavar="PIXELS")
    add("--curves", action="store_true", help="draw the losses over the steps, beside the picture")
    add("--gif", action="store_true", help="write the way there as an animation, beside the picture")
    add("--fresh", action="store_true", help="make pairs of folders again that are there already")

    add = result.add_argument_group("presets").add_argument
    add("--preset", nargs="+", choices=PRESETS, metavar="NAME", help=f"{', '.join(PRESETS)} (default: all)")
    add("--style-size", type=side, metavar="PIXELS", help="shorter side of the style (default: the preset's)")
    add("--style-weights", type=weight, nargs=4, metavar="N", help=f"absolute weights of the style layers {LAYERS}")
    return result
