"""What a layer responds to in pictures that are there: its activation maps, and its channels' strongest patches."""

import torch

from core.errors import UsageError
from core.images import deprocess
from studies.neurons import figure
from studies.neurons.flags import MARKED
from studies.neurons.results import Activations, ChannelPatches, Drawn, Patch
from studies.neurons.subject import Subject
from studies.shared.network import footer
from visualizers.activation_maps import activation_maps, strongest_channels
from visualizers.gradcam import upsample
from visualizers.guided_backprop import check_relus
from visualizers.top_patches import top_patches
from visualizers.unit_gradient import guided_unit, unit_gradient


def activations(subject: Subject) -> Drawn:
    """For each picture all maps of the layer, the strongest framed, and these laid over the picture."""
    asked, batch, layer = subject.settings, subject.batch, subject.layer
    there, named = subject.map_shape[0], list(subject.named_channels)
    found = []
    for index in range(len(batch.names) if asked.images else 1):
        maps = activation_maps(subject.model, batch.images[index : index + 1], layer=layer).cpu()  # (1, C, h, w)
        marked = named or strongest_channels(maps, min(asked.count or MARKED, there))[0].tolist()
        enlarged = upsample(maps[0, marked], batch.images.shape[2:]).numpy()  # (marked, H, W)
        found.append(Activations(batch.pixels[index], batch.titles[index], maps[0].numpy(), marked, enlarged))
        peaks = ", ".join(found[-1].peaks)
        subject.report.say(f"{batch.names[index]}: {layer}, channel: largest value: {peaks}")
    left_out = len(subject.pictures) - len(subject.broken) - len(found) if asked.images else 0
    if left_out > 0:
        subject.report.say(f"activations: of the first {len(found)} pictures; name one to see its own")
    few = f"the first {len(found)} pictures of {len(found) + left_out}; " if left_out > 0 else ""
    pixels = figure.draw_activations(
        found,
        named=bool(named),
        shared_scale=asked.shared_scale,
        layer=subject.layer_title,
        few=few,
        footer=footer(subject.model),
    )
    return Drawn(pixels, subject.model.weights_name)


def patches(subject: Subject) -> Drawn:
    """For each channel the nine patches that excite it most, and guided backprop of that very unit.

    A network without ReLUs has no guided backprop: there it is the unit's plain gradient.
    """
    model, layer, channels = subject.model, subject.layer, subject.channels
    found, gradient_of, way = [], guided_unit, "guided backprop"
    try:
        check_relus(model, torch.zeros(1, 3, subject.size, subject.size))
    except UsageError:
        gradient_of, way = unit_gradient, "gradient"
    for channel, best in zip(channels, top_patches(model, layer, channels, subject.stream("patches")), strict=True):
        images = torch.stack([patch.image for patch in best])
        units = ([patch.row for patch in best], [patch.column for patch in best])
        gradients = gradient_of(model, images, layer, channel, *units)  # (9, 3, H, W)
        cut = [
            Patch(
                deprocess(patch.pixels[None])[0],
                patch.box.cut(gradient).permute(1, 2, 0).numpy(),
                patch.box.top == 0,
                patch.box.left == 0,
            )
            for patch, gradient in zip(best, gradients, strict=True)
        ]
        found.append(ChannelPatches(channel, cut, best[0].value, best[-1].value))
    note = footer(model)
    pixels = figure.draw_patches(found, way=way, layer=subject.layer_title, source=subject.source, footer=note)
    return Drawn(pixels, model.weights_name)
