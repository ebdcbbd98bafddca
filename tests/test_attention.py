"""Attention written down block by block, and the two maps made of it: worked by hand, and by plain loops."""

import threading
from math import exp, sqrt

import pytest
import torch
from conftest import noise, random_squeezenet, state_of, tiny_transformer
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import SwinTransformer

from core.attention import Roles, attention_of, on_patches, token_roles
from core.errors import UsageError
from core.gradients import BlankMapWarning
from core.measuring import measuring
from core.tokens import TokenGrid
from visualizers.attention_relevance import add_up, attention_relevance
from visualizers.attention_rollout import attention_rollout, roll_out

PICTURES = noise(3, 3, 32, 32, seed=5).double()


class Block(nn.Module):
    """Attention with a path around it, in one of the ways in which networks write it."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.mix, self.out = how, nn.Linear(8, 24), nn.Linear(8, 8)
        self.whole, self.norm = nn.MultiheadAttention(8, 2, batch_first=True), nn.LayerNorm(8)
        self.drop, self.soft = nn.Dropout(0.5), nn.Softmax(dim=-1)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.norm(tokens)
        if self.how.startswith("module"):
            return tokens + self.whole(x, x, x, need_weights=self.how == "module with weights")[0]
        query, key, value = self.mix(x).unflatten(2, (3, 2, 4)).permute(2, 0, 3, 1, 4)  # (3, N, heads, T, 4)
        attended = getattr(self, self.how)(query, key, value)
        return tokens + self.out(attended.transpose(1, 2).flatten(2))

    def fused(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(query, key, value)

    def masked(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        mask = torch.arange(query.shape[2]) != 3  # nobody reads the fourth token
        return functional.scaled_dot_product_attention(query, key, value, mask.expand(len(mask), -1), scale=0.7)

    def by_method(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return self.drop((query @ key.transpose(-2, -1) / 2).softmax(dim=-1)) @ value

    def by_module(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights = self.soft(torch.einsum("nhid,nhjd->nhij", query, key) / 2)
        return torch.einsum("nhij,nhjd->nhid", weights, value)

    def heads_in_the_batch(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        flat = [each.flatten(0, 1) for each in (query, key, value)]
        weights = functional.softmax(torch.bmm(flat[0], flat[1].transpose(1, 2)) / 2, dim=-1)
        return torch.bmm(weights, flat[2]).unflatten(0, (-1, 2))

    def one_softmax_for_the_head_and_one_beside(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        weights = (query @ key.transpose(-2, -1)).softmax(dim=-1)
        return (0.5 * weights + 0.5 * weights.mean(dim=1, keepdim=True)) @ value

    def of_pooled_keys(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(query, key[:, :, ::2], value[:, :, ::2])


class Transformer(nn.Module):
    """A class token, patches of 8 x 8 pixels, two blocks; the scores are read from the class token, or from all."""

    def __init__(self, how: str, pooled: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.embed, self.first = nn.Conv2d(3, 8, 8, 8), nn.Parameter(torch.randn(1, 1, 8))
            self.start, self.blocks, self.head = nn.Identity(), nn.ModuleList([Block(how), Block(how)]), nn.Linear(8, 4)
            for name, weights in self.named_parameters():
                if name.endswith("weight") and weights.dim() == 2:
                    nn.init.normal_(weights)  # so that some attend to little else
        self.pooled = pooled

    def forward(self, images: Tensor) -> Tensor:
        patches = self.embed(images).flatten(2).transpose(1, 2)
        tokens = self.start(torch.cat([self.first.expand(len(images), -1, -1), patches], dim=1))
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens[:, 1:].mean(dim=1) if self.pooled else tokens[:, 0])


WAYS = ["fused", "masked", "by_method", "by_module", "heads_in_the_batch", "module", "module with weights"]


def loops_over_blocks(model: Transformer, picture: Tensor, label: int) -> tuple[list, list]:
    """Plain attention in loops over heads and tokens -> A and d score / d A of each block, lists [head][row][column].

    A picture (1, 3, H, W) through `by_method` without its matrices.
    """
    tokens = torch.cat([model.first[0], model.embed(picture)[0].flatten(1).T])
    weights = []
    for block in model.blocks:
        query, key, value = (part.reshape(-1, 2, 4) for part in block.mix(block.norm(tokens)).chunk(3, dim=1))
        rows = []
        for head in range(2):
            for i in range(len(tokens)):
                powers = [(query[i, head] @ key[j, head] / sqrt(4)).exp() for j in range(len(tokens))]
                rows.append(torch.stack([power / sum(powers) for power in powers]))
        weights.append(rows)
        attended = [
            torch.cat([sum(rows[h * len(tokens) + i][j] * value[j, h] for j in range(len(tokens))) for h in range(2)])
            for i in range(len(tokens))
        ]
        tokens = tokens + block.out(torch.stack(attended))
    score = model.head(tokens[0])[label]
    flat = [row for rows in weights for row in rows]
    gradients = list(torch.autograd.grad(score, flat, allow_unused=True))
    gradients = [torch.zeros_like(flat[0]) if each is None else each for each in gradients]
    count = len(tokens)
    by_block = [gradients[start : start + 2 * count] for start in (0, 2 * count)]
    split = lambda rows: [[row.tolist() for row in rows[h * count : (h + 1) * count]] for h in range(2)]  # noqa: E731
    return [split(rows) for rows in weights], [split(rows) for rows in by_block]


def product(left: list, right: list) -> list:
    count = len(left)
    return [[sum(left[i][k] * right[k][j] for k in range(count)) for j in range(count)] for i in range(count)]


@pytest.fixture(scope="module")
def plain():
    """A small transformer, and what loops say of its attention on one picture for class 2."""
    model = Transformer("by_method").double().eval()
    return model, *loops_over_blocks(model, PICTURES[:1], 2)


def test_the_weights_are_those_that_loops_compute(plain):
    model, expected, _ = plain
    with measuring(model):
        _, weights = attention_of(model, PICTURES[:1])
    for ours, theirs in zip(weights, expected, strict=True):
        torch.testing.assert_close(ours[0].detach(), torch.tensor(theirs, dtype=torch.float64), rtol=1e-10, atol=1e-12)


def test_rollout_is_what_loops_compute(plain):
    model, weights, _ = plain
    count = len(weights[0][0])
    flow = [[float(i == j) for j in range(count)] for i in range(count)]
    for heads in weights:
        step = [[(heads[0][i][j] + heads[1][i][j]) / 2 + (i == j) for j in range(count)] for i in range(count)]
        flow = product([[value / sum(row) for value in row] for row in step], flow)
    ours = attention_rollout(model, PICTURES[:1], 0)[0]
    torch.testing.assert_close(ours.flatten(), torch.tensor(flow[0][1:], dtype=torch.float64), rtol=1e-10, atol=1e-12)


def test_relevance_is_what_loops_compute(plain):
    model, weights, gradients = plain
    count = len(weights[0][0])
    flow = [[float(i == j) for j in range(count)] for i in range(count)]
    for heads, slopes in zip(weights, gradients, strict=True):
        step = [
            [sum(max(0.0, heads[h][i][j] * slopes[h][i][j]) for h in range(2)) / 2 for j in range(count)]
            for i in range(count)
        ]
        gained = product(step, flow)
        flow = [[flow[i][j] + gained[i][j] for j in range(count)] for i in range(count)]
    ours = attention_relevance(model, PICTURES[:1], 2)[0]
    assert ours.max() > 0
    torch.testing.assert_close(ours.flatten(), torch.tensor(flow[0][1:], dtype=torch.float64), rtol=1e-10, atol=1e-12)


def test_three_tokens_one_head_two_layers_by_hand():
    first = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.0, 0.5]])
    second = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    flow = roll_out([each.view(1, 1, 3, 3) for each in (first, second)])[0]
    # A'_1 = [[.5 .5 0] [0 1 0] [.25 0 .75]], A'_2 = [[.5 0 .5] [.5 .5 0] [0 0 1]]
    assert flow.tolist() == [[0.375, 0.25, 0.375], [0.25, 0.75, 0.0], [0.25, 0.0, 0.75]]
    gained = add_up([each.view(1, 1, 3, 3) for each in (first, second)])[0]
    # R_1 = I + A_1 = [[1 1 0] [0 2 0] [.5 0 1.5]], R_2 = R_1 + A_2 R_1
    assert (gained + torch.eye(3)).tolist() == [[1.5, 1.0, 1.5], [1.0, 3.0, 0.0], [1.0, 0.0, 3.0]]


def test_rollout_of_uniform_attention_is_uniform():
    model = Transformer("fused").eval()
    for block in model.blocks:
        nn.init.zeros_(block.mix.weight[:16])  # no query and no key: each token attends to all alike
        nn.init.zeros_(block.mix.bias[:16])
    maps = attention_rollout(model, PICTURES.float(), 0)
    # of the class token's row a quarter stays, the rest is shared out among all 17
    torch.testing.assert_close(maps, torch.full((3, 4, 4), (1 - 0.25) / 17))


def test_the_maps_point_at_the_one_patch_that_the_class_token_attends_to():
    """Patches have a mark, the mean of their pixels; the class token's query finds the key of the brightest."""
    model = Transformer("fused").double().requires_grad_(False).eval()
    for weights in model.parameters():
        nn.init.zeros_(weights)
    model.embed.weight[0] = 1 / 192
    model.embed.bias[1] = 1
    model.first[0, 0, 2] = 1
    for block in model.blocks:
        block.norm = nn.Identity()
        block.mix.weight[[0, 4], 2] = 20  # queries of the class token, both heads
        block.mix.weight[[8, 12], 0] = 1  # keys: how bright a patch is
        block.mix.weight[16, 0] = 1  # value: the same
        block.out.weight[3, 0] = 1
    model.head.weight[1, 3] = 1  # class 1 is read from what the class token has got
    pictures = torch.zeros(1, 3, 32, 32).double()
    pictures[:, :, 8:16, 16:24] = 1  # row 1, column 2
    share = exp(20 / 2) / (exp(20 / 2) + 16)
    rollout = attention_rollout(model, pictures, 1)[0]
    relevance = attention_relevance(model, pictures, 1)[0]
    # In rollout the patch itself, in the block before, attends to all tokens alike: a quarter is shared out among 17.
    expected = torch.full((4, 4), 0.25 / 17).double()
    expected[1, 2] += 0.5
    torch.testing.assert_close(rollout, expected, rtol=0, atol=1e-3)
    assert relevance.argmax() == 1 * 4 + 2
    assert relevance[1, 2] / relevance.sum() > 0.9
    with measuring(model):
        weights = attention_of(model, pictures)[1]
    assert weights[0][0, 0, 0, 1 + 6].item() == pytest.approx(share)
    with pytest.warns(BlankMapWarning, match="image 0 for class 2 is blank"):
        assert not attention_relevance(model, pictures, 2).any()  # which is read from nothing


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("gradients", [True, False])
def test_a_pass_that_records_gives_the_same_scores_however_attention_is_written(how, gradients):
    model = Transformer(how).double().eval()
    with measuring(model), torch.set_grad_enabled(gradients):
        scores, weights = attention_of(model, PICTURES)
    assert [each.shape for each in weights] == [(3, 2, 17, 17)] * 2
    with torch.no_grad():
        torch.testing.assert_close(scores.detach(), model(PICTURES), rtol=0, atol=1e-12)
    for each in weights:
        torch.testing.assert_close(each.detach().sum(dim=3), torch.ones(3, 2, 17).double())
    assert not how.startswith("masked") or not any(each[..., 3].any() for each in weights)
    if gradients:
        slopes = torch.autograd.grad(scores[:, 0].sum(), weights)
        assert all(each.abs().max() > 0 for each in slopes)


