"""How little must change before the network sees something else? Fooling images, and the change made visible.

Writes visualization/fooling_visualization.png: image, fooled image, difference, and the difference ten times, or a
hundred times where ten would show nothing. What is shown and judged is the picture that an 8-bit PNG holds; what a JPEG
leaves of it is said beside it.

With --technique other attacks are drawn. FGSM and PGD take a bound, --bound or --l2, or else look for the smallest that
is enough; DeepFool finds its own. `noise` starts from noise and needs no image. With --labels an attack has a target,
without it any other class will do; `ascent` always has one, `deepfool` never.

With --grid it shows which images can be made which classes, and what it takes: PGD with the smallest bound.
"""

import argparse
from dataclasses import dataclass
from typing import NamedTuple

from core.errors import UsageError
from studies.shared.options import Parser, find_techniques, make_parser, number, whole_number
from studies.shared.settings import PictureSettings
from studies.shared.uses import Choice
from visualizers.catalogue import defaults_of

QUESTION = "How little must change before the network sees something else?"
SHARES_WORK = True  # by several processes that torchrun starts
TARGETS = ("goldfish", "maze")  # the first that the network knows
ASCENT = defaults_of("visualizers.fooling_image", "fool")
PGD = defaults_of("visualizers.pgd", "pgd")
NOISE = defaults_of("visualizers.fooling_from_noise", "fooling_from_noise")
NORMS = ("linf", "l2")


class Attack(NamedTuple):
    """What an attack is called and what it can do."""

    title: str
    norm: str  # in which it looks for the smallest bound
    bounded: bool = True  # it takes --bound or --l2
    targeted: bool | None = None  # True: always, False: never, None: with --labels


ATTACKS = {
    "ascent": Attack("normalised\nascent", "l2", targeted=True),
    "fgsm": Attack("FGSM", "linf"),
    "pgd": Attack("PGD", "l2"),
    "deepfool": Attack("DeepFool", "l2", bounded=False, targeted=False),
    "noise": Attack("from noise", "l2", bounded=False, targeted=True),
}

BOUNDS = {"linf": "bound", "l2": "l2"}  # norm: the flag that bounds it
SEARCHED = "a run without --bound and --l2"
CHOICES = (
    Choice(
        "technique",
        {
            "ascent": ("bound", "l2", "iterations", "learning_rate"),
            "fgsm": ("norm", "bound", "l2"),
            "pgd": ("norm", "bound", "l2", "iterations", "restarts", "loss"),
            "deepfool": ("norm",),
            "noise": ("iterations", "learning_rate"),
            "--grid": ("norm", "iterations", "restarts", "loss"),
        },
    ),
    # A norm is that in which the smallest bound is looked for.
    Choice("bound", {"--bound": (), "--l2": (), SEARCHED: ("norm",)}),
)


@dataclass(frozen=True, kw_only=True)
class Settings(PictureSettings):
    """What is asked: the attacks, how far they may go, and how they climb."""

    technique: tuple[str, ...] = ("ascent",)
    grid: bool = False  # images down, target classes across
    norm: str | None = None  # in which the smallest bound is looked for; None: the attack's own
    bound: float | None = None  # grey levels of 255, how far a pixel may move; None: any
    l2: float | None = None  # Euclidean norm of the change, white being 1; None: any
    iterations: int | None = None  # None: each attack's own
    learning_rate: float | None = None  # likewise
    restarts: int = PGD["restarts"]
    loss: str = PGD["loss"]

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds asked for, in RGB where white is 1."""
        asked = {"linf": None if self.bound is None else self.bound / 255, "l2": self.l2}
        return {norm: bound for norm, bound in asked.items() if bound is not None}

    @property
    def ascent(self) -> dict[str, float]:
        """What was asked of the ascents; the techniques have defaults of their own."""
        named = {"iterations": self.iterations, "learning_rate": self.learning_rate}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def pgd(self) -> dict[str, int | str]:
        """PGD's settings but for the bound and chance."""
        steps = PGD["steps"] if self.iterations is None else self.iterations
        return {"steps": steps, "restarts": self.restarts, "loss": self.loss}


def settings(options: argparse.Namespace) -> Settings:
    """Raises UsageError at once for what an attack cannot do."""
    names = find_techniques(options.technique or Settings.technique, ATTACKS)
    bounds = [flag for flag in BOUNDS.values() if getattr(options, flag) is not None]
    if "noise" in names and (len(names) > 1 or options.images):
        raise UsageError("technique: noise starts from noise; give it alone, and no --images")
    if options.grid and (options.technique or bounds):
        raise UsageError("grid: it is made by PGD with the smallest bound; leave --technique, --bound and --l2 out")
    for name in names:
        attack = ATTACKS[name]
        if options.labels and attack.targeted is False:
            raise UsageError(f"labels: {name} goes where the way is shortest and has no target; leave --labels out")
        if bounds and not attack.bounded:
            raise UsageError(f"{bounds[0]}: {name} has no bound; leave it out")
        if len(bounds) > 1 and name != "ascent":
            raise UsageError(f"bound, l2: {name} stays within one of them; leave the other out")
    techniques, norms = CHOICES
    techniques.refuse_ignored(options.given, ["--grid"] if options.grid else names)
    norms.refuse_ignored(options.given, [f"--{flag}" for flag in bounds] or [SEARCHED])
    return Settings.of(options, technique=names)


def parser() -> Parser:
    wanted = f"what it shall take the images for (default: any other class; ascent: {TARGETS[0]})"
    result = make_parser(__doc__, output="fooling_visualization.png", labels=wanted)
    add = result.add_argument
    add("--technique", nargs="+", metavar="NAME", help=f"any of {', '.join(ATTACKS)} (default: ascent)")
    add("--grid", action="store_true", help="images down, target classes across; the targets are --labels")
    add("--norm", choices=NORMS, help="in which the smallest bound is looked for (default: fgsm linf, the others l2)")
    levels, length = "largest change of a pixel, in 1/255", "largest Euclidean norm of the change, white being 1"
    add("--bound", type=number(0.01, 255), metavar="LEVELS", help=f"{levels} (default: any)")
    add("--l2", type=number(1e-6, 1e6), metavar="N", help=f"{length} (default: any)")
    most = f"most steps (default: ascent {ASCENT['iterations']}, noise {NOISE['iterations']}, PGD {PGD['steps']})"
    add("--iterations", type=whole_number(1, 10_000), metavar="N", help=most)
    step = (
        "ascent and noise: length of a step, in normalised units "
        f"(default: {ASCENT['learning_rate']} and {NOISE['learning_rate']})"
    )
    add("--learning-rate", type=number(1e-6, 1e6), metavar="N", help=step)
    add("--restarts", type=whole_number(1, 1000), default=PGD["restarts"], metavar="N", help="PGD: starts in the ball")
    add("--loss", choices=("cross entropy", "margin"), default=PGD["loss"], help="PGD: what is climbed")
    return result
