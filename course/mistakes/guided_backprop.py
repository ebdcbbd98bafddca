"""Mistakes in guided backprop. `maps.py` has those about the score that it shares with the other maps."""

from torch import Tensor

from course.mistakes.registry import mistake


@mistake("guided_backprop", step="gate", hint="At a ReLU, look at the sign of what comes back, too.")
def forward_gate_only(x: Tensor, gradient: Tensor) -> Tensor:
    """the ordinary gradient: only the ReLU's input decides what passes back"""
    return gradient * (x > 0)


@mistake("guided_backprop", step="gate", hint="At a ReLU, look at what went through on the way up, too.")
def gradient_gate_only(x: Tensor, gradient: Tensor) -> Tensor:
    """only the sign of the gradient decides what passes back (a deconvnet): the ReLU's input is not looked at"""
    return gradient * (gradient > 0)


@mistake("guided_backprop", step="gate", hint="What does a ReLU do to a gradient on its way back? Yours lets all pass.")
def no_gate(x: Tensor, gradient: Tensor) -> Tensor:
    """no gate at all: every gradient passes back"""
    return gradient


@mistake("guided_backprop", step="gate", hint="Which sign must the gradient have that may pass?")
def negative_gradients_pass(x: Tensor, gradient: Tensor) -> Tensor:
    """the gate is the wrong way round (negative gradients pass, or negative inputs), so nothing comes through"""
    return gradient * (x > 0) * (gradient < 0)


@mistake("guided_backprop", step="gate", hint="A gate is open or shut: with what else do you multiply?")
def times_the_input(x: Tensor, gradient: Tensor) -> Tensor:
    """the gradient is multiplied with the ReLU's output, not with whether it is positive"""
    return gradient.clamp(min=0) * x.clamp(min=0)


@mistake("guided_backprop", step="gate", hint="A negative gradient should be stopped: what becomes of it in yours?")
def magnitudes_pass(x: Tensor, gradient: Tensor) -> Tensor:
    """the magnitude of the gradient passes, so negative ones are not stopped"""
    return gradient.abs() * (x > 0)


@mistake(
    "guided_backprop",
    step="where",
    hint="Look for every ReLU: print(model) and count them, those inside the modules, too.",
)
def fire_modules_missed(place: str) -> bool:
    """the ReLUs inside the Fire modules are not replaced, only those at the top level"""
    return place != "fire"


@mistake(
    "guided_backprop", step="where", hint="Look for every ReLU: print(model) and count them, from its first module on."
)
def only_fire_modules(place: str) -> bool:
    """only the ReLUs inside the Fire modules are replaced"""
    return place == "fire"


@mistake(
    "guided_backprop", step="gradient", hint="At which layers is the gradient gated? The picture itself is no ReLU."
)
def clamped_at_the_picture(gradient: Tensor, X: Tensor) -> Tensor:
    """negative values of the final gradient are set to 0"""
    return gradient.clamp(min=0)


@mistake("guided_backprop", step="gradient", hint="Is a magnitude asked for here, or the signed gradient?")
def magnitude_at_the_picture(gradient: Tensor, X: Tensor) -> Tensor:
    """the absolute value of the final gradient"""
    return gradient.abs()


@mistake("guided_backprop", step="gradient", hint="The result is the gradient alone: what else is in yours?")
def guided_times_the_picture(gradient: Tensor, X: Tensor) -> Tensor:
    """the gradient is multiplied with the picture"""
    return gradient * X


@mistake("guided_backprop", step="layout", hint="In which order does the assignment want the four axes?")
def channels_first(gradient: Tensor) -> Tensor:
    """the channels are not moved last: (N, 3, H, W)"""
    return gradient


@mistake("guided_backprop", step="layout", hint="Rows come before columns: which axes does your transposition swap?")
def rows_and_columns_swapped(gradient: Tensor) -> Tensor:
    """rows and columns are swapped: (N, W, H, 3)"""
    return gradient.permute(0, 3, 2, 1)


@mistake("guided_backprop", step="layout", hint="A reshape moves no axis: what does?")
def reshaped_not_permuted(gradient: Tensor) -> Tensor:
    """reshaped to (N, H, W, 3) where axes should be moved"""
    N, C, H, W = gradient.shape
    return gradient.reshape(N, H, W, C)