@pytest.mark.parametrize("how", WAYS[2:5])
def test_all_ways_of_writing_it_have_the_same_maps(how):
    one, other = (Transformer(each).double().eval() for each in ("fused", how))
    for technique in (attention_rollout, attention_relevance):
        torch.testing.assert_close(technique(one, PICTURES, [1, 2, 3]), technique(other, PICTURES, [1, 2, 3]))


def test_torchvisions_scores_are_the_same_too_and_no_trace_is_left():
    model = tiny_transformer().double().train()
    before = state_of(model, PICTURES)
    maps = [technique(model, PICTURES, 1) for technique in (attention_rollout, attention_relevance)]
    assert state_of(model, PICTURES) == before
    for each, again in zip(maps, (attention_rollout, attention_relevance), strict=True):
        assert torch.equal(each, again(model.eval(), PICTURES, 1))
    with measuring(model):
        torch.testing.assert_close(attention_of(model, PICTURES)[0], model(PICTURES), rtol=0, atol=1e-12)


@pytest.mark.parametrize("frozen", [True, False])
def test_the_fast_path_of_pytorchs_encoder_is_seen_too(frozen):
    model = Transformer("fused")
    model.blocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(2)])
    model = model.double().requires_grad_(not frozen).eval()
    with measuring(model), torch.no_grad():
        scores, weights = attention_of(model, PICTURES)
        torch.testing.assert_close(scores, model(PICTURES), rtol=0, atol=1e-12)
    assert len(weights) == 2


