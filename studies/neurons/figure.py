"""Draws what a layer looks for: weights, activation maps, patches and climbed pictures."""

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
from skimage.transform import resize

from drawing.colours import diverging, full_scale, heat, overlay, signed, stretch
from drawing.grid import Panel, draw_grid
from drawing.mosaic import mosaic
from studies.neurons.flags import COUNT, FORM_TITLES
from studies.neurons.results import Activations, ChannelPatches, Climbs, FirstFilters, HigherFilters, Patch, Templates

PANEL = 254  # pixels of a channel's panel
PATCHES = 3  # a side, in a channel's panel
BEYOND = 0.92  # grey of what lies beyond the image's border


def draw_templates(found: Templates) -> np.ndarray:
    """One picture a class."""
    columns = min(len(found.names), 9)
    panels = [Panel(signed(picture), name) for picture, name in zip(found.pictures, found.names, strict=True)]
    right = f"{100 * found.accuracy:.1f} % of new scenes right ({found.chance})"
    return draw_grid(
        [panels],
        columns=columns,
        cell=max(1.2, 10.8 / columns if columns > 4 else 2.3),
        title=f"A linear classifier has one template a class: {right}",
        footer=f"softmax on {found.scenes} scenes of {found.pictures.shape[1]} pixels, weight decay "
        f"{found.weight_decay:g}; grey is weight 0, each template on its own scale",
    )


def draw_filters(found: Sequence[FirstFilters], *, shared_scale: bool) -> np.ndarray:
    """Networks across, trained filters above and untrained ones beneath; of a single network side by side."""
    trained, untrained = [], []
    for each in found:
        count, high, wide = each.trained.shape[:3]
        title = f"{each.network}, {each.layer}\n{count} filters of {high} x {wide}, stride {each.stride}"
        trained.append(Panel(mosaic(each.trained, side=380).pixels, title))
        untrained.append(Panel(mosaic(each.untrained, side=380).pixels))
    rows, row_names = [trained, untrained], ("trained", "untrained")
    if len(found) == 1:
        before = untrained[0]._replace(title="the same before training,\nHe's random weights")
        rows, row_names = [[trained[0], before]], ()
    scale = "all filters on one scale" if shared_scale else "each filter on its own scale"
    return draw_grid(
        rows,
        row_names=row_names,
        columns=4,
        cell=3.4,
        title="What the first layer looks for: its filters as pictures",
        footer=f"grey is weight 0, {scale}; weights {', '.join(each.weights for each in found)}",
    )


def draw_weights(found: Sequence[HigherFilters], *, named: bool, shared_scale: bool) -> np.ndarray:
    """Filters across, networks down: a grey tile for each channel that a filter reads."""
    rows, row_names = [], []
    for each in found:
        channels, high, wide = each.tiles.shape[1:]
        greys = [[plane[..., None].repeat(3, axis=2) for plane in planes] for planes in each.tiles]
        panels = [Panel(mosaic(planes, side=250).pixels) for planes in greys]
        rows.append([panel._replace(title=f"filter {index}") for panel, index in zip(panels, each.chosen, strict=True)])
        size = f"{each.count} filters of {channels} x {high} x {wide}"
        row_names.append("\n".join([each.network, *wrapped(each.layer), size]))
    which = "the filters asked for" if named else "the filters of largest norm"
    scale = "all filters of a network on one scale" if shared_scale else "each filter on its own scale"
    return draw_grid(
        rows,
        row_names=row_names,
        columns=COUNT,
        title="A higher layer's weights say little: one tile for each channel that a filter reads",
        footer=f"{which}; grey is weight 0, {scale}; weights {', '.join(each.weights for each in found)}",
    )


