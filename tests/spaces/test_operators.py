"""How built networks are counted: as by hand, as in torchvision's documentation, and by name what is not known."""

import warnings
from dataclasses import replace
from math import inf

import pytest
import torch
from genius import Decision, GeniusError, SearchSpace
from genius.errors import GeniusWarning
from genius.record.candidate import Candidate
from genius.spaces.cost import Cost, count
from genius.spaces.region import Limits, Region
from genius.tools.validator import validate
from torch import nn
from torch.nn import functional

WIDTH, TOKENS = 16, 8  # images are 1×8×16: eight tokens of sixteen features
SHAPE = (1, TOKENS, WIDTH)
ATTENTION = 2 * TOKENS * TOKENS * WIDTH
PROJECTIONS = 4 * TOKENS * WIDTH * WIDTH


class Of(nn.Module):
    """Calls a function with the tokens of an image and with modules."""

    def __init__(self, function, *modules):
        super().__init__()
        self.function, self.own = function, nn.ModuleList(modules)

    def forward(self, images):
        return self.function(images[:, 0], *self.own)


def macs(network, shape=SHAPE):
    """Count with warnings as errors, and leave nothing behind."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", GeniusWarning)
        return count(network, shape, strict=True).flops


PUBLISHED = ("vit_b_16", "swin_t", "swin_v2_t", "maxvit_t", "convnext_tiny", "regnet_y_400mf", "efficientnet_b0")
PUBLISHED += ("mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2_x0_5", "resnet18", "densenet121", "squeezenet1_0")


@pytest.mark.parametrize("name", PUBLISHED)
def test_torchvisions_networks_cost_what_its_documentation_says(name):
    from torchvision import models

    weights = models.get_model_weights(name).DEFAULT
    pixels = weights.transforms().crop_size[0]
    cost = count(models.get_model(name, weights=None), (3, pixels, pixels), strict=True)
    assert round(cost.flops / 1e9, 3) == weights.meta["_ops"]
    assert cost.params == weights.meta["num_params"]


def _encoder(**options):
    return nn.TransformerEncoderLayer(WIDTH, 4, 32, batch_first=True, **options)


def _attend(tokens, attention):
    return attention(tokens, tokens, tokens)[0]


def _masked(tokens, encoder):
    return encoder(tokens, src_key_padding_mask=torch.arange(TOKENS)[None] > 5)


@pytest.mark.parametrize("frozen", [False, True], ids=["trained", "frozen"])  # frozen layers take torch's fast paths
def test_attention_counts_the_same_whichever_way_torch_takes(frozen):
    attention = nn.MultiheadAttention(WIDTH, 4, batch_first=True).requires_grad_(not frozen)
    encoder = _encoder().requires_grad_(not frozen)
    layer = PROJECTIONS + ATTENTION + 2 * TOKENS * WIDTH * 32
    assert macs(Of(_attend, attention)) == PROJECTIONS + ATTENTION
    assert macs(Of(lambda tokens, one: one(tokens, tokens, tokens, need_weights=False)[0], attention)) == (
        PROJECTIONS + ATTENTION
    )
    assert macs(Of(lambda tokens, one: one(tokens), encoder)) == layer
    assert macs(Of(_masked, nn.TransformerEncoder(encoder, 2))) == 2 * layer
    assert macs(Of(lambda tokens, one: one(tokens), torch.jit.script(encoder))) == layer
    assert macs(Of(lambda tokens, one: one(tokens), torch.compile(encoder))) == layer


def test_scaled_dot_products_are_two_products_of_matrices():
    heads = lambda tokens: tokens.view(1, TOKENS, 4, 4).transpose(1, 2)  # noqa: E731
    attend = functional.scaled_dot_product_attention
    assert macs(Of(lambda t: attend(heads(t), heads(t), heads(t)))) == ATTENTION
    assert macs(Of(lambda t: attend(heads(t), heads(t), heads(t), is_causal=True))) == ATTENTION  # a mask saves nothing
    grouped = Of(lambda t: attend(heads(t), heads(t)[:, :2], heads(t)[:, :2], enable_gqa=True))
    assert macs(grouped) == ATTENTION
    assert macs(Of(lambda t: attend(t[:, None], t[:, None], t[:, None, :, :4]))) == TOKENS * TOKENS * (WIDTH + 4)


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
@pytest.mark.parametrize("ways", [1, 2])
@pytest.mark.parametrize("inference", [False, True])
def test_recurrent_layers_count_every_step_layer_and_direction(kind, gates, ways, inference):
    layers = kind(WIDTH, 8, 2, batch_first=True, bidirectional=ways == 2)

    def run(tokens, recurrent):
        with torch.inference_mode(inference):
            return recurrent(tokens)[0]

    each = [TOKENS * ways * gates * 8 * (width + 8) for width in (WIDTH, 8 * ways)]
    assert macs(Of(run, layers)) == sum(each)
    cell = getattr(nn, f"{kind.__name__}Cell")(WIDTH, 8)
    assert macs(Of(lambda tokens, one: one(tokens[:, 0]), cell)) == gates * 8 * (WIDTH + 8)


def test_a_projected_lstm_counts_its_projection():
    layer = nn.LSTM(WIDTH, 8, proj_size=4, batch_first=True)
    assert macs(Of(lambda tokens, one: one(tokens)[0], layer)) == TOKENS * (4 * 8 * (WIDTH + 4) + 8 * 4)


class Doubled(torch.autograd.Function):
    """A function of one's own."""

    @staticmethod
    def forward(context, tokens, weights):
        return tokens @ weights

    @staticmethod
    def backward(context, gradient):
        return gradient, None