@pytest.mark.parametrize("pooled", [False, True])
def test_what_the_scores_are_read_from_is_found(pooled):
    roles = token_roles(Transformer("fused", pooled=pooled), PICTURES.float())
    assert roles.grid == TokenGrid(4, 4, 1)
    expected = torch.tensor([0.0] + [1 / 16] * 16) if pooled else torch.tensor([1.0] + [0.0] * 16)
    torch.testing.assert_close(roles.read, expected)


def test_a_head_of_zeros_is_read_from_the_class_token_all_the_same():
    model = tiny_transformer()
    nn.init.zeros_(model.heads.head.weight)
    assert token_roles(model, PICTURES.float()).read.nonzero().tolist() == [[0]]
    assert attention_rollout(model, PICTURES.float(), 0).min() > 0


def test_without_a_class_token_the_map_is_the_mean_of_the_rows():
    flow = torch.arange(16.0).view(1, 4, 4)
    assert on_patches(flow, Roles(TokenGrid(2, 2, 0), torch.full((4,), 0.25))).tolist() == [[[6.0, 7.0], [8.0, 9.0]]]
    assert on_patches(flow, Roles(TokenGrid(1, 2, 1), torch.tensor([0.0, 0.0, 0.0, 1.0]))).tolist() == [[[13.0, 14.0]]]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_network_in_half_precision_gives_nearly_the_same_in_the_type_of_the_images(dtype):
    images = PICTURES.float()
    for technique in (attention_rollout, attention_relevance):
        exact, rough = technique(tiny_transformer(), images, 1), technique(tiny_transformer().to(dtype), images, 1)
        assert rough.dtype == torch.float32
        assert (exact - rough).norm() < 0.1 * exact.norm()


