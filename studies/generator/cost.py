"""What climbs by the generator, and without it, cost."""

from core.generator import SIZE
from studies.generator.flags import CLASSES, Settings
from studies.shared.cost import Cost, drawing, gradients
from studies.shared.forms import FORMS, form_settings

ALL = 1000  # classes, at most
DRAWING = 1.4  # of a step: the generator's own work, beside the network's


def cost(settings: Settings) -> Cost:
    """Every target in each of the three ways."""
    targets = len(settings.channels) if settings.layer else len(settings.labels) or len(CLASSES[0])
    targets = ALL if settings.labels == ("all",) else targets
    pixels = SIZE**2
    work = gradients(DRAWING * settings.starts, pixels, together=settings.starts) * (targets * settings.iterations)
    for form in FORMS:
        work += gradients(targets * form_settings(form, embedded=True)["iterations"], pixels, together=1)
    return work + drawing(3 * targets + 5, SIZE) + Cost(flags=("labels", "iterations", "starts"))