def draw_activations(
    found: Sequence[Activations], *, named: bool, shared_scale: bool, layer: str, few: str, footer: str
) -> np.ndarray:
    """Pictures down: the picture, all maps of the layer with some framed, these laid over the picture."""
    rows = []
    for each in found:
        colours = diverging if each.maps.min() < 0 else heat
        scale = full_scale(each.maps) if shared_scale else None
        whole = mosaic([colours(one, scale=scale) for one in each.maps], side=560)
        near = mosaic([overlay(each.pixels, one, scale=scale) for one in each.enlarged], side=560)
        which = f"{'channels asked for' if named else 'the strongest'}, channel: largest value"
        frames = [whole.mark(channel, str(channel)) for channel in each.marked]
        peaks = [near.mark(place, text) for place, text in enumerate(each.peaks)]
        rows.append(
            [
                Panel(each.pixels, each.title),
                Panel(whole.pixels, f"all {len(each.maps)} channels", marks=frames),
                Panel(near.pixels, which, marks=peaks),
            ]
        )
    scales = "all maps of a picture on one scale" if shared_scale else "each map on its own scale"
    title = f"Where each channel fires: {layer}"
    return draw_grid(rows, cell=5.1, title=title, footer=f"{few}{scales}; {footer}")


def draw_patches(found: Sequence[ChannelPatches], *, way: str, layer: str, source: str, footer: str) -> np.ndarray:
    """Channels across: the strongest patches above, beneath them what in these the same units answer to.

    way: how that was found, "guided backprop" or "gradient".
    """
    above, beneath = [], []
    for each in found:
        title = f"channel {each.channel}\n{each.largest:.3g} to {each.smallest:.3g}"
        above.append(Panel(patch_mosaic(each.patches, lambda patch: patch.pixels / 255), title))
        beneath.append(Panel(patch_mosaic(each.patches, lambda patch: signed(patch.guided))))
    return draw_grid(
        [above, beneath],
        row_names=("strongest patches", f"{way}\nof that unit"),
        columns=COUNT,
        title=f"What excites a channel most: {layer}",
        footer=f"the best patch of an image, the {len(found[0].patches)} best of {source}; cut as large as the unit "
        f"sees, light grey beyond the border; {footer}",
    )


def patch_mosaic(patches: Sequence[Patch], picture_of: Callable[[Patch], np.ndarray]) -> np.ndarray:
    """The patches as one square, all drawn on one scale: beyond the image's border is light grey."""
    pictures = [picture_of(patch) for patch in patches]
    whole = max(max(picture.shape[:2]) for picture in pictures)
    side, framed = PANEL // PATCHES - 1, []
    for picture, patch in zip(pictures, patches, strict=True):
        high, wide = picture.shape[:2]
        top = whole - high if patch.at_top else 0
        left = whole - wide if patch.at_left else 0
        frame = np.full((whole, whole, 3), BEYOND)
        frame[top : top + high, left : left + wide] = picture
        framed.append(resize(frame, (side, side), order=1, anti_aliasing=whole > side))
    return mosaic(framed, side=PANEL).pixels


def draw_climbs(found: Sequence[Climbs], *, what: str, channels: Sequence[int], layer: str, footer: str) -> np.ndarray:
    """Channels across, forms down."""
    rows = []
    for each in found:
        row = []
        for picture, channel, first, last in zip(each.pictures, channels, each.first, each.last, strict=True):
            # A ReLU below the layer holds it at 0, or the steps were too few: what is drawn is the noise at the start.
            stuck = first == last == 0
            note = "its value stayed 0; take more --iterations, or the layer before it" if stuck else ""
            large = resize(stretch(picture), (PANEL, PANEL), anti_aliasing=True)
            row.append(Panel(large, f"{what} {channel}\n{first:.3g} to {last:.3g}", note))
        rows.append(row)
    goals = {
        "channel": "the mean of the channel's map",
        "unit": "the channel in the middle of its map, cut to what it sees",
    }
    return draw_grid(
        rows,
        row_names=[f"climbed picture,\n{FORM_TITLES[each.form]}" for each in found],
        columns=COUNT,
        title=f"What a {what} responds to most: {layer}",
        footer=f"climbed: {goals[what]}; below the number its value at first and at last; {footer}",
    )


def wrapped(name: str, most: int = 24) -> list[str]:
    """A long name in lines, broken after its dots."""
    return [line.replace(" ", "") for line in textwrap.wrap(name.replace(".", ". "), most)]