SQUARE = TOKENS * TOKENS * WIDTH
WEIGHTS = torch.zeros(WIDTH, 5)
PRODUCTS = {
    "matmul": (lambda t: t @ t.mT, SQUARE),
    "einsum": (lambda t: torch.einsum("bij,bkj->bik", t, t), SQUARE),
    "einsum of vectors": (lambda t: torch.einsum("bij,bij->bi", t, t), TOKENS * WIDTH),
    "tensordot": (lambda t: torch.tensordot(t, WEIGHTS, 1), TOKENS * WIDTH * 5),
    "inner": (lambda t: torch.inner(t[0], t[0]), SQUARE),
    "addmm": (lambda t: torch.addmm(torch.zeros(5), t[0], WEIGHTS), TOKENS * WIDTH * 5),
    "baddbmm": (lambda t: torch.baddbmm(torch.zeros(1), t, t.mT), SQUARE),
    "addbmm": (lambda t: torch.addbmm(torch.zeros(1), t, t.mT), SQUARE),
    "in place": (lambda t: torch.zeros(TOKENS).addmv_(t[0], torch.zeros(WIDTH)), TOKENS * WIDTH),
    "out": (lambda t: torch.mm(t[0], WEIGHTS, out=torch.empty(TOKENS, 5)), TOKENS * WIDTH * 5),
    "dot": (lambda t: torch.dot(t[0, 0], t[0, 0]), WIDTH),
    "vmap": (lambda t: torch.vmap(lambda row: WEIGHTS.T @ row)(t[0]), TOKENS * WIDTH * 5),
    "own function": (lambda t: Doubled.apply(t, WEIGHTS), TOKENS * WIDTH * 5),
    "bfloat16": (lambda t: t.bfloat16() @ WEIGHTS.bfloat16(), TOKENS * WIDTH * 5),
    "embedding": (lambda t: functional.embedding(t.long(), WEIGHTS), 0),
    "upsampling": (lambda t: functional.interpolate(t, scale_factor=2, mode="linear"), 0),
    "normalised": (lambda t: functional.softmax(functional.normalize(t, dim=-1), -1).cumsum(-1), 0),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_products_are_counted_whatever_they_are_called(name):
    function, expected = PRODUCTS[name]
    assert macs(Of(function)) == expected


LAYERS = {
    "conv1d": (nn.Conv1d(TOKENS, 4, 3, padding="same"), 4 * TOKENS * 3 * WIDTH),
    "transposed": (nn.ConvTranspose1d(TOKENS, 6, 4, 2, groups=2), TOKENS * 3 * 4 * WIDTH),
    "grouped": (nn.Conv1d(TOKENS, 8, 3, groups=TOKENS), 8 * 3 * (WIDTH - 2)),
    "called twice": (nn.Sequential(*[nn.Linear(WIDTH, WIDTH)] * 2), 2 * TOKENS * WIDTH * WIDTH),
    "lazy": (nn.LazyLinear(5), TOKENS * WIDTH * 5),
    "scripted": (torch.jit.script(nn.Sequential(nn.Linear(WIDTH, 5))), TOKENS * WIDTH * 5),
    "weight norm": (nn.utils.parametrizations.weight_norm(nn.Linear(WIDTH, 5)), TOKENS * WIDTH * 5),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_counted_as_often_as_they_are_called(name):
    layer, expected = LAYERS[name]
    assert macs(Of(lambda tokens, one: one(tokens), layer)) == expected


def test_deeper_dimensions_and_two_inputs():
    assert macs(Of(lambda t, one: one(t[:, None, None]), nn.Conv3d(1, 4, (1, 3, 3)))) == 4 * 9 * 6 * 14
    assert macs(Of(lambda t, one: one(t[:, 0], t[:, 1]), nn.Bilinear(WIDTH, WIDTH, 5))) == WIDTH * WIDTH * 5
    from torchvision.ops import DeformConv2d

    deformed = Of(lambda t, one: one(t[:, None], torch.zeros(1, 18, 6, 14)), DeformConv2d(1, 4, 3))
    assert macs(deformed) == 4 * 9 * 6 * 14


def test_parameters_count_once_and_frozen_ones_too():
    layer, never_called = nn.Linear(WIDTH, WIDTH).requires_grad_(False), nn.LazyLinear(3)
    network = Of(lambda tokens, *layers: layers[1](layers[0](tokens)), layer, layer, never_called)
    assert count(network, SHAPE).params == WIDTH * WIDTH + WIDTH


@torch.library.custom_op("genius_tests::own", mutates_args=())
def own(tokens: torch.Tensor) -> torch.Tensor:
    """Multiply in an operator of one's own, whose inside nobody sees."""
    return tokens @ tokens.mT


UNKNOWN = {
    "aten::_fft_r2c": lambda t: torch.fft.rfft(t).abs(),
    "aten::grid_sampler_2d": lambda t: functional.grid_sample(t[:, None], torch.zeros(1, 2, 2, 2), align_corners=False),
    "aten::_sparse_addmm": lambda t: torch.sparse.mm(torch.eye(TOKENS).to_sparse(), t[0]),
    "aten::mm": lambda t: torch.eye(TOKENS).to_sparse_csr() @ t[0],
    "aten::_cdist_forward": lambda t: torch.cdist(t, t),
    "aten::linalg_inv_ex": lambda t: torch.linalg.inv(torch.eye(3)),
    "genius_tests::own": own,
    "Tensor.numpy": lambda t: torch.from_numpy(t.numpy() @ t.mT.numpy()),
    "cond": lambda t: torch.cond(t.sum() > 0, lambda t: t @ t.mT, lambda t: t @ t.mT, (t,)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_counted_is_named_and_under_a_limit_refused(name):
    network = Of(UNKNOWN[name])
    with pytest.warns(GeniusWarning, match=rf"the FLOPs of Of leave out these operators: .*{name}") as told:
        count(network, SHAPE)
    assert len([each for each in told if each.category is GeniusWarning]) == 1
    with pytest.raises(
        GeniusError, match=rf"{name}.*under a limit on FLOPs all must be known: give the space its costs"
    ):
        count(network, SHAPE, strict=True)


@pytest.mark.parametrize(
    "function",
    [
        lambda t: t * 2 if t.sum() > 0 else t @ t.mT,
        lambda t: t[t > 0],
        lambda t: torch.tensor(t.tolist()),
    ],
)
def test_networks_that_look_at_values_are_told_apart(function):
    with pytest.warns(GeniusWarning, match="Of reads values of its tensors, and other images may take other operators"):
        count(Of(function), SHAPE)


def test_counting_changes_nothing():
    network = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert count(network, SHAPE).norm_outputs == 3 * 6 * 14
    assert network.training
    assert torch.backends.mha.get_fastpath_enabled()
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_average_pooling_counts_as_thop_counts_it():
    def pooling(*layers):
        return count(nn.Sequential(*layers), SHAPE).pooling

    assert pooling(nn.AdaptiveAvgPool2d(1)) == TOKENS * WIDTH + 1
    assert pooling(nn.AdaptiveAvgPool2d((2, 4))) == 8 * (16 + 1)
    assert pooling(nn.AvgPool2d(2)) == TOKENS * WIDTH // 4
    assert pooling(nn.MaxPool2d(2)) == 0


def _one_of_two(architecture):
    return Of(lambda tokens: torch.fft.rfft(tokens).abs() if architecture[0] else tokens)


FOURIER = SearchSpace("fourier", (Decision("mix", ("nothing", "fft")),), "", _one_of_two, SHAPE)


def test_a_limit_on_flops_needs_all_of_them_and_one_on_parameters_none():
    of_flops, of_params = Limits(flops=(-inf, 10.0)), Limits(params=(-inf, 10.0))
    for asked in (Region.count, lambda region: judge((1,), region), Region.largest):
        with pytest.raises(GeniusError, match=r"aten::_fft_r2c; under a limit on FLOPs"):
            asked(Region(replace(FOURIER), of_flops))
        with pytest.warns(GeniusWarning, match=r"aten::_fft_r2c"):
            asked(Region(replace(FOURIER), of_params))
    assert judge((0,), Region(FOURIER, of_flops)).cost == Cost()


def judge(architecture, region):
    candidate = Candidate(1, 1, reply=f"Architecture: {list(architecture)}")
    return validate(candidate, region, [], max_replies=3, when_done="stop")
