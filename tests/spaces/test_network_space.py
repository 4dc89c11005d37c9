"""Spaces that start from a network: torchvision's and users' own."""

import numpy as np
import pytest
import torch
import torchvision
from genius import GeniusError, Region, space_of
from genius.spaces.cost import count
from torch import nn

from . import varied_networks as mine


def vision_transformer():
    network = torchvision.models.VisionTransformer(16, 4, 3, 4, 64, 128, num_classes=10)
    nn.init.normal_(network.heads.head.weight, std=0.02)  # torchvision's are zeros, and so would all scores be
    return network


TORCHVISION = ("resnet18", "mobilenet_v3_small", "googlenet", "shufflenet_v2_x0_5")
LARGER = [
    pytest.param(name, marks=pytest.mark.heavy)
    for name in ("resnet50", "mobilenet_v2", "efficientnet_b0", "vgg11_bn", "densenet121", "resnext50_32x4d")
]
OWN = {
    "vision_transformer": (vision_transformer, (3, 16, 16)),
    "residual": (mine.Residual, (1, 8, 8)),
    "transformer": (lambda: mine.Transformer(mine.Attention), (3, 16, 16)),
    "transformer by size": (lambda: mine.Transformer(mine.AttentionBySize), (3, 16, 16)),
    "segmenter": (mine.Segmenter, (3, 8, 8)),
    "grouped": (mine.Grouped, (3, 8, 8)),
    "tied": (mine.Tied, (16,)),
    "recurrent": (mine.Recurrent, (5, 8)),
    "perceptron": (mine.perceptron, (20,)),
    "convolutions": (mine.convolutions, (1, 16, 16)),
    "signals": (mine.signals, (2, 40)),
    "encoder": (mine.encoder, (5, 6)),
}


def made(name):
    """Make a network and name the shape of its input."""
    torch.manual_seed(0)
    if name in OWN:
        maker, shape = OWN[name]
        return maker(), shape
    quiet = {"init_weights": False} if name == "googlenet" else {}
    return getattr(torchvision.models, name)(**quiet), (3, 32, 32)


def own_architecture(space):
    """Return the architecture that is the given network: its options stand at the end of the description."""
    first = tuple(decision.first for decision in space.decisions)
    own = {each.name: each.own for each in space.build.func.varied.variations}
    assert space.values(first).keys() == own.keys()
    return tuple(decision.options.index(own[decision.name]) for decision in space.decisions)


@pytest.mark.parametrize("name", [*OWN, *TORCHVISION, *LARGER])
def test_the_network_itself_is_an_architecture_and_all_others_train(name):
    network, shape = made(name)
    space = space_of(network, input_shape=shape)
    itself = space.build(own_architecture(space))
    assert type(itself) is type(network)
    assert count(itself, shape) == count(network, shape) == space.cost_of(own_architecture(space))
    itself.load_state_dict(network.state_dict())
    images = torch.rand(2, *shape)
    with torch.no_grad():
        assert torch.equal(itself.eval()(images), network.eval()(images))
    for architecture in Region(space).draw(np.random.default_rng(1), 3).tolist():
        built = space.build(tuple(architecture))
        assert count(built, shape) == space.cost_of(tuple(architecture))
        scores = built.train()(images)
        scores = scores if isinstance(scores, torch.Tensor) else sum(scores)
        scores.sum().backward()
        assert all(parameter.grad is not None for parameter in built.parameters())


@pytest.mark.parametrize(
    ("name", "decisions"),
    [
        (
            "residual",
            "stem kernel, blocks width, blocks inner width, blocks depth, blocks kernel, down kernel, more width, "
            "more inner width, more depth, more kernel",
        ),
        ("transformer", "blocks width, blocks inner width, blocks depth, activation"),
        ("segmenter", "first width, first kernel, down width, down kernel, up width, last width, last kernel"),
        ("grouped", "first width, first kernel, second width, second kernel"),
        ("recurrent", "hidden width"),
        ("perceptron", "0-2 width, 4 width, activation"),
        ("convolutions", "0 width, 0 kernel, 4 width, 7 width, activation"),
        ("signals", "0 width, 0 kernel, 2 width, 2 kernel, activation"),
        ("encoder", "1.layers width, 1.layers inner width, 1.layers depth, 1.layers heads"),
        (
            "vision_transformer",
            "encoder.layers width, encoder.layers inner width, encoder.layers depth, encoder.layers heads, activation",
        ),
    ],
)
def test_decisions_are_few_and_named_after_modules(name, decisions):
    network, shape = made(name)
    space = space_of(network, input_shape=shape)
    assert ", ".join(decision.name for decision in space.decisions) == decisions
    assert {decision.stage or "activation" for decision in space.decisions} == {
        decision.name.rpartition(" ")[0].removesuffix(" inner") or decision.name for decision in space.decisions
    }


def test_a_deep_network_has_a_decision_for_each_stage_and_kind():
    space = space_of(torchvision.models.resnet18(), input_shape=(3, 32, 32))
    values = {decision.name: decision.options for decision in space.decisions}
    assert len(values) == 18
    assert values["layer2 width"] == (64, 96, 128, 192)
    assert values["layer2 depth"] == (1, 2, 3)
    assert values["layer2 kernel"] == (3, 5)
    assert values["activation"] == ("ReLU", "GELU", "SiLU", "Hardswish")
    assert "- layer2: 128×4×4" in space.description
    assert "layer2 width 128" in space.description


