"""What pictures of classes cost."""

from studies.classes.flags import CLASSES, Settings
from studies.shared.cost import Cost, drawing, gradients
from studies.shared.forms import form_settings


def cost(settings: Settings) -> Cost:
    """All classes climb at a time, in one form after the other."""
    count, total = len(settings.labels) or len(CLASSES[0]), Cost(flags=("size", "iterations"))
    for form in settings.forms:
        steps = (form_settings(form, embedded=True) | settings.given(form))["iterations"]
        total += gradients(count, settings.side**2, together=count) * steps
    return total + drawing(len(settings.forms) * (count + 5), settings.side)
