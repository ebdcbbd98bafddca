"""Which tokens are which patches: told by the network, wherever its other tokens stand, and refused where none are."""

import pytest
import torch
from conftest import tiny_transformer
from torch import nn

from core.errors import UsageError
from core.tokens import TokenGrid, token_grid

IMAGES = torch.zeros(2, 3, 32, 32)


class Tokens(nn.Module):
    """Patches of 8 x 8 pixels as tokens, in the order given, with other tokens before and after them."""

    def __init__(self, before: int = 0, after: int = 0, order: list[int] | None = None, stem: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.build(before, after, stem)
        self.order = order

    def build(self, before: int, after: int, stem: bool) -> None:
        self.embed = nn.Conv2d(3, 16, 8, 8)
        if stem:  # each of these looks half a place further up and to the left
            steps = [nn.Conv2d(width, 16, 3, 2, 1, bias=False) for width in (3, 16, 16)]
            self.embed = nn.Sequential(steps[0], nn.GELU(), steps[1], nn.GELU(), steps[2])
        self.before, self.after = nn.Parameter(torch.randn(before, 16)), nn.Parameter(torch.randn(after, 16))
        self.drop = nn.Dropout(0.5)
        self.block = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.merge = nn.AvgPool1d(2)
        self.head = nn.Linear(16, 5)

    def forward(self, x):
        x = self.embed(x).flatten(2).transpose(1, 2)
        x = x if self.order is None else x[:, self.order]
        x = torch.cat([self.before.expand(len(x), -1, -1), x, self.after.expand(len(x), -1, -1)], dim=1)
        x = self.block(self.drop(x))
        return self.head(self.merge(x.transpose(1, 2)).mean(dim=2))


@pytest.mark.parametrize(("before", "after"), [(0, 0), (1, 0), (2, 0), (5, 0), (0, 1), (1, 4)])
def test_class_tokens_registers_and_patches_are_told_apart_wherever_they_stand(before, after):
    assert token_grid(Tokens(before, after), IMAGES, "block") == TokenGrid(4, 4, before)


def test_rows_and_columns_are_those_of_the_picture():
    assert token_grid(Tokens(1), torch.zeros(1, 3, 24, 64), "block") == TokenGrid(3, 8, 1)
    assert token_grid(Tokens(1), torch.zeros(1, 3, 64, 24), "block") == TokenGrid(8, 3, 1)
    assert token_grid(Tokens(1), torch.zeros(1, 3, 39, 39), "block") == TokenGrid(4, 4, 1)  # the last pixels are unused


def test_a_stem_of_convolutions_that_overlap_is_understood():
    assert token_grid(Tokens(1, stem=True), torch.zeros(1, 3, 64, 64), "block") == TokenGrid(8, 8, 1)


@pytest.mark.parametrize("layer", ["encoder.layers.encoder_layer_1.ln_1", "encoder.layers.encoder_layer_0.mlp.0"])
def test_the_vision_transformer_is_left_as_it_was(layer):
    model = tiny_transformer().train()
    model.encoder.dropout.eval()
    modes, seen = [module.training for module in model.modules()], []
    hook = model.encoder.register_forward_hook(lambda *_: seen.append(1))
    model.conv_proj.register_forward_pre_hook(lambda _, inputs: (inputs[0] * 2,))  # the owner's works on
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert token_grid(model, IMAGES, layer) == TokenGrid(4, 4, 1)
    assert modes == [module.training for module in model.modules()]
    assert not seen
    assert [len(module._forward_hooks) for module in model.modules()].count(1) == 1
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    hook.remove()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_type_of_the_network_does_not_matter(dtype):
    assert token_grid(tiny_transformer().to(dtype), IMAGES, "encoder.ln") == TokenGrid(4, 4, 1)


@torch.inference_mode()
def test_nor_does_inference_mode():
    assert token_grid(tiny_transformer(), torch.zeros(1, 3, 32, 32), "encoder.ln") == TokenGrid(4, 4, 1)


@pytest.mark.parametrize(
    ("model", "layer", "shape"),
    [
        (Tokens(order=[*range(1, 16), 0]), "block", (1, 16, 16)),  # another order of the patches
        (Tokens(order=[index for row in range(4) for index in range(row, 16, 4)]), "block", (1, 16, 16)),  # columnwise
        (Tokens(1), "merge", (1, 16, 8)),  # two tokens in one: the channels count as tokens here
        (Tokens(1), "head", (1, 5)),
        (Tokens(1), "embed", (1, 16, 4, 4)),
    ],
)
def test_what_is_no_grid_of_patches_is_refused_with_its_shape(model, layer, shape):
    with pytest.raises(UsageError, match=f"layer: '{layer}' gives shape ") as refused:
        token_grid(model.eval(), IMAGES, layer)
    assert str(shape) in str(refused.value)


def test_a_layer_that_takes_no_part_is_refused():
    with pytest.raises(UsageError, match="layer: 'nowhere' gives no tensor"):
        token_grid(tiny_transformer(), IMAGES, "nowhere")


@pytest.mark.parametrize(
    ("changes", "first"),
    [({}, 1), ({"class_token": False, "global_pool": "avg"}, 0), ({"reg_tokens": 4}, 5), ({"distilled": True}, 2)],
)
def test_the_forms_of_timm_are_understood(changes, first):
    timm = pytest.importorskip("timm", reason="an optional extra")
    kind = timm.models.deit.VisionTransformerDistilled if changes.pop("distilled", None) else None
    shape = {"img_size": 32, "patch_size": 8, "embed_dim": 16, "depth": 2, "num_heads": 2, "num_classes": 5}
    model = (kind or timm.models.VisionTransformer)(**shape, **changes)
    assert token_grid(model, IMAGES, "blocks.1.norm1") == TokenGrid(4, 4, first)
