"""The two forms in which the picture of a class is climbed, pixels and a Fourier basis, and the settings of each.

Standard library only, for the flags of studies read the defaults here.
"""

from visualizers.catalogue import defaults_of


def _numbers_of(module: str, function: str) -> dict[str, float]:
    """The defaults that are numbers. A picture's size is none of the ascent's."""
    return {
        name: value for name, value in defaults_of(module, function).items() if value is not None and name != "size"
    }


FORMS = {  # form: the default of each setting
    "pixels": _numbers_of("visualizers.class_visualization", "climb_pixels"),
    "fourier": _numbers_of("visualizers.fourier_visualization", "fourier_visualization"),
}
# In the pixel form on the embedded network, whose scores are smaller.
EMBEDDED = {"iterations": 200, "learning_rate": 15.0, "l2_reg": 3e-5, "blur_every": 2}


def form_settings(form: str, *, embedded: bool) -> dict[str, float]:
    """A form's settings where nobody asks otherwise. embedded: whether the network knows the rendered scenes."""
    return FORMS[form] | (EMBEDDED if embedded and form == "pixels" else {})