def test_two_threads_record_what_each_computes_and_a_plain_pass_nothing():
    models = [Transformer(how).eval().requires_grad_(False) for how in ("fused", "by_method")]
    images = PICTURES.float()
    alone = [attention_relevance(model, images, 1) for model in models]
    start, found = threading.Barrier(3), {}

    def draw(index: int) -> None:
        start.wait()
        found[index] = [attention_relevance(models[index], images, 1) for _ in range(5)]

    def run() -> None:
        start.wait()
        found["plain"] = [models[0](images) for _ in range(20)]

    threads = [threading.Thread(target=draw, args=(index,)) for index in range(2)] + [threading.Thread(target=run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, expected in enumerate(alone):
        for each in found[index]:
            torch.testing.assert_close(each, expected)
    assert all(torch.equal(each, models[0](images)) for each in found["plain"])


def small_swin() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SwinTransformer([4, 4], 8, [1, 1], [2, 4], [2, 2], num_classes=5).eval()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (random_squeezenet(), "SqueezeNet runs no self-attention that can be seen"),
        (small_swin(), "SwinTransformer attends within windows"),
        (Transformer("of_pooled_keys"), "between different numbers of tokens, by weights of shape .*17, 9"),
        (Transformer("one_softmax_for_the_head_and_one_beside"), "changes its attention weights after the softmax"),
    ],
    ids=["none", "windows", "pooled keys", "changed"],
)
def test_attention_that_cannot_be_followed_is_refused_in_one_sentence(model, words):
    for technique in (attention_rollout, attention_relevance):
        with pytest.raises(UsageError, match=f"^model: .*{words}.*; use grad-cam$"):
            technique(model, PICTURES.float(), 1)


def test_tokens_that_are_no_grid_are_refused():
    model = Transformer("fused").eval()
    model.start.register_forward_hook(lambda _module, _inputs, output: output[:, [*range(9), *range(16, 8, -1)]])
    model.embed.register_forward_hook(lambda _module, _inputs, output: output.flip(2) if output.sum() > 0 else output)
    with pytest.raises(UsageError, match="model: the 17 tokens of Transformer are no grid of patches; use grad-cam"):
        attention_rollout(model, PICTURES.float(), 1)


def test_a_label_out_of_range_is_named():
    for technique in (attention_rollout, attention_relevance):
        with pytest.raises(UsageError, match="labels: class 5 is out of range; allowed are 0 to 4"):
            technique(tiny_transformer(), PICTURES.float(), 5)