def test_widths_keep_the_numbers_of_heads_and_groups():
    wide = {d.name: d.options for d in space_of(mine.Grouped(), input_shape=(3, 8, 8)).decisions}
    assert all(width % 12 == 0 for width in wide["second width"])  # of 4 groups, and of a norm's 6
    assert all(width % 8 == 0 for width in wide["first width"])
    seen = {d.name: d.options for d in space_of(vision_transformer(), input_shape=(3, 16, 16)).decisions}
    assert all(width % heads == 0 for width in seen["encoder.layers width"] for heads in seen["encoder.layers heads"])


def test_the_head_and_the_input_are_those_of_the_data():
    space = space_of(mine.Residual(), input_shape=(1, 8, 8))
    network = space.build_for(own_architecture(space), 3, 16, 2)
    assert network(torch.zeros(2, 2, 16, 16)).shape == (2, 3)
    assert network.head.in_features == 48 * 64
    colours = space_of(mine.Residual(), input_shape=(3, 8, 8))
    assert colours.network(own_architecture(colours)).stem.in_channels == 3
    maps = space_of(mine.Segmenter(), input_shape=(3, 8, 8))
    assert maps.build_for(own_architecture(maps), 3, 8)(torch.zeros(2, 3, 8, 8)).shape == (2, 5, 8, 8)


def test_the_network_is_left_as_it_is():
    network = mine.Residual().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    space_of(network, input_shape=(1, 8, 8)).build((0,) * 10)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(module.training and "_origin" not in vars(module) for module in network.modules())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


def test_weights_begin_as_those_of_the_network_began():
    network = mine.perceptron()
    nn.init.normal_(network[0].weight, std=0.3)
    nn.init.zeros_(network[0].bias)
    nn.init.uniform_(network[2].weight, -0.5, 0.5)
    space = space_of(network, input_shape=(20,))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        built = space.build((space.decisions[0].options.index(96), 0, 0))
        torch.manual_seed(1)
        again = space.build((space.decisions[0].options.index(96), 0, 0))
    assert all(torch.equal(one, other) for one, other in zip(built.parameters(), again.parameters(), strict=True))
    assert built[0].weight.detach().std() == pytest.approx(0.3, rel=0.1)
    assert not built[0].bias.any()
    assert built[2].weight.shape == (96, 96)
    assert built[2].weight.detach().std() == pytest.approx(0.5 / 3**0.5 * (64 / 96) ** 0.5, rel=0.1)
    assert built[2].weight.detach().abs().max() < 0.5


def test_norms_begin_anew_and_buffers_keep_their_values():
    network = nn.Sequential(mine.small(), nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 4))
    network[0].register_buffer("table", torch.arange(3))
    for _ in range(3):
        network(torch.rand(8, 1, 8, 8) * 9)
    space = space_of(network, input_shape=(1, 8, 8))
    built = space.build((0,) * len(space.decisions))
    assert not built[0][1].running_mean.any()
    assert torch.equal(built[0].table, torch.arange(3))


def test_shared_weights_stay_shared():
    space = space_of(mine.Tied(), input_shape=(16,))
    assert [decision.name for decision in space.decisions] == ["head inner width", "activation"]
    built = space.build((0, 0))
    assert built.one.weight is built.other.weight
    assert built.head[0].weight.shape == (12, 16)


def test_costs_are_sums_of_parts_and_limits_are_exact_where_they_are():
    space = space_of(mine.Residual(), input_shape=(1, 8, 8))
    assert space.parts
    region = Region(space)
    low, high = region.extremes()[0]
    assert low < count(mine.Residual(), (1, 8, 8)).flops < high
    shapes = {decision.name: decision for decision in space.decisions}
    assert max(len(part.decisions) for part in space.parts) < len(shapes)


def test_a_network_that_goes_by_values_is_refused_with_the_way_out():
    with pytest.raises(GeniusError, match=r"ByValues cannot be run without data.*by hand, with a `build`"):
        space_of(mine.ByValues(), input_shape=(4,))


@pytest.mark.parametrize(
    ("network", "options", "error"),
    [
        (lambda: nn.Linear(4, 2), {}, "nothing of Linear can vary"),
        (mine.Residual, {"input_shape": (1, 9, 9)}, r"Residual takes no inputs of shape \[1, 9, 9\]: RuntimeError"),
        (mine.Residual, {"input_shape": ()}, r"whole numbers above 0, got \(\)"),
        (mine.Residual, {"build": mine.Residual}, "builds and counts its variants itself"),
        (mine.signals, {}, "nothing tells the shape of an input of Sequential"),
        (lambda: torch.jit.script(mine.perceptron()), {"input_shape": (20,)}, "is compiled"),
    ],
)
def test_what_cannot_be_varied_is_refused(network, options, error):
    with pytest.raises(GeniusError, match=error):
        space_of(network(), **options)


def test_a_rule_forbids_variants():
    space = space_of(mine.perceptron(), valid=lambda values: values["0-2 width"] > 32 or "too thin")
    assert "too thin" in space.forbids((0,) * len(space.decisions))


def test_the_same_space_is_found_each_time():
    one, other = (space_of(made("residual")[0], input_shape=(1, 8, 8)) for _ in range(2))
    assert one.decisions == other.decisions
    assert one.description == other.description
